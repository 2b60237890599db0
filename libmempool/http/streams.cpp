// SPDX-License-Identifier: MIT
#include "http/streams.hpp"

#include <optional>
#include <utility>

#include "base/ascii.hpp"
#include "http/handshake.hpp"
#include "http/query.hpp"

namespace mempool::http {
namespace {

using boost::beast::http::verb;
constexpr std::string_view last_event_id = "Last-Event-ID";

/// Puts what was asked for, or what holds otherwise, into one; a BadQuery says why not.
std::variant<Joining, BadQuery> joining_of(StreamQuery asked, std::optional<Format> agreed, const SlowRule &rule) {
    const Slow slow = asked.slow.value_or(rule.otherwise());
    if (!rule.allows(slow))
        return BadQuery{"`slow` is `" + std::string(name_of(slow)) +
                        "`, which this server does not offer; allowed: " + rule.allowed() + " (slow_allowed)"};
    const Format format = agreed.value_or(asked.format.value_or(Format::text));
    return Joining{{format, slow}, std::move(asked.since)};
}

/// The header's position, where there is one.
std::variant<std::optional<Position>, BadQuery> position_heard(const Request &request) {
    const auto [first, last] = request.equal_range(last_event_id);
    if (first == last || trimmed(first->value()).empty()) return std::nullopt;
    const auto position = std::next(first) == last ? parse_position(trimmed(first->value())) : std::nullopt;
    if (position) return position;
    return BadQuery{"the header Last-Event-ID must be there once and be EPOCH:OFFSET, as an event's id, or 0"};
}

std::string_view target_of(const Request &request) {
    return {request.target().data(), request.target().size()};
}

}  // namespace

SlowRule::SlowRule(std::string_view otherwise, std::string_view allowed)
    : otherwise_(slow_named(otherwise).value_or(Slow::lag)) {
    every_element(allowed, [&](std::string_view each) {
        if (const auto slow = slow_named(each)) allowed_[static_cast<std::size_t>(*slow)] = true;
        return true;
    });
}

std::string SlowRule::allowed() const {
    std::string list;
    for (const Slow slow : {Slow::lag, Slow::latest, Slow::close})
        if (allows(slow)) list.append(list.empty() ? "" : ", ").append(name_of(slow));
    return list;
}

std::variant<Reply, Upgrade> join_websocket(const Request &request, const SlowRule &rule, bool deflate) {
    auto hands = shake_hands(request, deflate);
    if (auto *refused = std::get_if<Reply>(&hands)) return std::move(*refused);
    auto &[answer, format, deflated] = std::get<Handshake>(hands);
    auto asked = parse_stream_query(target_of(request));
    auto *bad = std::get_if<BadQuery>(&asked);
    std::variant<Joining, BadQuery> joining =
        bad != nullptr ? std::move(*bad) : joining_of(std::get<StreamQuery>(std::move(asked)), format, rule);
    if ((bad = std::get_if<BadQuery>(&joining)) != nullptr) {
        Reply reply = error_reply(400, "bad_request", bad->detail);
        reply.close = true;
        return reply;
    }
    if (deflated) {
        Manner &manner = std::get<Joining>(joining).manner;
        manner.format = as_deflated(manner.format);
    }
    return Upgrade{101, std::move(answer), std::get<Joining>(std::move(joining))};
}

std::variant<Reply, Upgrade> join_events(const Request &request, const SlowRule &rule) {
    if (request.method() != verb::get && request.method() != verb::head) return not_allowed("GET, HEAD");
    auto asked = parse_stream_query(target_of(request));
    if (const auto *bad = std::get_if<BadQuery>(&asked)) return error_reply(400, "bad_request", bad->detail);
    auto heard = position_heard(request);
    if (const auto *bad = std::get_if<BadQuery>(&heard)) return error_reply(400, "bad_request", bad->detail);
    auto &query = std::get<StreamQuery>(asked);
    if (auto &position = std::get<std::optional<Position>>(heard)) query.since = std::move(position);
    auto joining = joining_of(std::move(query), std::nullopt, rule);
    if (const auto *bad = std::get_if<BadQuery>(&joining)) return error_reply(400, "bad_request", bad->detail);

    Reply stream;
    stream.content_type = "text/event-stream";
    stream.cache = "no-cache";
    stream.headers = "X-Accel-Buffering: no\r\n";
    stream.close = true;
    stream.endless = true;
    if (request.method() == verb::head) return stream;
    auto &manner = std::get<Joining>(joining).manner;
    manner.format = as_sse(manner.format);
    return Upgrade{stream.status, wire_bytes(stream, true, false), std::get<Joining>(std::move(joining))};
}

}  // namespace mempool::http
