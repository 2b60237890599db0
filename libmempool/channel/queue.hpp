// SPDX-License-Identifier: MIT
/// The funnel: many producers, one consumer, claimed in one order. Semantics: docs/spec/channels.md B.
///
/// Any thread may push; one thread, the batch thread, drains. One short leaf lock, under which no data is copied or freed.
/// Ids are given in queue order under that lock, so what one drain takes is one range of ids.
///
/// Invariants: at most `capacity` transactions and `bytes` bytes wait; what was accepted is drained, also after close.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace mempool {

struct Transaction {
    std::uint64_t id;
    std::string data;
};

class Queue {
public:
    enum class Push { accepted, full, full_bytes, closed };

    /// capacity: transactions, exactly; bytes: of their data. At least 1 each; the option table has checked the ranges.
    Queue(std::size_t capacity, std::size_t bytes);
    Queue(const Queue &) = delete;
    Queue &operator=(const Queue &) = delete;

    /// Never blocks. accepted: `id` is the transaction's. Else nothing was queued. Closed wins over full (B3).
    Push push(std::string data, std::uint64_t &id);

    /// Appends at most `limit` transactions to `out` and gives their number (B6). limit 0 returns at once. Otherwise it waits for the
    /// first one, and then gathers until `gather` has passed since that one came, `limit` are there, or the queue is full. 0 only
    /// when closed and drained, repeatably. Batch thread only.
    std::size_t drain(std::vector<Transaction> &out, std::size_t limit, milliseconds gather);

    /// Later pushes are refused; a drain that gathers returns at once.
    void close();

    std::size_t length() const;
    /// The id given last; 0 where none was.
    std::uint64_t last_id() const;

private:
    bool ready(std::size_t limit) const;

    const std::size_t capacity_;
    const std::size_t bytes_max_;

    mutable std::mutex mutex_;  // leaf; guards all below
    std::condition_variable news_;
    std::deque<Transaction> waiting_;
    std::size_t bytes_ = 0;
    std::uint64_t last_id_ = 0;
    Instant first_came_{};        // when the front of the queue, or one before it, came
    std::size_t wake_at_ = 0;     // the length at which the sleeping consumer wants to be woken; 0: it is awake
    bool refused_bytes_ = false;  // full by bytes: gathering longer would only refuse more
    bool closed_ = false;
};

}  // namespace mempool
