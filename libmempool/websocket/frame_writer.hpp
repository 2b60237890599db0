// SPDX-License-Identifier: MIT
/// Frames as a server sends them: FIN set, no mask, the shortest length (RFC 6455 5.2). Messages in, wire bytes out.
/// Pure functions, any thread; the caller owns the string, and what was in it stays.
/// Invariant: what is appended is one whole frame, or nothing if std::bad_alloc is thrown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "websocket/close_code.hpp"
#include "websocket/opcode.hpp"

namespace mempool::websocket {

/// What a frame costs beside its payload: 2, 4 or 10 bytes.
[[nodiscard]] constexpr std::size_t header_bytes(std::size_t payload_bytes) noexcept {
    if (payload_bytes <= 125) return 2;
    return payload_bytes <= 65535 ? 4 : 10;
}

/// deflated: the payload is what a Deflater made of the message, and RSV1 says so (RFC 7692 7.2.3.1).
enum class Coding : std::uint8_t { plain, deflated };

/// Appends one frame. Text must be UTF-8, and a control frame's payload at most 125 bytes: the caller sees to both.
void append_frame(std::string &out, Opcode opcode, std::string_view payload, Coding coding = Coding::plain);

/// Of one whole frame that was written here.
[[nodiscard]] Opcode opcode_of(std::string_view frame);
[[nodiscard]] std::string_view payload_of(std::string_view frame);

/// Appends a close frame. The reason is for people: it is cut to 123 bytes, never inside a code point, and left out
/// with CloseCode::none, which writes the empty body.
void append_close(std::string &out, CloseCode code, std::string_view reason);

}  // namespace mempool::websocket
