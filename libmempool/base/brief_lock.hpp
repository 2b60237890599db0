// SPDX-License-Identifier: MIT
/// A lock for sections of nanoseconds that many threads pass all the time. Free, it costs one atomic exchange each way, inline. Taken, it
/// is watched for about a microsecond, more and more seldom, so that its holder keeps the cache line and often passes several times in
/// a row; whoever sees no end of that (its holder was put off the processor) sleeps until it is woken. Not fair, not recursive; a
/// BasicLockable, for std::lock_guard and std::unique_lock.
///
/// Never sleep or call the system while you hold it: what is to be woken is woken after.
#pragma once

#include <atomic>
#include <cstdint>

namespace mempool {

class BriefLock {
public:
    BriefLock() = default;
    BriefLock(const BriefLock &) = delete;
    BriefLock &operator=(const BriefLock &) = delete;

    void lock() noexcept {
        std::uint32_t expected = free;
        // acquire: pairs with the release in unlock()
        if (!state_.compare_exchange_strong(expected, held, std::memory_order_acquire, std::memory_order_relaxed))
            lock_contended();
    }
    void unlock() noexcept {
        if (state_.exchange(free, std::memory_order_release) == held_and_awaited) wake_one();
    }

private:
    static constexpr std::uint32_t free = 0;
    static constexpr std::uint32_t held = 1;
    static constexpr std::uint32_t held_and_awaited = 2;  // somebody may sleep: who unlocks wakes one

    void lock_contended() noexcept;
    void wake_one() noexcept;

    std::atomic<std::uint32_t> state_{free};
};

}  // namespace mempool
