// SPDX-License-Identifier: MIT
/// How a client wants to be told: in which format, and what becomes of it when it falls behind the ring (docs/spec/wire.md). A value.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mempool {

enum class Format : std::uint8_t { text, json };
inline constexpr std::size_t format_count = 2;

enum class Slow : std::uint8_t {
    lag,     // skips what was overwritten, and is told how much
    latest,  // jumps to the newest event whenever it is behind, and is told how much
    close,   // is closed with 1013 and the position to resume from
};

struct Manner {
    Format format = Format::text;
    Slow slow = Slow::lag;
};

}  // namespace mempool
