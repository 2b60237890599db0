// SPDX-License-Identifier: MIT
#include "channel/event.hpp"

namespace mempool {

std::size_t payload_bytes(const BatchDone &batch) {
    std::size_t bytes = 0;
    for (const Rejection &rejection : batch.rejected) bytes += rejection.reason.size();
    return bytes;
}

void append_text(std::string &out, const BatchDone &batch) {
    out.append("batch applied ").append(std::to_string(batch.applied));
    out.append("/").append(std::to_string(batch.total)).append(" txs");
}

void append_lagged_text(std::string &out, std::uint64_t missed) {
    out.append("lagged ").append(std::to_string(missed));
}

void append_reset_text(std::string &out, std::string_view epoch) {
    out.append("reset ").append(epoch);
}

std::string event_text(const Event &event) {
    if (const auto *message = std::get_if<Message>(&event.body)) return message->payload;
    std::string text;
    append_text(text, std::get<BatchDone>(event.body));
    return text;
}

std::string lagged_text(std::uint64_t missed) {
    std::string text;
    append_lagged_text(text, missed);
    return text;
}

std::string draining_text(std::uint64_t reconnect_in_ms) {
    return "draining " + std::to_string(reconnect_in_ms);
}

std::string reset_text(std::string_view epoch) {
    std::string text;
    append_reset_text(text, epoch);
    return text;
}

}  // namespace mempool
