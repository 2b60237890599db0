// SPDX-License-Identifier: MIT
/// How a request becomes a client of the event stream (docs/spec/wire.md): over a WebSocket, or as Server-Sent Events. Pure functions; any
/// thread.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <variant>

#include "fanout/greeting.hpp"
#include "fanout/manner.hpp"
#include "http/reply.hpp"
#include "http/request.hpp"

namespace mempool::http {

/// The request's connection becomes a client of the stream.
struct Upgrade {
    unsigned status;     // of the answer: 101, or 200 for Server-Sent Events
    std::string answer;  // to be written first: a header with its empty line
    Joining joining;
};

/// What clients may ask for that fall behind: the options slow_default and slow_allowed. A value.
class SlowRule {
public:
    /// As the option table has checked them.
    SlowRule(std::string_view otherwise, std::string_view allowed);

    Slow otherwise() const { return otherwise_; }
    bool allows(Slow slow) const { return allowed_[static_cast<std::size_t>(slow)]; }
    /// "lag, latest"
    std::string allowed() const;

private:
    Slow otherwise_;
    std::array<bool, slow_count> allowed_{};
};

/// The subprotocol says the format, else the query, else it is text. deflate: its frames may be compressed, if the client offers it. Or why
/// not: 400, 405, 426.
std::variant<Reply, Upgrade> join_websocket(const Request &request, const SlowRule &rule, bool deflate);

/// The answer has no length and no chunks: it ends with the connection, so that one and the same bytes go to every client, an HTTP/1.0 one
/// too. HEAD is answered with its header. Last-Event-ID goes before `since`: a browser that reconnects sends both, the URL that it
/// was given and where it has come since. Or why not: 400, 405.
std::variant<Reply, Upgrade> join_events(const Request &request, const SlowRule &rule);

}  // namespace mempool::http
