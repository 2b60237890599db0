// SPDX-License-Identifier: MIT
/// What one thread sleeps on and anybody may ring, a signal handler too: ringing takes no lock, allocates nothing and never waits. It
/// costs no descriptor (WakeFd is its twin for a thread that sleeps in epoll). Owned by the sleeper's side; must outlive all who ring.
///
/// A ring is not lost: one that comes before the wait ends it at once. Many before one wait are one. What was written before a ring is
/// seen after the wait that it ended; look then at what you wait for, as a wait may end for a ring that was heard about already.
#pragma once

#include <semaphore.h>

#include <atomic>

#include "base/clock.hpp"

namespace mempool {

class Bell {
public:
    Bell() noexcept;
    ~Bell();
    Bell(const Bell &) = delete;
    Bell &operator=(const Bell &) = delete;

    /// Any thread, any signal handler.
    void ring() noexcept;
    /// The sleeper only, one thread at a time.
    void wait() noexcept;
    /// The same, until the deadline (never: without one); false where it passed.
    bool wait_until(Instant deadline) noexcept;

private:
    void heard() noexcept;

    sem_t semaphore_;
    // A ring that nobody has heard yet: so the semaphore counts to 1 and never overflows. release in ring() pairs with acquire in heard().
    std::atomic<bool> rung_{false};
    static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler rings");
};

}  // namespace mempool
