// SPDX-License-Identifier: MIT
/// What every listener hears: what came of a batch, or a message of the host's. Immutable once made and shared, never copied, by all
/// who listen; it lives until the ring has overwritten it and the last listener has let go. Its offset is the ring's to give.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace mempool {

struct Rejection {
    std::uint64_t id;
    std::string reason;  // UTF-8
};

/// At most this many rejections are listed in an event; total - applied is always the whole.
inline constexpr std::size_t rejections_listed = 32;

struct BatchDone {
    std::uint64_t number;
    std::uint64_t applied;
    std::uint64_t total;
    std::vector<Rejection> rejected;
};

/// Its bytes, and a NUL behind them, belong to its event: make_message().
struct Message {
    std::string_view payload;
    bool binary;  // else the payload is UTF-8
};

struct Event {
    std::int64_t time_us;  // since 1970, UTC
    std::variant<BatchDone, Message> body;
};
using EventPtr = std::shared_ptr<const Event>;

/// A message of the host's, a copy of the payload: one piece of memory holds the event, its payload and its count of owners.
EventPtr make_message(std::int64_t time_us, std::string_view payload, bool binary);

std::size_t payload_bytes(const BatchDone &batch);
/// What the event counts for in `ring_bytes`.
inline std::size_t payload_bytes(const Event &event) {
    if (const auto *message = std::get_if<Message>(&event.body)) return message->payload.size();
    return payload_bytes(*std::get_if<BatchDone>(&event.body));
}

/// The event as a text listener reads it (docs/spec/wire.md, Text): "batch applied 2/3 txs", or the message as it is.
std::string event_text(const Event &event);
/// The same of all but a message, behind what stands in `out`; allocates nothing where that has room for text_max_bytes more.
inline constexpr std::size_t text_max_bytes = 96;  // an epoch has up to 80
void append_text(std::string &out, const BatchDone &batch);
void append_lagged_text(std::string &out, std::uint64_t missed);
void append_reset_text(std::string &out, std::string_view epoch);
/// "lagged 17"
std::string lagged_text(std::uint64_t missed);
/// "draining 2500"
std::string draining_text(std::uint64_t reconnect_in_ms);
/// "reset k3v9"
std::string reset_text(std::string_view epoch);

}  // namespace mempool
