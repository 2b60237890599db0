// SPDX-License-Identifier: MIT
/// The bytes that the load generator and the floor both need to know: the handshake's answer, an event's text, a frame from a server.
/// Pure functions; they allocate what they return and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

/// What Sec-WebSocket-Accept must be for this Sec-WebSocket-Key (RFC 6455, 4.2.2).
std::string accept_of(std::string_view key);

std::string base64(std::string_view bytes);

inline constexpr std::size_t smallest_event = 16;

/// Event `number` of exactly `size` bytes: `e`, 12 digits, a space, and a letter that goes with the number.
void append_event(std::string &out, std::uint64_t number, std::size_t size);

/// One whole unmasked frame.
void append_frame(std::string &out, std::uint8_t opcode, std::string_view payload);

/// The value of a header field, or nothing; names are compared without case, `head` is the block up to its empty line.
std::string_view header(std::string_view head, std::string_view name);

}  // namespace bench
