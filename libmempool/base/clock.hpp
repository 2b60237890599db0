// SPDX-License-Identifier: MIT
/// The two clocks: a monotonic one for every wait and deadline, the wall clock only for what people read. Any thread.
#pragma once

#include <chrono>
#include <cstdint>

namespace mempool {

using Clock = std::chrono::steady_clock;
using Instant = Clock::time_point;
using std::chrono::milliseconds;

/// No deadline at all. Not passed to a wait: every waiting function asks for it first, since max() overflows some of them.
inline constexpr Instant never = Instant::max();

/// The instant `timeout_ms` from now; `never` where it is negative, or too far to be told.
Instant deadline_after(std::int64_t timeout_ms);

/// Microseconds since 1970, UTC.
std::int64_t wall_time_us();

}  // namespace mempool
