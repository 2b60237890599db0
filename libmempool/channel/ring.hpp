// SPDX-License-Identifier: MIT
/// The fan's one store: the last events of a topic in one total order, and who listens. Semantics: docs/spec/channels.md A.
///
/// Any thread may append, subscribe and read: one short leaf lock, under which no user code runs, no event is destroyed and no other
/// lock is taken. The ring knows its listeners by number only; each keeps its own cursor. A ring must outlive its listeners.
///
/// The epoch is the ring's. A history is what one epoch tells: it ends when the ring is restarted (events gone, offsets begin
/// anew) or renamed (events and offsets stay), and every cursor of an older history reads `reset` before anything else.
///
/// Invariants: tail - head <= capacity; the payloads retained are at most `bytes`, or one event; the offsets head..tail-1 have no
/// holes; an appended event never changes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/brief_lock.hpp"
#include "base/clock.hpp"
#include "channel/event.hpp"
#include "channel/offset.hpp"

namespace mempool {

/// Somebody who sleeps until the ring has news. Armed by a read that found nothing; rung at most once for it, under the ring's lock,
/// by the next append or close; disarmed by the ring. Must be disarmed (or rung) before it goes.
class Waiter {
public:
    /// Must take no lock and call nothing back.
    virtual void wake() noexcept = 0;

protected:
    ~Waiter() = default;

private:
    friend class Ring;
    Waiter *previous_ = nullptr;
    Waiter *next_ = nullptr;
    bool armed_ = false;
};

using EpochPtr = std::shared_ptr<const std::string>;

/// Where a listener stands. A value, its listener's own.
struct Cursor {
    Offset next;                // the event that it wants next
    std::uint32_t history = 0;  // the one that `next` belongs to
    bool reset_due = false;     // it came with a position that this history does not know
};

/// A new listener's cursor, the epoch it belongs to, and what was retained at that moment: head..tail-1.
struct Subscribed {
    Cursor cursor;
    EpochPtr epoch;
    Offset head;
    Offset tail;
};

class Ring {
public:
    struct Appended {
        Offset offset;          // of the event
        std::size_t listeners;  // subscribed at that moment, those that will lag included (A3)
    };
    enum class Outcome { events, lagged, reset, closed, empty };
    struct Read {
        Outcome outcome;
        std::size_t count = 0;  // events: how many were read; their offsets end at the cursor
        std::uint64_t missed =
            0;        // lagged: how many were overwritten unheard; the cursor is at the oldest retained now
        Offset head;  // the oldest retained event, at that moment; the tail where there is none
        EpochPtr epoch = nullptr;  // reset: the new one; the cursor stands where the stream goes on
        bool emptied = false;      // reset: the events before are gone, offsets began anew
    };

    /// capacity: events, exactly; bytes: of payloads. At least 1 each; the option table has checked the ranges. epoch: a-z0-9.
    Ring(std::size_t capacity, std::size_t bytes, std::string epoch);
    ~Ring();
    Ring(const Ring &) = delete;
    Ring &operator=(const Ring &) = delete;

    /// Never waits for a listener (A3, A5). Nothing where the ring is closed.
    std::optional<Appended> append(EventPtr event) { return append_if(std::move(event), nullptr); }
    /// The same, if `offset` is the tail; else nothing, and nothing has changed. For a source whose engine gives the offsets.
    std::optional<Appended> append_at(Offset offset, EventPtr event) { return append_if(std::move(event), &offset); }
    /// The events from the tail up to, but without, `offset` are lost: every listener reads how many it missed. What was retained
    /// goes too, so that there are no holes. Not before the tail.
    void skip_to(Offset offset);
    /// The history ended and another begins, empty, with `first`: every listener reads `reset`, then all that comes from `first` on.
    void restart(std::string epoch, Offset first);
    /// The history goes on under another name: events and offsets stay, every listener reads `reset` and goes on where it was.
    void rename(std::string epoch);

