// SPDX-License-Identifier: MIT
/// The WebSocket handshake, server side (RFC 6455 4.2; docs/spec/channels.md C). Pure functions: a request in, the 101 or a refusal out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "fanout/manner.hpp"
#include "http/reply.hpp"
#include "http/request.hpp"

namespace mempool::http {

/// Whether the request asks for an upgrade to WebSocket at all.
bool asks_upgrade(const Request &request);

struct Handshake {
    std::string answer;            // the whole 101
    std::optional<Format> format;  // of the subprotocol agreed on, if there is one
    bool deflated;                 // permessage-deflate was agreed on
};

/// deflate: an offer of compression may be taken. Or why not: 400, 405, 426.
std::variant<Handshake, Reply> shake_hands(const Request &request, bool deflate);

/// Sec-WebSocket-Accept for a key (RFC 6455 4.2.2).
std::string accept_value(std::string_view key);

}  // namespace mempool::http
