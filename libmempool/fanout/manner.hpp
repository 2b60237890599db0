// SPDX-License-Identifier: MIT
/// How a client wants to be told: in which format, and what becomes of it when it falls behind the ring (docs/spec/wire.md). A value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mempool {

/// The wire bytes of an event: text or JSON, in the frames of a WebSocket, compressed ones or not, or as Server-Sent Events.
enum class Format : std::uint8_t { text, json, sse_text, sse_json, text_deflated, json_deflated };
inline constexpr std::size_t format_count = 6;

constexpr bool is_sse(Format format) {
    return format == Format::sse_text || format == Format::sse_json;
}
constexpr bool is_json(Format format) {
    return format == Format::json || format == Format::sse_json || format == Format::json_deflated;
}
/// permessage-deflate was agreed on (RFC 7692).
constexpr bool is_deflated(Format format) {
    return format == Format::text_deflated || format == Format::json_deflated;
}
/// What is said in a format, and how it is to be understood, is that of its plain one: only the frames differ.
constexpr Format plain(Format format) {
    return !is_deflated(format) ? format : is_json(format) ? Format::json : Format::text;
}
/// The same words in compressed frames.
constexpr Format as_deflated(Format format) {
    return is_json(format) ? Format::json_deflated : Format::text_deflated;
}
/// The same words as Server-Sent Events.
constexpr Format as_sse(Format format) {
    return is_json(format) ? Format::sse_json : Format::sse_text;
}

enum class Slow : std::uint8_t {
    lag,     // skips what was overwritten, and is told how much
    latest,  // jumps to the newest event whenever it is behind, and is told how much
    close,   // is closed (a WebSocket with 1013) and told the position to resume from
};

inline constexpr std::size_t slow_count = 3;

constexpr std::string_view name_of(Slow slow) {
    return slow == Slow::lag ? "lag" : slow == Slow::latest ? "latest" : "close";
}
constexpr std::optional<Slow> slow_named(std::string_view name) {
    for (const Slow slow : {Slow::lag, Slow::latest, Slow::close})
        if (name == name_of(slow)) return slow;
    return std::nullopt;
}

struct Manner {
    Format format = Format::text;
    Slow slow = Slow::lag;
};

}  // namespace mempool
