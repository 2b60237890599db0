// SPDX-License-Identifier: MIT
#include "channel/event.hpp"

namespace mempool {

std::size_t payload_bytes(const Event &event) {
    if (const auto *message = std::get_if<Message>(&event.body)) return message->payload.size();
    std::size_t bytes = 0;
    for (const Rejection &rejection : std::get<BatchDone>(event.body).rejected) bytes += rejection.reason.size();
    return bytes;
}

std::string event_text(const Event &event) {
    if (const auto *message = std::get_if<Message>(&event.body)) return message->payload;
    const auto &batch = std::get<BatchDone>(event.body);
    return "batch applied " + std::to_string(batch.applied) + "/" + std::to_string(batch.total) + " txs";
}

std::string lagged_text(std::uint64_t missed) {
    return "lagged " + std::to_string(missed);
}

std::string draining_text(std::uint64_t reconnect_in_ms) {
    return "draining " + std::to_string(reconnect_in_ms);
}

std::string reset_text(std::string_view epoch) {
    return "reset " + std::string(epoch);
}

}  // namespace mempool
