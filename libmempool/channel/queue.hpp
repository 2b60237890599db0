// SPDX-License-Identifier: MIT
/// The funnel: many producers, one consumer, claimed in one order. Semantics: docs/spec/channels.md B.
///
/// Any thread may push; one thread, the batch thread, drains and sleeps on a bell while there is nothing to. One short leaf lock, under
/// which at most the bytes of small transactions are copied, into pages that are there already or are had for hundreds of them at
/// once; nothing is freed and nobody is woken under it. The consumer takes all pages in one step and reads them without it. Ids are
/// given in queue order under that lock, so what one drain takes is one range of ids.
///
/// Who waits for room stands in a line, first come first served. Whoever makes room (a drain, one that gives up) moves in, on the
/// waiter's behalf, what the first in line has in its hands: a freed slot is never up for grabs, and none is lost when a waiter goes.
///
/// Invariants: at most `capacity` transactions and `bytes` bytes wait, those in pages that the consumer has taken and not given out
/// included; while somebody stands in line no other push is accepted; what
/// was accepted is drained, also after close.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bell.hpp"
#include "base/brief_lock.hpp"
#include "base/clock.hpp"
#include "channel/completions.hpp"
#include "channel/pages.hpp"

namespace mempool {

class Queue {
public:
    /// never_fits: more than the whole queue could hold.
    enum class Push { accepted, full, full_bytes, closed, timeout, never_fits };

    /// capacity: transactions, exactly; bytes: of their data. At least 1 each; the option table has checked the ranges.
    Queue(std::size_t capacity, std::size_t bytes);
    ~Queue();
    Queue(const Queue &) = delete;
    Queue &operator=(const Queue &) = delete;

    /// Takes all of `data` or nothing (B8); never blocks. accepted: their ids are first, first + 1 ..., and long strings are moved from.
    /// Closed wins over full (B3).
    /// claim: whom each outcome is for, places reserved.
    Push push(std::span<std::string> data, std::uint64_t &first, const Claim &claim = {});
    /// The same for borrowed bytes, which are copied; each of at most copied_max_bytes.
    Push push(std::span<const std::string_view> data, std::uint64_t &first, const Claim &claim = {});
    /// The same for one, however long.
    Push push(std::string_view data, std::uint64_t &id, const Claim &claim = {});
    /// The same, but waits in line for room until the deadline: full and full_bytes become timeout.
    /// Throws std::bad_alloc, nothing queued, also where whoever made room had no memory to move it in.
    Push push_until(std::span<std::string> data, std::uint64_t &first, Instant deadline, const Claim &claim = {});

    /// Appends at most `limit` transactions to `out` and gives their number (B6). limit 0 returns at once. Otherwise it waits for the
    /// first one, and then gathers until `gather` has passed since that one came, `limit` are there, the queue is full, or somebody is
    /// in a hurry. 0 only when closed and drained, repeatably. The data stays where it is until the next drain() or await(). Batch
    /// thread only.
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
    using Lock = std::unique_lock<BriefLock>;
    using RoomListeners = std::vector<std::weak_ptr<RoomListener>>;
    struct Waiting;
    class Locked;
    struct Place {
        Page *page = nullptr;
        std::size_t at = 0;
    };

    /// acquire: pairs with the release in request_close()
    bool refuses() const { return closed_ || close_requested_.load(std::memory_order_acquire); }
    template <class Bytes>
    Push push_all(std::span<Bytes> data, std::uint64_t &first, const Claim &claim);
    /// push_until(); listeners: those whom a place that was given up makes room for, to be told without the lock.
    Push wait_in_line(std::span<std::string> data, std::uint64_t &first, Instant deadline, const Claim &claim,
                      RoomListeners &listeners);
    Push check(std::size_t count, std::size_t bytes) const;
    template <class Bytes>
    void accept(std::span<Bytes> data, std::size_t bytes, std::uint64_t &first, const Claim &claim);
    template <class Bytes>
    void make_pages(std::span<Bytes> data, bool claimed);
    Page &page_for(std::size_t record) noexcept;

    void await_locked(Lock &lock, std::size_t limit, milliseconds gather);
    bool sleep(Lock &lock, std::size_t wake_at, Instant deadline);
    void let_go() noexcept;
    std::size_t read(std::vector<Transaction> &out, std::size_t count);
    bool has_room() const;
    RoomListeners take_room_listeners();
    void serve_line(Waiting *&served);
    void leave_line(Waiting &waiting);
    bool ready(std::size_t limit) const;

    const std::size_t capacity_;
    const std::size_t bytes_max_;
    std::atomic<bool> close_requested_{false};

    // The batch thread's own: the pages that it took from the producers, from the one on that it stands in.
    alignas(64) Chain taken_;
    Place read_to_;              // what comes before was given out,
    Place given_from_;           // from here on by the last drain
    std::size_t unread_ = 0;     // records behind `read_to_`
    std::uint64_t next_id_ = 1;  // of the first of these
    Chain returned_;             // read, to be written again
    std::size_t returns_ = 0;    // how many
    Bell bell_;                  // it sleeps on it

    // What producers touch lies close together, and apart from the above.
    alignas(64) mutable BriefLock mutex_;  // leaf; guards all below
    bool closed_ = false;
    bool refused_ = false;    // somebody found it full: gathering longer would only refuse more
    bool ring_due_ = false;   // for the consumer, as soon as the lock is given back
    bool gathers_ = true;     // the consumer asks when the first one came
    std::size_t length_ = 0;  // what waits, that in pages taken included
    std::size_t bytes_ = 0;
    std::uint64_t last_id_ = 0;
    std::size_t wake_at_ = 0;  // the length at which the sleeping consumer wants to be woken; 0: it is awake
    Waiting *line_first_ = nullptr;
    Waiting *line_last_ = nullptr;
    Chain written_;  // the last one is being written
    Chain spare_;    // empty
    std::size_t spares_ = 0;
    Instant first_came_{};        // when the front of the queue, or one before it, came
    std::uint64_t hurry_to_ = 0;  // ids up to this one are not gathered any longer
    RoomListeners room_listeners_;
};

}  // namespace mempool
