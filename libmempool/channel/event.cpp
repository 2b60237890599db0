// SPDX-License-Identifier: MIT
#include "channel/event.hpp"

#include <algorithm>
#include <new>

namespace mempool {
namespace {

/// Gives std::allocate_shared's one piece of memory `more` bytes, and says where they begin.
template <class Object>
struct WithBytes {
    using value_type = Object;

    WithBytes(std::size_t bytes, char **where) : more(bytes), behind(where) {}
    template <class Other>
    WithBytes(const WithBytes<Other> &other) : more(other.more), behind(other.behind) {}

    Object *allocate(std::size_t) {
        char *const at = static_cast<char *>(::operator new(sizeof(Object) + more));
        *behind = at + sizeof(Object);
        return reinterpret_cast<Object *>(at);
    }
    void deallocate(Object *at, std::size_t) { ::operator delete(at); }

    friend bool operator==(const WithBytes &, const WithBytes &) = default;

    std::size_t more;
    char **behind;
};

struct MessageEvent : Event {
    /// behind: as it is by now.
    MessageEvent(std::int64_t when_us, std::string_view payload, bool binary, char *const &behind)
        : Event{when_us, Message{{behind, payload.size()}, binary}} {
        *std::ranges::copy(payload, behind).out = '\0';
    }
};

}  // namespace

EventPtr make_message(std::int64_t time_us, std::string_view payload, bool binary) {
    char *behind = nullptr;
    return std::allocate_shared<const MessageEvent>(WithBytes<MessageEvent>(payload.size() + 1, &behind), time_us,
                                                    payload, binary, behind);
}

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
    if (const auto *message = std::get_if<Message>(&event.body)) return std::string(message->payload);
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
