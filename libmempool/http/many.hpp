// SPDX-License-Identifier: MIT
/// The body of POST /txs, taken apart (docs/spec/wire.md). Pure: bytes in, transactions or a refusal out; any thread. No more memory than
/// a copy of the body and some 100 bytes for each of `count_max` transactions, whatever the body is.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "http/reply.hpp"

namespace mempool::http {

struct ManyLimits {
    std::size_t tx_max_bytes;
    std::size_t count_max;  // more would never fit (queue_capacity)
};

/// Transactions, at least one, each of 1 to tx_max_bytes bytes; or what the request is answered with: 400, 413.
using Many = std::variant<std::vector<std::string>, Reply>;

/// application/x-ndjson: a line ends with LF, CRLF or the body, and is a transaction as it is. Empty ones are none.
Many read_lines(std::string_view body, const ManyLimits &limits);

/// application/json: an array of strings, and nothing else (RFC 8259). A transaction is a string's text in UTF-8.
Many read_strings(std::string_view body, const ManyLimits &limits);

/// By the Content-Type, whose parameters don't count; 415 for any other.
Many read_many(std::string_view content_type, std::string_view body, const ManyLimits &limits);

}  // namespace mempool::http
