// SPDX-License-Identifier: MIT
/// Waits that Ctrl-C ends. Python runs signal handlers on the main thread only, between bytecodes; so there a wait goes
/// on in slices, with a look at the signals after each; on every other thread it is one call. Any thread; enter with
/// the GIL.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "gil.hpp"
#include "mempool.hpp"

namespace binding {

inline constexpr mempoolpp::Milliseconds slice{50};  // a Ctrl-C is heard that much later, at most

/// Seconds as Python gives them, None without limit, in milliseconds as C takes them, -1 without limit. Rounds up.
inline mempoolpp::Milliseconds to_milliseconds(const std::optional<double> &seconds) {
    constexpr double longest = 1e9;  // 31 years; the clock can count that
    if (!seconds || *seconds > longest) return mempoolpp::no_limit;
    if (std::isnan(*seconds) || *seconds < 0)
        throw mempoolpp::Error(MEMPOOL_INVALID, "timeout is " + std::string(py::str(py::float_(*seconds))) +
                                                    "; give seconds from 0 on, or None to wait without limit");
    return mempoolpp::Milliseconds(static_cast<std::int64_t>(std::ceil(*seconds * 1000)));
}

inline bool on_main_thread() {
    const py::object main = py::module_::import("threading").attr("main_thread")().attr("ident");
    return main.equal(py::int_(PyThread_get_thread_ident()));
}

/// Runs what Python has for the signals that arrived. Throws what a handler raised: KeyboardInterrupt.
inline void hear_signals() {
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

/// Calls attempt(Milliseconds) without the GIL until it returns true or the time is up; returns whether it did.
/// Attempts that return false must lose nothing.
template <class Attempt>
bool wait(const std::optional<double> &seconds, Attempt attempt) {
    using Clock = std::chrono::steady_clock;
    const mempoolpp::Milliseconds timeout = to_milliseconds(seconds);
    const bool limited = timeout >= mempoolpp::Milliseconds::zero();
    const Clock::time_point deadline = Clock::now() + timeout;
    const bool in_slices = on_main_thread();
    for (mempoolpp::Milliseconds left = timeout;;) {
        const bool last = limited && (!in_slices || left <= slice);
        {
            const WithoutGil released;
            if (attempt(last || !in_slices ? left : slice)) return true;
        }
        if (in_slices) hear_signals();
        if (last) return false;
        if (limited)
            left = std::max(std::chrono::ceil<mempoolpp::Milliseconds>(deadline - Clock::now()),
                            mempoolpp::Milliseconds::zero());
    }
}

}  // namespace binding