    /// Counts one more listener and gives its cursor, from now on (A7), in one step.
    Subscribed subscribe();
    /// The same, from a position: after the event `heard` of `epoch`. A position that this history does not know (another epoch, or the
    /// future) reads `reset` first, then all that is retained. An empty epoch asks for all that is retained, and is never reset.
    Subscribed subscribe(std::string_view epoch, Offset heard);
    void unsubscribe();
    std::size_t listeners() const;
    /// How many events a listener has not read, overwritten ones included (A18).
    std::uint64_t length(const Cursor &cursor) const;
    struct Retained {
        std::size_t events;
        std::size_t bytes;  // of their payloads
        EpochPtr epoch;
        Offset tail;
    };
    /// All of one moment.
    Retained retained() const;
    /// The offset that the next event will have.
    Offset tail() const;

    /// Copies events from the cursor's on, which does not move: the first, and those behind it while together they have at most
    /// `bytes` of payload; their number. 0: none is there, or there is something else to be read first.
    std::size_t look_ahead(const Cursor &cursor, std::span<EventPtr> out, std::size_t bytes) const;
    /// Whether the cursor's event, which was seen, is retained still: a read now would give it. Takes no lock.
    bool retains(const Cursor &cursor) const {
        // acquire: a history that ended with this head, or before it, is seen to have ended
        const std::uint64_t head = head_now_.load(std::memory_order_acquire);
        return cursor.next.value >= head && cursor.history == history_now_.load(std::memory_order_relaxed);
    }
    /// Reads up to out.size() events from `cursor` on and moves it. With a waiter, an `empty` arms it (no lost wake-up).
    Read read(Cursor &cursor, std::span<EventPtr> out, Waiter *waiter = nullptr);
    /// The same, but waits until there is something, or the deadline passes (`empty`). Cancelled or timed out, it loses nothing (A22).
    Read read_until(Cursor &cursor, std::span<EventPtr> out, Instant deadline);
    /// Arms the waiter if a read would be `empty`; false, and not armed, where there is something to read.
    bool arm_if_idle(const Cursor &cursor, Waiter &waiter);
    void disarm(Waiter &waiter);

    /// Every waiter wakes; each listener drains, then reads `closed` (A20). Again: nothing.
    void close();

    EpochPtr epoch() const;

private:
    struct Doorbell;

    std::optional<Appended> append_if(EventPtr &&event, const Offset *only_at);
    Read read_locked(Cursor &cursor, std::span<EventPtr> out);
    void arm(Waiter &waiter);
    void unlink(Waiter &waiter);
    void wake_all();
    bool over_bytes() const { return bytes_ > bytes_max_ && tail_ - head_ > 1; }
    /// Where a retained event stands, or the next one will.
    const EventPtr &slot(Offset offset) const {
        const std::size_t place =
            head_place_ + (offset - head_);  // no division: it would be the dearest step of a read
        return slots_[place < slots_.size() ? place : place - slots_.size()];
    }
    EventPtr &slot(Offset offset) { return const_cast<EventPtr &>(std::as_const(*this).slot(offset)); }
    /// into: empty.
    void take_oldest(EventPtr &into) noexcept;
    void show() noexcept;
    void evict_over_bytes();

    const std::size_t bytes_max_;
    // What retains() reads: head_ and history_ as they were when the lock was given back last. Stored in this order: history, then head.
    std::atomic<std::uint32_t> history_now_{0};
    std::atomic<std::uint64_t> head_now_{1};

    mutable BriefLock mutex_;  // leaf; guards all below
    EpochPtr epoch_;
    std::uint32_t history_ = 0;
    std::uint32_t restarted_ = 0;  // the history that the last restart began,
    Offset restarted_at_{1};       // and its first offset
    std::vector<EventPtr> slots_;
    std::size_t bytes_ = 0;
    Offset head_{1};
    std::size_t head_place_ = 0;  // in slots_
    Offset tail_{1};
    std::size_t listeners_ = 0;
    bool closed_ = false;
    Waiter *waiters_ = nullptr;
};

}  // namespace mempool
