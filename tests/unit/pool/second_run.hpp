// SPDX-License-Identifier: MIT
/// What the pools of a test have that does not say so itself: ctest runs some tests a second time, with two network threads that write to their
/// clients one by one.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace mempool_test {

/// MEMPOOL_TEST_IO_THREADS, or 1.
inline std::int64_t io_threads() {
    const char *given = std::getenv("MEMPOOL_TEST_IO_THREADS");
    return given == nullptr ? 1 : std::atoi(given);
}

/// MEMPOOL_TEST_URING, or what is the default.
inline const char *uring() {
    const char *given = std::getenv("MEMPOOL_TEST_URING");
    return given == nullptr ? "auto" : given;
}

}  // namespace mempool_test
