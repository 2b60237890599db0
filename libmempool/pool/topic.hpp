// SPDX-License-Identifier: MIT
/// A stream of events: its ring, with the epoch, and who gives its events their offsets. Owned by the pool, which outlives all who
/// listen. "mempool" is the one that always exists.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "channel/ring.hpp"
#include "channel/source.hpp"

namespace mempool {

inline constexpr std::string_view main_topic = "mempool";

struct Topic {
    Topic(std::size_t ring_capacity, std::size_t ring_bytes, std::string epoch)
        : ring(ring_capacity, ring_bytes, std::move(epoch)), source(ring) {}

    Ring ring;
    LocalSource source;
};

/// A new epoch: 8 random characters of a-z0-9, 41 bits. Throws std::system_error where the kernel has no randomness.
std::string random_epoch();

}  // namespace mempool
