// SPDX-License-Identifier: MIT
/// Lets the n-th allocation of the calling thread fail, or of the pools' network threads. Replaces the global operators: include it in one
/// file of an executable only, whose shared libraries allocate with them too. Threads: any fails its own allocations, one at a time the
/// network threads'.
/// Invariant: memory comes from malloc and goes back by free, so that sanitizers see it as before.
#pragma once

#include <pthread.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <string_view>

namespace mempool_test {

// Plain thread-locals: they allocate nothing themselves. A thread fails its own allocations only.
inline thread_local bool armed = false;
inline thread_local bool fired = false;
inline thread_local bool for_good = false;
inline thread_local int left = 0;

// Of the network threads, all counted together
inline std::atomic<int> network_left{-1};  // so many pass, then one fails; -1: none
inline std::atomic<int> network_failed{0};

inline bool on_network_thread() {
    std::array<char, 16> name{};
    pthread_getname_np(pthread_self(), name.data(), name.size());
    return std::string_view(name.data()).starts_with("mempool-net");
}

inline bool fails_on_network_thread() {
    if (network_left < 0 || !on_network_thread() || network_left.fetch_sub(1) != 0) return false;
    ++network_failed;
    return true;
}

inline bool fails_now() {
    if (fails_on_network_thread()) return true;
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

/// While it lives, the n-th allocation of the network threads fails, whichever pool's it is.
class FailingNetwork {
public:
    explicit FailingNetwork(int n) {
        network_failed = 0;
        network_left = n;
    }
    ~FailingNetwork() { network_left = -1; }
    FailingNetwork(const FailingNetwork &) = delete;
    FailingNetwork &operator=(const FailingNetwork &) = delete;
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
