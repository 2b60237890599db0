// SPDX-License-Identifier: MIT
/// Tells a process from its forked children: a generation that the child's side of fork() raises. Any thread; one relaxed load.
/// A pool remembers the generation it was opened in; in a child the two differ, and its calls answer FORKED.
#pragma once

#include <atomic>
#include <cstdint>

namespace mempool {

/// For the two functions below.
extern constinit std::atomic<std::uint32_t> generation_of_this_process;

/// Installs the fork handler, once a process. It stays for good: the library is linked -z nodelete.
void watch_forks();

inline std::uint32_t process_generation() noexcept {
    return generation_of_this_process.load(std::memory_order_relaxed);
}

}  // namespace mempool
