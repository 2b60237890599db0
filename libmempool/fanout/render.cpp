// SPDX-License-Identifier: MIT
#include "fanout/render.hpp"

#include <array>
#include <cstdio>
#include <ctime>

#include "base/base64.hpp"
#include "base/json.hpp"
#include "fanout/event_stream.hpp"
#include "websocket/frame_writer.hpp"

namespace mempool {
namespace {

using websocket::append_frame;
using websocket::Opcode;

/// "2026-01-31T12:00:00.123456Z" (RFC 3339)
std::string utc(std::int64_t time_us) {
    const std::time_t seconds = time_us / 1'000'000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 64> text;
    const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    std::array<char, 16> fraction;
    std::snprintf(fraction.data(), fraction.size(), ".%06dZ", static_cast<int>(time_us % 1'000'000));
    return std::string(text.data(), size) + fraction.data();
}

std::string number(std::uint64_t value) {
    return std::to_string(value);
}

std::string number(Offset offset) {
    return std::to_string(offset.value);
}

std::string event_json(std::string_view epoch, Offset offset, const Event &event) {
    const auto *message = std::get_if<Message>(&event.body);
    std::string json = message != nullptr ? R"({"type":"message","epoch":")" : R"({"type":"batch","epoch":")";
    json.append(epoch).append(R"(","offset":)").append(number(offset));
    json.append(R"(,"time":")").append(utc(event.time_us)).append("\"");
    if (message != nullptr) {
        if (message->binary)
            json.append(R"(,"data_base64":")").append(base64(message->payload)).append("\"}");
        else
            json.append(R"(,"data":)").append(json_string(message->payload)).append("}");
        return json;
    }
    const auto &batch = std::get<BatchDone>(event.body);
    json.append(R"(,"batch":")").append(number(batch.number));
    json.append(R"(","applied":)").append(number(batch.applied));
    json.append(R"(,"total":)").append(number(batch.total)).append(R"(,"rejected":[)");
    for (const Rejection &each : batch.rejected) {
        if (&each != &batch.rejected.front()) json.append(",");
        json.append(R"({"id":")").append(number(each.id));
        json.append(R"(","reason":)").append(json_string(each.reason)).append("}");
    }
    return json.append("]}");
}

/// id: the position that it brings the client to; empty where it stays.
void append_words(std::string &out, Format format, std::string_view event, std::string_view id,
                  std::string_view words) {
    if (is_sse(format)) return event_stream::append_block(out, {.id = id, .event = event, .data = words});
    append_frame(out, Opcode::text, words);
}

std::string draining_json(std::uint64_t reconnect_in_ms) {
    return R"({"type":"draining","reconnect_in_ms":)" + number(reconnect_in_ms) + "}";
}

}  // namespace

void append_event(std::string &out, Format format, std::string_view epoch, Offset offset, const Event &event) {
    const auto *message = std::get_if<Message>(&event.body);
    const bool as_it_is = !is_json(format) && message != nullptr;
    if (as_it_is && !is_sse(format))
        return append_frame(out, message->binary ? Opcode::binary : Opcode::text, message->payload);
    const std::string_view name = message != nullptr ? "message" : "batch";
    const std::string position = is_sse(format) ? position_text(epoch, offset + 1) : "";
    if (as_it_is && !message->binary) return append_words(out, format, name, position, message->payload);
    if (as_it_is) return append_words(out, format, name, position, base64(message->payload));
    append_words(out, format, name, position, is_json(format) ? event_json(epoch, offset, event) : event_text(event));
}

void append_lagged(std::string &out, Format format, std::string_view epoch, std::uint64_t missed, Offset next) {
    const std::string position = position_text(epoch, next);
    if (!is_json(format)) return append_words(out, format, "lagged", position, lagged_text(missed));
    std::string json = R"({"type":"lagged","epoch":")";
    json.append(epoch).append(R"(","missed":)").append(number(missed));
    json.append(R"(,"resume":")").append(position).append("\"}");
    append_words(out, format, "lagged", position, json);
}

void append_reset(std::string &out, Format format, std::string_view epoch, Offset next) {
    const std::string position = position_text(epoch, next);
    if (!is_json(format)) return append_words(out, format, "reset", position, reset_text(epoch));
    std::string json = R"({"type":"reset","epoch":")";
    json.append(epoch).append(R"(","offset":)").append(number(next - 1)).append("}");
    append_words(out, format, "reset", position, json);
}

void append_draining(std::string &out, Format format, std::uint64_t reconnect_in_ms) {
    const std::string words = is_json(format) ? draining_json(reconnect_in_ms) : draining_text(reconnect_in_ms);
    if (!is_sse(format)) return append_frame(out, Opcode::text, words);
    event_stream::append_block(out, {.event = "draining", .data = words, .retry_ms = reconnect_in_ms});
}

void append_hello(std::string &out, const Hello &hello) {
    std::string json = R"({"type":"hello","topic":")";
    json.append(hello.topic).append(R"(","epoch":")").append(hello.epoch);
    json.append(R"(","offset":)").append(number(hello.next - 1));
    json.append(R"(,"recovered":)").append(hello.recovered ? "true" : "false");
    json.append(R"(,"retained_from":)").append(number(hello.retained_from)).append("}");
    append_frame(out, Opcode::text, json);
}

void append_beginning(std::string &out, std::string_view epoch, Offset next) {
    event_stream::append_id(out, position_text(epoch, next));
}

void append_sign_of_life(std::string &out, Format format) {
    if (is_sse(format)) return event_stream::append_comment(out, "");
    append_frame(out, Opcode::ping, "");
}

void append_close(std::string &out, Format format, websocket::CloseCode code, std::string_view reason) {
    if (is_sse(format)) return event_stream::append_comment(out, reason);
    websocket::append_close(out, code, reason);
}

std::string position_text(std::string_view epoch, Offset next) {
    return std::string(epoch).append(":").append(number(next - 1));
}

}  // namespace mempool
