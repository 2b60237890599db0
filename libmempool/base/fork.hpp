// SPDX-License-Identifier: MIT
/// Tells a process from its forked children: a generation that the child's side of fork() raises. Any thread; one relaxed load.
/// A pool remembers the generation it was opened in; in a child the two differ, and its calls answer FORKED.
#pragma once

#include <cstdint>

namespace mempool {

/// Installs the fork handler, once a process. It stays for good: the library is linked -z nodelete.
void watch_forks();

std::uint32_t process_generation() noexcept;

}  // namespace mempool
