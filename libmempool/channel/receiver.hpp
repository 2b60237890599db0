// SPDX-License-Identifier: MIT
/// A listener of the host's: one cursor on a topic's ring, counted from construction to destruction. One thread at a time calls
/// next(). Must not outlive its ring.
///
/// It looks ahead: a few small events are taken from the ring under one lock. Each is heard only if the ring retains it still at that
/// moment, so lag is counted as if it did not; what it may hold on to for that is bounded, and nothing where it never reads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/wake_fd.hpp"
#include "channel/ring.hpp"

namespace mempool {

/// What a listener hears.
struct Heard {
    enum class Kind { event, lagged, reset, closed, timeout };
    Kind kind = Kind::event;
    Offset offset;                       // event: its own; lagged, reset: the position after which the stream goes on
    const std::string *epoch = nullptr;  // of that offset; the receiver's, until it reads a reset
    EventPtr event = nullptr;            // event
    std::uint64_t missed = 0;            // lagged
};

class Receiver {
public:
    /// From now on (A7).
    explicit Receiver(Ring &ring) : Receiver(ring, ring.subscribe()) {}
    /// After the event `heard` of `epoch`.
    Receiver(Ring &ring, std::string_view epoch, Offset heard) : Receiver(ring, ring.subscribe(epoch, heard)) {}
    ~Receiver();
    Receiver(const Receiver &) = delete;
    Receiver &operator=(const Receiver &) = delete;

    // One object is filled and returned: a copy of it, right behind its writes, would cost more than all else here.

    /// The next event, lag, reset or end; timeout where there is none until the deadline.
    Heard next(Instant deadline) {
        Heard heard;
        if (!next_seen(heard)) look(heard, deadline);
        return heard;
    }
    /// The same without waiting; where there is nothing, the waiter is armed.
    Heard next(Waiter &waiter) {
        Heard heard;
        if (!next_seen(heard)) look(heard, waiter);
        return heard;
    }

    /// A descriptor that is readable exactly while next() would not time out at once: for poll, epoll, asyncio. Made by the first call, the
    /// receiver's own; never to be read or closed by others. Throws std::system_error where the kernel gives none.
    int fd();

    /// How many events were not heard yet, overwritten ones included (A18).
    std::uint64_t length() const { return ring_.length(cursor_); }
    Ring &ring() const { return ring_; }
    /// For who keeps what was heard longer than the receiver.
    const EpochPtr &epoch() const { return epoch_; }

private:
    Receiver(Ring &ring, Subscribed subscribed)
        : ring_(ring), epoch_(std::move(subscribed.epoch)), cursor_(subscribed.cursor) {}
    /// Gives the event that was looked ahead at, where it is retained still.
    bool next_seen(Heard &heard) {
        if (ahead_next_ == ahead_end_ || bell_ || !ring_.retains(cursor_)) return false;
        give(heard);
        return true;
    }
    void give(Heard &heard) noexcept {
        heard.event = std::move(ahead_[ahead_next_++]);
        heard.offset = cursor_.next;
        heard.epoch = epoch_.get();
        ++cursor_.next;
    }
    void look(Heard &heard, Instant deadline);
    void look(Heard &heard, Waiter &waiter);
    bool look_ahead(Heard &heard);
    void fill(Heard &heard, Ring::Read read);

    /// Rung by the ring while it is armed; then the descriptor is readable until next() has found the end.
    struct Bell final : Waiter {
        void wake() noexcept override { fd.ring(); }
        WakeFd fd;
    };
    void quiet_bell();

    Ring &ring_;
    EpochPtr epoch_;
    Cursor cursor_;  // of what is heard next
    static constexpr std::size_t ahead_max = 16;
    static constexpr std::size_t ahead_bytes_max = 4096;
    std::array<EventPtr, ahead_max> ahead_;  // [ahead_next_, ahead_end_): the events from the cursor's on
    std::size_t ahead_next_ = 0;
    std::size_t ahead_end_ = 0;
    std::unique_ptr<Bell> bell_;  // once somebody asked for the descriptor
};

}  // namespace mempool
