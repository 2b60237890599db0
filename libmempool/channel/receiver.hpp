// SPDX-License-Identifier: MIT
/// A listener of the host's: one cursor on a topic's ring, counted from construction to destruction. One thread at a time calls
/// next(). Must not outlive its ring.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "base/wake_fd.hpp"
#include "channel/ring.hpp"

namespace mempool {

/// What a listener hears.
struct Heard {
    enum class Kind { event, lagged, reset, closed, timeout };
    Kind kind;
    Offset offset;             // event: its own; lagged, reset: the position after which the stream goes on
    EpochPtr epoch = nullptr;  // of that offset
    EventPtr event = nullptr;  // event
    std::uint64_t missed = 0;  // lagged
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

    /// The next event, lag, reset or end; timeout where there is none until the deadline.
    Heard next(Instant deadline);
    /// The same without waiting; where there is nothing, the waiter is armed.
    Heard next(Waiter &waiter);

    /// A descriptor that is readable exactly while next() would not time out at once: for poll, epoll, asyncio. Made by the first call, the
    /// receiver's own; never to be read or closed by others. Throws std::system_error where the kernel gives none.
    int fd();

    /// How many events were not heard yet, overwritten ones included (A18).
    std::uint64_t length() const { return ring_.length(cursor_); }
    Ring &ring() const { return ring_; }

private:
    Receiver(Ring &ring, Subscribed subscribed)
        : ring_(ring), epoch_(std::move(subscribed.epoch)), cursor_(subscribed.cursor) {}
    Heard heard(Ring::Read read, EventPtr event);

    /// Rung by the ring while it is armed; then the descriptor is readable until next() has found the end.
    struct Bell final : Waiter {
        void wake() noexcept override { fd.ring(); }
        WakeFd fd;
    };
    void quiet_bell();

    Ring &ring_;
    EpochPtr epoch_;
    Cursor cursor_;
    std::unique_ptr<Bell> bell_;  // once somebody asked for the descriptor
};

}  // namespace mempool
