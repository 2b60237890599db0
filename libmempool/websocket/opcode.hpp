// SPDX-License-Identifier: MIT
/// The six kinds of frame (RFC 6455 5.2), on which reader and writer agree. Values, no owner; any thread.
/// Invariant: the high bit of the nibble is what makes a control frame; the other ten values are reserved.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mempool::websocket {

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// Control frames may stand between the fragments of a message and are never fragmented themselves.
[[nodiscard]] constexpr bool is_control(Opcode opcode) noexcept {
    return (static_cast<std::uint8_t>(opcode) & 8) != 0;
}

/// The most that a control frame carries (RFC 6455 5.5).
inline constexpr std::size_t control_max_bytes = 125;

}  // namespace mempool::websocket
