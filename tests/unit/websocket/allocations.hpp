// SPDX-License-Identifier: MIT
/// Counts what operator new is asked for. Replaces the global operators: include it in one file of an executable only.
/// Owner: that executable. Threads: single-threaded tests only, the figures are plain numbers.
/// Invariant: memory comes from malloc and goes back by free, so that sanitizers see it as before.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace mempool::websocket::test {

struct Allocations {
    std::size_t count = 0;
    std::size_t largest = 0;  // bytes, of one allocation
};
inline Allocations allocations;

/// What `body` allocates.
template <class Body>
Allocations allocated_by(Body &&body) {
    allocations = {};
    body();
    return allocations;
}

}  // namespace mempool::websocket::test

// Not inlined: g++ 12 would see free() of what some other `new` returned, and warn (-Wmismatched-new-delete).
[[gnu::noinline]] void *operator new(std::size_t bytes) {
    auto &seen = mempool::websocket::test::allocations;
    ++seen.count;
    seen.largest = std::max(seen.largest, bytes);
    if (void *memory = std::malloc(bytes > 0 ? bytes : 1)) return memory;
    throw std::bad_alloc();
}
// AddressSanitizer's own would not go with our delete; std::stable_sort and libFuzzer use it.
[[gnu::noinline]] void *operator new(std::size_t bytes, const std::nothrow_t &) noexcept {
    return std::malloc(bytes > 0 ? bytes : 1);
}
[[gnu::noinline]] void operator delete(void *memory) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void *memory, std::size_t) noexcept {
    std::free(memory);
}
