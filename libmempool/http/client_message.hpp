// SPDX-License-Identifier: MIT
/// What a client of the stream says over its WebSocket, and the words that it is answered (docs/spec/wire.md, Messages from a client).
/// Text in, values out, and frames; no I/O. Pure functions, any thread.
///
/// A message is read in one pass, nested at most depth_max deep; only the members that mean something are kept, so that it costs no more
/// than its own length again. Members that nobody knows are skipped: a later version may know them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "channel/completions.hpp"

namespace mempool::http {

constexpr std::size_t ref_max_bytes = 64;
constexpr std::size_t depth_max = 32;

/// `{"type":"tx",...}`
struct TxMessage {
    std::string data;
    std::optional<std::string> ref;
    std::optional<std::string> key;
    bool wait = false;
};
/// It says that it is a transaction, and can't be taken as one. `ref` as far as it could be read.
struct BadTx {
    std::optional<std::string> ref;
    std::string detail;
};
/// Not JSON.
struct BadMessage {
    std::string detail;
};
/// JSON, and no transaction: nothing that we know.
struct OtherMessage {};

using ClientMessage = std::variant<TxMessage, BadTx, BadMessage, OtherMessage>;

/// text: UTF-8.
ClientMessage parse_client_message(std::string_view text);

/// `accepted`, prepared before the transaction is submitted: so that nothing can fail once it was.
class Accepted {
public:
    /// Makes room in `out`, to which nothing is appended before append().
    Accepted(std::string &out, const std::optional<std::string> &ref);
    void append(std::uint64_t id) noexcept;

private:
    std::string &out_;
    std::string text_;
};

// A frame each, appended whole or not at all.
struct Refused {
    std::string_view error;
    std::string_view detail;
    std::uint64_t retry_in_ms = 0;  // 0: not said
};
void append_refused(std::string &out, const std::optional<std::string> &ref, const Refused &refused);
void append_outcome(std::string &out, const std::optional<std::string> &ref, const Completion &settled);
/// The outcome, where it is no longer kept.
void append_gone(std::string &out, const std::optional<std::string> &ref, std::uint64_t id);
void append_bad_message(std::string &out, std::string_view detail);

}  // namespace mempool::http
