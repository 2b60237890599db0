// SPDX-License-Identifier: MIT
/// Why a WebSocket closes: the codes that we send (spec/wire.md, Close codes), and which ones a peer may send us.
/// Values, no owner; any thread.
/// Invariant: `none` never goes on the wire; it says that a close frame had no body (RFC 6455 7.1.5).
#pragma once

#include <cstdint>

namespace mempool::websocket {

/// What we send, by name. A peer's code may be another valid number: the type holds every std::uint16_t.
enum class CloseCode : std::uint16_t {
    normal = 1000,      // the client's own wish, answered
    going_away = 1001,  // we drain
    protocol = 1002,    // the peer broke RFC 6455
    none = 1005,        // no code was in the frame
    bad_text = 1007,    // text that is not UTF-8, or compressed data that can't be read
    policy = 1008,      // legal, but not here: rights, floods
    too_big = 1009,     // a message above the limit
    internal = 1011,    // our fault
    overloaded = 1013,  // too slow, or we have too much to do; come again
};

/// True for a code that a client may put into a close frame; any other is answered with `protocol`.
[[nodiscard]] bool close_code_valid(std::uint16_t code) noexcept;

}  // namespace mempool::websocket
