// SPDX-License-Identifier: MIT
/// Lets the n-th allocation of the calling thread fail. Replaces the global operators: include it in one file of an executable only,
/// whose shared libraries allocate with them too. Threads: each fails its own allocations only.
/// Invariant: memory comes from malloc and goes back by free, so that sanitizers see it as before.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace mempool_test {

// Plain thread-locals: they allocate nothing themselves. A thread fails its own allocations only.
inline thread_local bool armed = false;
inline thread_local bool fired = false;
inline thread_local bool for_good = false;
inline thread_local int left = 0;

inline bool fails_now() {
    if (!armed) return false;
    if (left-- > 0) return false;
    left = 0;
    armed = for_good;
    return fired = true;
}

/// While it lives, the calling thread's n-th allocation fails, and with `all` each one after it.
class Failing {
public:
    Failing(int n, bool all) {
        left = n;
        for_good = all;
        fired = false;
        armed = true;
    }
    ~Failing() { armed = false; }
    Failing(const Failing &) = delete;
    Failing &operator=(const Failing &) = delete;
};

}  // namespace mempool_test

// Not inlined: g++ 12 would see free() of what some other `new` returned, and warn (-Wmismatched-new-delete).
[[gnu::noinline]] void *operator new(std::size_t bytes) {
    if (!mempool_test::fails_now())
        if (void *memory = std::malloc(bytes > 0 ? bytes : 1)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void *operator new(std::size_t bytes, const std::nothrow_t &) noexcept {
    return mempool_test::fails_now() ? nullptr : std::malloc(bytes > 0 ? bytes : 1);
}
[[gnu::noinline]] void operator delete(void *memory) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void *memory, std::size_t) noexcept {
    std::free(memory);
}
