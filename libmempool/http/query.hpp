// SPDX-License-Identifier: MIT
/// What a client of the stream asks for behind the '?' of its target (docs/spec/wire.md, The event stream). Pure; any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "fanout/greeting.hpp"
#include "fanout/manner.hpp"

namespace mempool::http {

struct StreamQuery {
    std::optional<Format> format;
    std::optional<Slow> slow;
    std::optional<Position> since;
};

/// What is wrong with it and what is allowed, for people.
struct BadQuery {
    std::string detail;
};

/// target: with its query, if it has one. `format`, `slow` and `since` may each come once; other names are left alone. Values are
/// percent-decoded (RFC 3986 2.1).
std::variant<StreamQuery, BadQuery> parse_stream_query(std::string_view target);

/// How long a request for an outcome may wait: the query's `wait=SECONDS` (0 to 60), else the Prefer header's (RFC 7240 4.3; what is no
/// number there is left alone, and more than 60 is 60), else 0.
std::variant<std::chrono::seconds, BadQuery> parse_wait(std::string_view target, std::string_view prefer);

/// "EPOCH:OFFSET", or "0" for all that is retained; nothing where it is neither.
std::optional<Position> parse_position(std::string_view text);

/// Decimal digits alone, up to 2^64 - 1.
std::optional<std::uint64_t> whole_number(std::string_view text);

}  // namespace mempool::http
