// SPDX-License-Identifier: MIT
#include "base/brief_lock.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace mempool {
namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t), "the kernel looks at the word itself");

void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("isb");
#endif
}

constexpr unsigned longest_pause = 64;  // relax()es between two looks
constexpr unsigned looks = 12;          // 1, 2, 4 ... 64, 64, 64 of them: about a microsecond in all

}  // namespace

void BriefLock::lock_contended() noexcept {
    unsigned pause = 1;
    for (unsigned look = 0; look < looks; ++look) {
        for (unsigned count = 0; count < pause; ++count) relax();
        if (pause < longest_pause) pause *= 2;
        std::uint32_t expected = free;
        if (state_.load(std::memory_order_relaxed) == free &&
            state_.compare_exchange_weak(expected, held, std::memory_order_acquire, std::memory_order_relaxed))
            return;
    }
    // Whoever slept takes it as awaited, as others may sleep still: at worst one wake too many.
    const int before = errno;
    while (state_.exchange(held_and_awaited, std::memory_order_acquire) != free)
        syscall(SYS_futex, &state_, FUTEX_WAIT_PRIVATE, held_and_awaited, nullptr, nullptr, 0);
    errno = before;
}

void BriefLock::wake_one() noexcept {
    syscall(SYS_futex, &state_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

}  // namespace mempool
