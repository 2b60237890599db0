// SPDX-License-Identifier: MIT
/// Server-Sent Events as bytes (HTML standard 9.2, text/event-stream), what a WebSocket's frames are to the other clients. Each function
/// appends whole lines and an empty one. Pure; the caller owns the string. std::bad_alloc: the string is to be thrown away.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mempool::event_stream {

struct Block {
    std::string_view id = {};  // no line end and no NUL; empty: the client keeps the one it has
    std::string_view event;    // no line end
    std::string_view data;     // any text: it is cut at each CR, LF and CRLF, and a client joins it again with LF
    std::optional<std::uint64_t> retry_ms = {};
};
/// One event, as a client will dispatch it.
void append_block(std::string &out, const Block &block);
/// What the client says as Last-Event-ID when it comes back. It dispatches nothing.
void append_id(std::string &out, std::string_view id);
/// What no program hears, and a person may read: no line end.
void append_comment(std::string &out, std::string_view text);

}  // namespace mempool::event_stream
