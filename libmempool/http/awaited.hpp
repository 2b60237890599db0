// SPDX-License-Identifier: MIT
/// Who waits on the network thread for the outcome of a transaction: HTTP sessions, and clients of the stream. Whoever settles hands them
/// one list a tick, by a completion queue whose descriptor is watched here; each is told on the network thread.
/// Owned by the listener; network thread only, but for the completion queue.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "channel/completions.hpp"
#include "fanout/watched.hpp"

namespace mempool::http {

class Awaited {
public:
    /// capacity: of those that wait at once. Throws std::system_error, or Asio's own, where there is no descriptor.
    Awaited(boost::asio::io_context &context, std::size_t capacity);
    Awaited(const Awaited &) = delete;
    Awaited &operator=(const Awaited &) = delete;

    /// Whoever waited may be gone: that is its own to know. std::bad_alloc: what it
    /// was told is lost to it, and its own to care for.
    using Told = std::function<void(const Completion &)>;

    /// Of a new ticket, for Outcomes::watch() or a submission: where it will be told, wait_for() is called before this thread goes on.
    Claim claim() { return {completions_, ++last_ticket_}; }
    /// std::bad_alloc: its outcome will find nobody.
    void wait_for(std::uint64_t ticket, Told told) { waiting_.emplace(ticket, std::move(told)); }
    /// It will not be told.
    void forget(std::uint64_t ticket) noexcept { waiting_.erase(ticket); }
    /// Tells all that has been settled, without waiting for the descriptor's turn.
    void tell_all();
    /// To be called after a std::bad_alloc anywhere on this thread: it may have hit what this hears the outcomes by.
    void go_on();
    /// How many wait.
    std::size_t waiting() const { return waiting_.size(); }

private:
    void watch();
    std::size_t hand_out();

    std::shared_ptr<Completions> completions_;  // with every transaction under way: it may outlive this
    Watched told_;                              // completions_ is the owner
    std::unordered_map<std::uint64_t, Told> waiting_;
    std::vector<Completion> settled_;
    std::size_t handed_out_ = 0;  // of these
    std::uint64_t last_ticket_ = 0;
};

}  // namespace mempool::http
