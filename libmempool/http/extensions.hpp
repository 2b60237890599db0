// SPDX-License-Identifier: MIT
/// What a client offers in Sec-WebSocket-Extensions (RFC 6455 9.1), and what of it is taken: permessage-deflate without context takeover
/// (RFC 7692 7). Pure functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mempool::http {

/// One field value, the offers in the client's order. The first that can be honoured is answered; the answer is that of the server's own
/// field, whole. Nothing where there is none: an offer that is malformed, has a parameter that nobody knows, or one twice, or asks for
/// a smaller window of ours (the compressed bytes are everybody's) is passed over.
std::optional<std::string> accept_deflate(std::string_view offers);

}  // namespace mempool::http
