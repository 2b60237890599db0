// SPDX-License-Identifier: MIT
#include "load/hearing.hpp"

#include <charconv>
#include <cstring>

#include "load/failure.hpp"
#include "load/inflate.hpp"
#include "wire.hpp"

namespace bench {
namespace {

constexpr std::size_t window = 4096;  // events whose frames are kept
constexpr std::uint8_t fin = 0x80, rsv1 = 0x40;
constexpr std::uint8_t text = 1, close = 8, ping = 9, pong = 10;

/// Reads a number and what must follow it. False: it is something else.
bool number(std::string_view &from, std::uint64_t &value, std::string_view then) {
    const auto [at, error] = std::from_chars(from.data(), from.data() + from.size(), value);
    from.remove_prefix(static_cast<std::size_t>(at - from.data()));
    if (error != std::errc() || !from.starts_with(then)) return false;
    from.remove_prefix(then.size());
    return true;
}

std::string shown(std::string_view bytes) {
    std::string all = "\"";
    for (const char each : bytes.substr(0, 48)) all += each >= 0x20 && each < 0x7f ? each : '.';
    return all + (bytes.size() > 48 ? "\"..." : "\"") + " of " + std::to_string(bytes.size()) + " bytes";
}

[[noreturn]] void fail(std::size_t client, const std::string &expected, const std::string &got) {
    throw Failure("client " + std::to_string(client) + ": expected " + expected + ", got " + got);
}

}  // namespace

void Hearing::begin(std::size_t size) {
    size_ = size;
    due_.assign(window, {});
}

Hearing::Due &Hearing::due(std::uint64_t number) {
    Due &due = due_[number % window];
    if (due.number != number) {
        event_.clear();
        append_event(event_, number, size_);
        due.number = number;
        due.frame.clear();
        append_frame(due.frame, text, event_);
    }
    return due;
}

std::size_t Hearing::take(std::string_view bytes, std::size_t client, Heard &heard) {
    std::size_t taken = 0;
    while (taken < bytes.size()) {
        const std::string_view left = bytes.substr(taken);
        if (size_ > 0) {
            const std::string &expected = due(heard.next).frame;
            if (left.size() >= expected.size() && std::memcmp(left.data(), expected.data(), expected.size()) == 0) {
                ++heard.next;
                ++heard.delivered;
                taken += expected.size();
                continue;
            }
        }
        const Frame frame = read(left, client);
        if (frame.bytes == 0) break;
        take_other(frame, left.substr(0, frame.bytes), client, heard);
        taken += frame.bytes;
    }
    return taken;
}

Hearing::Frame Hearing::read(std::string_view bytes, std::size_t client) {
    if (bytes.size() < 2) return {};
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); };
    if ((byte(1) & 0x80) != 0) fail(client, "a frame without a mask", "a masked one");
    std::size_t start = 2;
    std::uint64_t size = byte(1);
    if (size >= 126) {
        const std::size_t width = size == 126 ? 2 : 8;
        start += width;
        if (bytes.size() < start) return {};
        size = 0;
        for (std::size_t index = 2; index < start; ++index) size = size << 8 | byte(index);
    }
    if (size > 1 << 20) fail(client, "a message of at most 1 MiB", std::to_string(size) + " bytes");
    if (bytes.size() < start + size) return {};
    return {byte(0), bytes.substr(start, size), start + static_cast<std::size_t>(size)};
}

void Hearing::take_other(const Frame &frame, std::string_view whole, std::size_t client, Heard &heard) {
    if (frame.first == (fin | text)) return take_text(frame.payload, whole, client, heard);
    if (can_inflate && frame.first == (fin | rsv1 | text))
        return take_text(inflated(frame.payload), whole, client, heard);
    if (frame.first == (fin | pong)) return;
    if (frame.first == (fin | ping)) {  // masked with zeros: the same bytes
        heard.answer += static_cast<char>(fin | pong);
        heard.answer += static_cast<char>(0x80 | frame.payload.size());
        heard.answer.append(4, '\0');
        heard.answer += frame.payload;
        return;
    }
    const std::string due = "the text of event " + std::to_string(heard.next);
    if (frame.first == (fin | close))
        fail(client, due,
             "a close frame: " + shown(frame.payload.substr(std::min<std::size_t>(2, frame.payload.size()))));
    fail(client, due, "a frame that begins with byte " + std::to_string(frame.first) + ": " + shown(frame.payload));
}

void Hearing::take_text(std::string_view said, std::string_view whole, std::size_t client, Heard &heard) {
    std::string_view rest = said;
    std::uint64_t missed = 0;
    if (rest.starts_with("lagged ")) {
        rest.remove_prefix(7);
        if (!number(rest, missed, "") || !rest.empty() || missed == 0) fail(client, "lagged N", shown(said));
        heard.next += missed;
        heard.lagged += missed;
        return;
    }
    if (size_ == 0) {
        std::uint64_t applied = 0, total = 0;
        if (rest.starts_with("batch applied ")) rest.remove_prefix(14);
        if (!number(rest, applied, "/") || !number(rest, total, " txs") || !rest.empty() || applied != total ||
            total == 0)
            fail(client, "batch applied N/N txs", shown(said));
        heard.next += total;
        ++heard.delivered;
        return;
    }
    Due &due = this->due(heard.next);
    append_event(event_ = {}, heard.next, size_);
    if (said == event_) {  // right, but not framed as we would: compressed, or with a longer length
        due.frame = whole;
        ++heard.next;
        ++heard.delivered;
        return;
    }
    const std::string expected = "event " + std::to_string(heard.next) + " of " + std::to_string(size_) + " bytes";
    std::uint64_t came = 0;
    if (rest.starts_with('e') && (rest.remove_prefix(1), number(rest, came, " ")) && came != heard.next)
        fail(client, expected,
             "event " + std::to_string(came) +
                 (came < heard.next ? " (one that it had, or was told it missed)"
                                    : " (those between are missing, and no lag was told)"));
    fail(client, expected, "another text: " + shown(said));
}

}  // namespace bench
