// SPDX-License-Identifier: MIT
/// How a fuzz target says that its property is broken. No owner, any thread.
/// Invariant: it holds in every build type; assert() would be gone from a release's replay.
#pragma once

#include <cstdio>
#include <cstdlib>

#define FUZZ_CHECK(condition)                                                            \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            std::fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition); \
            std::abort();                                                                \
        }                                                                                \
    } while (false)
