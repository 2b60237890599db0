// SPDX-License-Identifier: MIT
/// The mini language of the WebSocket tests: frames as a client sends them, and what a reader makes of them, a line
/// each. Values and pure functions, no owner, any thread; the fuzz target speaks it too. Invariant: it shares no code
/// with frame_writer, so that a mistake there is not made here again.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "websocket/frame_reader.hpp"

namespace mempool::websocket::test {

inline constexpr std::string_view default_key = "\x12\xD7\x5A\xE9";

inline constexpr unsigned fin = 0x80;

/// XORs `bytes` with the key, one byte at a time, as RFC 6455 5.3 writes it.
inline std::string masked(std::string_view bytes, std::string_view key = default_key) {
    std::string out(bytes);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>(out[i] ^ key[i % 4]);
    return out;
}

/// `bytes` of `length`, in network order.
inline std::string big_endian(std::uint64_t length, int bytes) {
    std::string out;
    for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(length >> (8 * i) & 0xFF);
    return out;
}

/// A masked frame's header up to the key, with any first byte, and a length that need not be true.
inline std::string header(unsigned first_byte, std::uint64_t length, std::string_view key = default_key) {
    std::string out(1, static_cast<char>(first_byte));
    if (length <= 125) {
        out += static_cast<char>(0x80 | length);
    } else if (length <= 65535) {
        out += '\xFE' + big_endian(length, 2);
    } else {
        out += '\xFF' + big_endian(length, 8);
    }
    return out.append(key);
}

inline std::string frame(unsigned first_byte, std::string_view payload, std::string_view key = default_key) {
    return header(first_byte, payload.size(), key) + masked(payload, key);
}

inline std::string text(std::string_view payload) {
    return frame(fin | 1, payload);
}
inline std::string binary(std::string_view payload) {
    return frame(fin | 2, payload);
}
inline std::string ping(std::string_view payload) {
    return frame(fin | 9, payload);
}
inline std::string pong(std::string_view payload) {
    return frame(fin | 10, payload);
}

/// A message in fragments: first_text("a") + more("b") + last("c").
inline std::string first_text(std::string_view payload) {
    return frame(1, payload);
}
inline std::string first_binary(std::string_view payload) {
    return frame(2, payload);
}
inline std::string more(std::string_view payload) {
    return frame(0, payload);
}
inline std::string last(std::string_view payload) {
    return frame(fin, payload);
}

inline std::string close_body(std::string_view body) {
    return frame(fin | 8, body);
}
inline std::string close(unsigned code, std::string_view reason = "") {
    return close_body(big_endian(code, 2).append(reason));
}

/// What a server's frame becomes when a client sends it: the mask bit, a key, a masked payload.
inline std::string sent_by_client(std::string_view server_frame, std::string_view key = default_key) {
    const auto length = static_cast<unsigned char>(server_frame[1]);
    const std::size_t header = length <= 125 ? 2 : length == 126 ? 4 : 10;
    std::string out(server_frame.substr(0, header));
    out[1] = static_cast<char>(length | 0x80);
    return out.append(key).append(masked(server_frame.substr(header), key));
}

/// A copy of bytes in memory of exactly their size, so that AddressSanitizer sees one byte too many.
class Input {
public:
    explicit Input(std::string_view bytes) : size_(bytes.size()), memory_(new char[bytes.size()]) {
        if (size_ > 0) std::memcpy(memory_.get(), bytes.data(), size_);
    }
    [[nodiscard]] std::span<char> bytes() const { return {memory_.get(), size_}; }

private:
    std::size_t size_;
    std::unique_ptr<char[]> memory_;
};

/// An Inbound in one line: "text abc", "ping p", "close 1000 bye", "failed 1002 frame is not masked".
inline std::string line(const Inbound &inbound) {
    using Kind = Inbound::Kind;
    const auto closing = [&](const char *kind) {
        return (kind + std::to_string(static_cast<unsigned>(inbound.code)) + " ").append(inbound.reason);
    };
    switch (inbound.kind) {
        case Kind::need_more:
            return "need_more";
        case Kind::text:
            return std::string("text ").append(inbound.payload);
        case Kind::binary:
            return std::string("binary ").append(inbound.payload);
        case Kind::ping:
            return std::string("ping ").append(inbound.payload);
        case Kind::pong:
            return std::string("pong ").append(inbound.payload);
        case Kind::close:
            return closing("close ");
        case Kind::failed:
            return closing("failed ");
    }
    return "?";
}

using Lines = std::vector<std::string>;

/// Reads one input to its end, adding a line for each answer but need_more; `failed` ends it.
inline void hear(FrameReader &reader, std::string_view bytes, Lines &lines) {
    const Input copy(bytes);
    std::span<char> input = copy.bytes();
    while (true) {
        const Inbound inbound = reader.next(input);
        if (inbound.kind == Inbound::Kind::need_more) break;
        lines.push_back(line(inbound));
        if (inbound.kind == Inbound::Kind::failed) break;
    }
}

/// Reads `stream` cut at `cuts` (ascending offsets), each piece in memory of its own.
inline Lines heard(std::string_view stream, const std::vector<std::size_t> &cuts = {}, std::size_t limit = 1 << 20) {
    FrameReader reader(limit);
    Lines lines;
    std::size_t from = 0;
    for (const std::size_t cut : cuts) {
        hear(reader, stream.substr(from, cut - from), lines);
        from = cut;
        if (!lines.empty() && lines.back().starts_with("failed")) return lines;
    }
    hear(reader, stream.substr(from), lines);
    return lines;
}

inline Lines heard_bytewise(std::string_view stream, std::size_t limit = 1 << 20) {
    std::vector<std::size_t> cuts;
    for (std::size_t i = 1; i < stream.size(); ++i) cuts.push_back(i);
    return heard(stream, cuts, limit);
}

}  // namespace mempool::websocket::test
