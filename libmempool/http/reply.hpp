// SPDX-License-Identifier: MIT
/// An HTTP answer, and its wire bytes. A value; any thread.
#pragma once

#include <string>
#include <string_view>

namespace mempool::http {

struct Reply {
    unsigned status = 200;
    std::string body;
    std::string_view content_type = "application/json";  // static text
    std::string_view cache = "no-store";                 // Cache-Control; static text
    std::string headers;                                 // further lines, each ended by CRLF
    bool close = false;                                  // whatever the request would like
    bool endless = false;                                // the body ends with the connection: no Content-Length
};

/// `{"error":"...","detail":"..."}` (docs/spec/wire.md). error: one of the contract's words; detail: for people, UTF-8.
Reply error_reply(unsigned status, std::string_view error, std::string_view detail);

/// 405. allow: the methods that the path takes, as a list.
Reply not_allowed(std::string_view allow);
/// To be tried again soon, here or elsewhere.
Reply unavailable(std::string_view error, std::string_view detail, unsigned status = 503);

/// status line, headers and, unless it answers HEAD, the body (RFC 9112 4, 6.3).
std::string wire_bytes(const Reply &reply, bool head, bool keep_alive);
/// The same behind what `wire` holds, which a std::bad_alloc leaves as it was.
void append_wire_bytes(std::string &wire, const Reply &reply, bool head, bool keep_alive);

}  // namespace mempool::http
