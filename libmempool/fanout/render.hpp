// SPDX-License-Identifier: MIT
/// What a client of the stream is told, as the wire bytes of its format (docs/spec/wire.md, The event stream). Each function appends one
/// whole frame, or one whole block of Server-Sent Events. Pure; the caller owns the string. std::bad_alloc: the string is to be thrown away.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "channel/event.hpp"
#include "channel/offset.hpp"
#include "fanout/manner.hpp"
#include "websocket/close_code.hpp"

namespace mempool {

/// The event at `offset` of `epoch`. A text client reads a message as it is: binary as a binary frame, or,
/// where there are no frames, as base64.
void append_event(std::string &out, Format format, std::string_view epoch, Offset offset, const Event &event);
/// It missed so many; the stream goes on with `next`.
void append_lagged(std::string &out, Format format, std::string_view epoch, std::uint64_t missed, Offset next);
/// The history is another now; the stream goes on with `next`.
void append_reset(std::string &out, Format format, std::string_view epoch, Offset next);
void append_draining(std::string &out, Format format, std::uint64_t reconnect_in_ms);

struct Hello {
    std::string_view topic;
    std::string_view epoch;
    Offset next;           // the event that comes first, or is the first that was missed
    bool recovered;        // nothing was missed, or nothing was asked for
    Offset retained_from;  // the oldest event that there still is
};
/// The first message, to JSON clients of a WebSocket only.
void append_hello(std::string &out, const Hello &hello);

/// A client without frames is told where it begins: what it will ask from, should the connection break before the first event.
void append_beginning(std::string &out, std::string_view epoch, Offset next);
/// After a silence: a ping, or, where nothing can be answered, a comment.
void append_sign_of_life(std::string &out, Format format);
/// The last that it is told. reason: for people, and without a line end.
void append_close(std::string &out, Format format, websocket::CloseCode code, std::string_view reason);

/// "k3v9:61": everything before `next` was heard.
std::string position_text(std::string_view epoch, Offset next);

}  // namespace mempool
