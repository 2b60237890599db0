// SPDX-License-Identifier: MIT
/// Who waits on one network thread for the outcome of a transaction: HTTP sessions, and clients of the stream. Whoever settles hands them
/// one list a tick, by a completion queue whose descriptor is watched here; each is told on that thread.
/// Owned by its connections; network thread only, but for the completion queue.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "batch/outcomes.hpp"
#include "channel/completions.hpp"
#include "fanout/watched.hpp"

namespace mempool::http {

class Awaited {
public:
    /// outcomes: outlives it. Throws std::system_error, or Asio's own, where there is no descriptor.
    Awaited(boost::asio::io_context &context, Outcomes &outcomes);
    Awaited(const Awaited &) = delete;
    Awaited &operator=(const Awaited &) = delete;

    /// Whoever is gone by then should have been forgotten. std::bad_alloc: what it was told is lost to it, and its own to care for.
    using Told = std::function<void(const Completion &)>;

    /// Of a new ticket, for Outcomes::watch() or a submission: where it will be told, wait_for() is called before this thread goes on.
    Claim claim() { return {completions_, ++last_ticket_}; }
    /// watched: the id, where the ticket's claim went to Outcomes::watch(); 0 where it went with a submission.
    /// std::bad_alloc: it will not be told, and watches no more.
    void wait_for(std::uint64_t ticket, Told told, std::uint64_t watched = 0);
    /// The ticket's claim has gone to Outcomes::watch() since.
    void watches(std::uint64_t ticket, std::uint64_t id) noexcept { waiting_.find(ticket)->second.watched = id; }
    /// It will not be told, and takes no place any more.
    void forget(std::uint64_t ticket) noexcept;
    /// Tells all that has been settled, without waiting for the descriptor's turn.
    void tell_all();
    /// To be called after a std::bad_alloc anywhere on this thread: it may have hit what this hears the outcomes by.
    void go_on();
    /// How many wait.
    std::size_t waiting() const { return waiting_.size(); }

private:
    struct Waiting {
        Told told;
        std::uint64_t watched;
    };
    void watch();
    std::size_t hand_out();

    Outcomes &outcomes_;
    // With every transaction under way: it may outlive this. Without a capacity of its own: each place is somebody's who waits, of whom a
    // connection has a limited number, or a transaction's in the queue.
    std::shared_ptr<Completions> completions_;
    Watched told_;  // completions_ is the owner
    std::unordered_map<std::uint64_t, Waiting> waiting_;
    std::vector<Completion> settled_;
    std::size_t handed_out_ = 0;  // of these
    std::uint64_t last_ticket_ = 0;
};

}  // namespace mempool::http
