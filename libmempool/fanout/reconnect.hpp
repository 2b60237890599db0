// SPDX-License-Identifier: MIT
/// When a client that is sent away should come back: spread over 500 to 5000 ms, so that not all knock at the next door in the same
/// moment (docs/decisions.md 16). Shard thread only.
#pragma once

#include <cstdint>
#include <random>

namespace mempool {

class Reconnect {
public:
    std::uint64_t in_ms() { return std::uniform_int_distribution<std::uint64_t>(500, 5000)(random_); }

private:
    std::minstd_rand random_{std::random_device{}()};
};

}  // namespace mempool
