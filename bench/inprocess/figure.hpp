// SPDX-License-Identifier: MIT
/// What the in-process benchmarks have in common: the CPU time of a thread, how much to do, and the line that bench/run.py reads:
///
///   {"figure": "submit", "unit": "ns", "params": {"producers": 4}, "value": 37.1, "checked": 2000000}
///
/// `checked` is how many transactions or events the program held against what they must be; a wrong one ends it with status 1.
#pragma once

#include <time.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace figure {

/// Nanoseconds that the calling thread has computed so far, in user and kernel mode.
inline std::uint64_t thread_cpu_ns() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

[[noreturn]] inline void wrong(const std::string &what) {
    std::fprintf(stderr, "wrong: %s\n", what.c_str());
    std::exit(1);
}

/// params: JSON, without the braces.
inline void print(const char *name, const std::string &params, double value_ns, std::uint64_t checked) {
    std::printf("{\"figure\": \"%s\", \"unit\": \"ns\", \"params\": {%s}, \"value\": %.2f, \"checked\": %" PRIu64 "}\n",
                name, params.c_str(), value_ns, checked);
    std::fflush(stdout);
}

/// --small: a hundredth of the work.
inline std::uint64_t share(int argc, char **argv, std::uint64_t whole) {
    return argc > 1 && std::strcmp(argv[1], "--small") == 0 ? whole / 100 : whole;
}

}  // namespace figure
