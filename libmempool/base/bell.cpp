// SPDX-License-Identifier: MIT
#include "base/bell.hpp"

#include <time.h>

#include <cassert>
#include <cerrno>
#include <chrono>

namespace mempool {

Bell::Bell() noexcept {
    [[maybe_unused]] const int made = sem_init(&semaphore_, 0, 0);
    assert(made == 0);
}

Bell::~Bell() {
    sem_destroy(&semaphore_);
}

void Bell::ring() noexcept {
    // POSIX.1-2017 2.4.3: sem_post is async-signal-safe.
    if (!rung_.exchange(true, std::memory_order_acq_rel)) sem_post(&semaphore_);
}

void Bell::wait() noexcept {
    while (sem_wait(&semaphore_) != 0) {  // EINTR
    }
    heard();
}

bool Bell::wait_until(Instant deadline) noexcept {
    if (deadline == never) {
        wait();
        return true;
    }
    using namespace std::chrono;
    const auto since_boot = deadline.time_since_epoch();
    const auto whole = floor<seconds>(since_boot);
    const timespec until{static_cast<time_t>(whole.count()),
                         static_cast<long>(duration_cast<nanoseconds>(since_boot - whole).count())};
    while (sem_clockwait(&semaphore_, CLOCK_MONOTONIC, &until) != 0)
        if (errno != EINTR) return false;
    heard();
    return true;
}

/// Who rings from here on posts again; who rang before is seen.
void Bell::heard() noexcept {
    rung_.exchange(false, std::memory_order_acq_rel);
}

}  // namespace mempool
