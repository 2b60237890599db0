// SPDX-License-Identifier: MIT
/// A listener of the host's: one cursor on a topic's ring, counted from construction to destruction. One thread at a time calls
/// next(). Must not outlive its ring.
#pragma once

#include <cstdint>

#include "channel/ring.hpp"

namespace mempool {

/// What a listener hears.
struct Heard {
    enum class Kind { event, lagged, closed, timeout };
    Kind kind;
    Offset offset;             // event: its own; lagged: the last one of the gap, after which the stream goes on
    EventPtr event = nullptr;  // event
    std::uint64_t missed = 0;  // lagged
};

class Receiver {
public:
    explicit Receiver(Ring &ring) : ring_(ring), cursor_(ring.subscribe()) {}
    ~Receiver() { ring_.unsubscribe(); }
    Receiver(const Receiver &) = delete;
    Receiver &operator=(const Receiver &) = delete;

    /// The next event, lag or end; timeout where there is none until the deadline.
    Heard next(Instant deadline);
    /// The same without waiting; where there is nothing, the waiter is armed.
    Heard next(Waiter &waiter);

    Ring &ring() const { return ring_; }

private:
    Heard heard(const Ring::Read &read, EventPtr event) const;

    Ring &ring_;
    Offset cursor_;
};

}  // namespace mempool
