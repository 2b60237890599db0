// SPDX-License-Identifier: MIT
/// An event's number in its topic's epoch: 1, 2, 3 ... A type of its own, so that it never adds to a byte count. A value.
#pragma once

#include <compare>
#include <cstdint>

namespace mempool {

struct Offset {
    std::uint64_t value = 0;

    friend constexpr auto operator<=>(Offset, Offset) = default;
    friend constexpr Offset operator+(Offset offset, std::uint64_t events) { return {offset.value + events}; }
    friend constexpr Offset operator-(Offset offset, std::uint64_t events) { return {offset.value - events}; }
    /// How many events lie from `from` up to, but without, `to`.
    friend constexpr std::uint64_t operator-(Offset to, Offset from) { return to.value - from.value; }
    constexpr Offset &operator++() {
        ++value;
        return *this;
    }
};

}  // namespace mempool
