// SPDX-License-Identifier: MIT
#include "base/clock.hpp"

namespace mempool {

Instant deadline_after(std::int64_t timeout_ms) {
    constexpr std::int64_t longest_ms = std::int64_t{1000} * 86400 * 365 * 100;
    if (timeout_ms < 0 || timeout_ms > longest_ms) return never;
    return Clock::now() + milliseconds(timeout_ms);
}

std::int64_t wall_time_us() {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(since_1970).count();
}

}  // namespace mempool
