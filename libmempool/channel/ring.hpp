// SPDX-License-Identifier: MIT
/// The fan's one store: the last events of a topic in one total order, and who listens. Semantics: docs/spec/channels.md A.
///
/// Any thread may append, subscribe and read: one short leaf lock, under which no user code runs, no event is destroyed and no other
/// lock is taken. The ring knows its listeners by number only; each keeps its own cursor, the offset of the next event that it
/// wants. A ring must outlive its listeners.
///
/// Invariants: tail - head <= capacity; the payloads retained are at most `bytes`, or one event; the offsets head..tail-1 have no
/// holes; an appended event never changes.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

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

class Ring {
public:
    struct Appended {
        Offset offset;          // of the event
        std::size_t listeners;  // subscribed at that moment, those that will lag included (A3)
    };
    enum class Outcome { events, lagged, closed, empty };
    struct Read {
        Outcome outcome;
        std::size_t count = 0;  // events: how many were read; their offsets end at the cursor
        std::uint64_t missed =
            0;        // lagged: how many were overwritten unheard; the cursor is at the oldest retained now
        Offset head;  // the oldest retained event, at that moment; the tail where there is none
    };

    /// capacity: events, exactly; bytes: of payloads. At least 1 each; the option table has checked the ranges. epoch: a-z0-9.
    Ring(std::size_t capacity, std::size_t bytes, std::string epoch);
    ~Ring();
    Ring(const Ring &) = delete;
    Ring &operator=(const Ring &) = delete;

    /// Never waits for a listener (A3, A5). Nothing where the ring is closed.
    std::optional<Appended> append(EventPtr event);

    /// Counts one more listener and gives its cursor, from now on (A7), in one step.
    Offset subscribe();
    void unsubscribe();
    std::size_t listeners() const;

    /// Reads up to out.size() events from `cursor` on and moves it. With a waiter, an `empty` arms it (no lost wake-up).
    Read read(Offset &cursor, std::span<EventPtr> out, Waiter *waiter = nullptr);
    /// The same, but waits until there is something, or the deadline passes (`empty`). Cancelled or timed out, it loses nothing (A22).
    Read read_until(Offset &cursor, std::span<EventPtr> out, Instant deadline);
    void disarm(Waiter &waiter);

    /// Every waiter wakes; each listener drains, then reads `closed` (A20). Again: nothing.
    void close();

    const std::string &epoch() const { return epoch_; }

private:
    struct Doorbell;

    Read read_locked(Offset &cursor, std::span<EventPtr> out);
    void arm(Waiter &waiter);
    void unlink(Waiter &waiter);
    void wake_all();
    bool over_bytes() const { return bytes_ > bytes_max_ && tail_ - head_ > 1; }
    EventPtr &slot(Offset offset) { return slots_[offset.value % slots_.size()]; }

    const std::size_t bytes_max_;
    const std::string epoch_;

    mutable std::mutex mutex_;  // leaf; guards all below
    std::vector<EventPtr> slots_;
    std::size_t bytes_ = 0;
    Offset head_{1};
    Offset tail_{1};
    std::size_t listeners_ = 0;
    bool closed_ = false;
    Waiter *waiters_ = nullptr;
};

}  // namespace mempool
