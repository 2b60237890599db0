// SPDX-License-Identifier: MIT
/// The funnel: many producers, one consumer, claimed in one order. Semantics: docs/spec/channels.md B.
///
/// Any thread may push; one thread, the batch thread, drains and sleeps on a bell while there is nothing to. One short leaf lock, under
/// which no data is copied or freed and (but by who then waits in line) nobody is woken. Ids are given in queue order under that lock,
/// so what one drain takes is one range of ids.
///
/// Who waits for room stands in a line, first come first served. Whoever makes room (a drain, one that gives up) moves in, on the
/// waiter's behalf, what the first in line has in its hands: a freed slot is never up for grabs, and none is lost when a waiter goes.
///
/// Invariants: at most `capacity` transactions and `bytes` bytes wait; while somebody stands in line no other push is accepted; what
/// was accepted is drained, also after close.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/bell.hpp"
#include "base/clock.hpp"
#include "channel/completions.hpp"

namespace mempool {

struct Transaction {
    std::uint64_t id;
    std::string data;
    Claim claim = {};
};

class Queue {
public:
    /// never_fits: more than the whole queue could hold.
    enum class Push { accepted, full, full_bytes, closed, timeout, never_fits };

    /// capacity: transactions, exactly; bytes: of their data. At least 1 each; the option table has checked the ranges.
    Queue(std::size_t capacity, std::size_t bytes);
    Queue(const Queue &) = delete;
    Queue &operator=(const Queue &) = delete;

    /// Takes all of `data` or nothing (B8); never blocks. accepted: the strings are moved from, and their ids are first, first + 1 ...
    /// Closed wins over full (B3).
    /// claim: whom each outcome is for, places reserved.
    Push push(std::span<std::string> data, std::uint64_t &first, const Claim &claim = {});
    Push push(std::string data, std::uint64_t &id) { return push({&data, 1}, id); }
    /// The same, but waits in line for room until the deadline: full and full_bytes become timeout.
    /// Throws std::bad_alloc, nothing queued, also where whoever made room had no memory to move it in.
    Push push_until(std::span<std::string> data, std::uint64_t &first, Instant deadline, const Claim &claim = {});

    /// Appends at most `limit` transactions to `out` and gives their number (B6). limit 0 returns at once. Otherwise it waits for the
    /// first one, and then gathers until `gather` has passed since that one came, `limit` are there, the queue is full, or somebody is
    /// in a hurry. 0 only when closed and drained, repeatably. Batch thread only.
    std::size_t drain(std::vector<Transaction> &out, std::size_t limit, milliseconds gather);
    /// Only the waiting of that: a drain with the same limits does not wait then. Whether it will find something. Batch thread only.
    bool await(std::size_t limit, milliseconds gather);

    /// Tells the listener once, when there is room for one (now, if there is) or the queue is closed. Who asks twice before that
    /// is told once.
    void when_room(const std::shared_ptr<RoomListener> &listener);

    /// What was accepted before is not gathered any longer. Gives the id accepted last.
    std::uint64_t hurry();
    /// Later pushes are refused, who stands in line too; a drain that gathers returns at once.
    void close();
    /// The same, as far as a signal handler can begin it: no lock, no memory. Later pushes are refused at once; the consumer does the
    /// rest at its next drain: who stands in line, and who waits for room, is told then.
    void request_close() noexcept;

    /// Whether a push of one byte would not be told that the queue is full.
    bool takes_more() const;
    std::size_t length() const;
    std::size_t bytes() const;
    /// The id given last; 0 where none was.
    std::uint64_t last_id() const;

private:
    struct Waiting;
    class Locked;

    /// acquire: pairs with the release in request_close()
    bool refuses() const { return closed_ || close_requested_.load(std::memory_order_acquire); }
    void await_locked(std::unique_lock<std::mutex> &lock, std::size_t limit, milliseconds gather);
    bool sleep(std::unique_lock<std::mutex> &lock, std::size_t wake_at, Instant deadline);
    /// push_until(); listeners: those whom a place that was given up makes room for, to be told without the lock.
    Push wait_in_line(std::span<std::string> data, std::uint64_t &first, Instant deadline, const Claim &claim,
                      std::vector<std::weak_ptr<RoomListener>> &listeners);
    Push check(std::span<const std::string> data, std::size_t bytes) const;
    void accept(std::span<std::string> data, std::size_t bytes, std::uint64_t &first, const Claim &claim);
    bool has_room() const;
    std::vector<std::weak_ptr<RoomListener>> take_room_listeners();
    void serve_line();
    void leave_line(Waiting &waiting);
    bool ready(std::size_t limit) const;

    const std::size_t capacity_;
    const std::size_t bytes_max_;
    Bell bell_;  // the consumer sleeps on it
    std::atomic<bool> close_requested_{false};

    mutable std::mutex mutex_;  // leaf; guards all below
    std::deque<Transaction> waiting_;
    std::size_t bytes_ = 0;
    std::uint64_t last_id_ = 0;
    Instant first_came_{};        // when the front of the queue, or one before it, came
    std::size_t wake_at_ = 0;     // the length at which the sleeping consumer wants to be woken; 0: it is awake
    std::uint64_t hurry_to_ = 0;  // ids up to this one are not gathered any longer
    bool refused_ = false;        // somebody found it full: gathering longer would only refuse more
    bool ring_due_ = false;       // for the consumer, as soon as the lock is given back
    bool closed_ = false;
    Waiting *line_first_ = nullptr;
    Waiting *line_last_ = nullptr;
    std::vector<std::weak_ptr<RoomListener>> room_listeners_;
};

}  // namespace mempool
