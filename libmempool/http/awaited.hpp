// SPDX-License-Identifier: MIT
/// Sessions that wait for the outcome of a transaction. Whoever settles hands them one list a tick, by a completion queue whose
/// descriptor is watched here; each gets its outcome on the network thread, or nothing if it has gone meanwhile.
/// Owned by the listener; network thread only, but for the completion queue.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "channel/completions.hpp"

namespace mempool::http {

class Session;

class Awaited {
public:
    /// capacity: of those that wait at once. Throws std::system_error, or Asio's own, where there is no descriptor.
    Awaited(boost::asio::io_context &context, std::size_t capacity);
    ~Awaited();
    Awaited(const Awaited &) = delete;
    Awaited &operator=(const Awaited &) = delete;

    /// Of a new ticket, for Outcomes::watch(): where that will tell it, wait_for() is called before this thread goes on.
    Claim claim() { return {completions_, ++last_ticket_}; }
    /// std::bad_alloc: its outcome will find nobody.
    void wait_for(std::uint64_t ticket, const std::shared_ptr<Session> &session);
    /// To be called after a std::bad_alloc anywhere on this thread: it may have hit what this hears the outcomes by.
    void go_on();

private:
    void watch();
    void hand_out();

    std::shared_ptr<Completions> completions_;    // with every transaction under way: it may outlive this
    boost::asio::posix::stream_descriptor told_;  // completions_ is the owner
    std::unordered_map<std::uint64_t, std::weak_ptr<Session>> sessions_;
    std::vector<Completion> settled_;
    std::uint64_t last_ticket_ = 0;
    bool watching_ = false;
};

}  // namespace mempool::http
