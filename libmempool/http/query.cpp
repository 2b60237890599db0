// SPDX-License-Identifier: MIT
#include "http/query.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "base/utf8.hpp"

namespace mempool::http {
namespace {

constexpr std::size_t epoch_max = 80;
constexpr std::size_t quoted_max = 64;

/// It goes into JSON, whatever the client wrote.
std::string quoted(std::string_view value) {
    const bool whole = value.size() <= quoted_max;
    return "`" + utf8_replaced(value.substr(0, quoted_max)) + (whole ? "`" : "...`");
}

/// Nothing where a '%' has not two hexadecimal digits behind it.
std::optional<std::string> percent_decoded(std::string_view text) {
    std::string decoded;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            decoded += text[at];
            continue;
        }
        unsigned value = 0;
        const char *digits = text.data() + at + 1;
        if (text.size() - at < 3) return std::nullopt;
        const auto [end, error] = std::from_chars(digits, digits + 2, value, 16);
        if (error != std::errc() || end != digits + 2) return std::nullopt;
        decoded += static_cast<char>(value);
        at += 2;
    }
    return decoded;
}

std::optional<Format> parse_format(std::string_view text) {
    if (text == "text") return Format::text;
    if (text == "json") return Format::json;
    return std::nullopt;
}

std::optional<Slow> parse_slow(std::string_view text) {
    if (text == "lag") return Slow::lag;
    if (text == "latest") return Slow::latest;
    if (text == "close") return Slow::close;
    return std::nullopt;
}

/// Puts the value into `field`, or says what is wrong with it.
template <class Value>
std::optional<BadQuery> take(std::optional<Value> &field, std::string_view name, const std::string &text,
                             std::optional<Value> value, std::string_view allowed) {
    if (field) return BadQuery{"`" + std::string(name) + "` is there twice; give it once"};
    field = std::move(value);
    if (field) return std::nullopt;
    return BadQuery{"`" + std::string(name) + "` is " + quoted(text) + "; allowed: " + std::string(allowed)};
}

}  // namespace

std::optional<Position> parse_position(std::string_view text) {
    if (text == "0") return Position{};
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon > epoch_max) return std::nullopt;
    const std::string_view epoch = text.substr(0, colon);
    const bool good =
        std::ranges::all_of(epoch, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
    std::uint64_t offset = 0;
    const char *digits = text.data() + colon + 1;
    const char *last = text.data() + text.size();
    const auto [end, error] = std::from_chars(digits, last, offset);
    if (!good || error != std::errc() || end != last) return std::nullopt;
    return Position{std::string(epoch), Offset{offset}};
}

std::variant<StreamQuery, BadQuery> parse_stream_query(std::string_view target) {
    StreamQuery query;
    const std::size_t mark = target.find('?');
    std::string_view left = mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
    while (!left.empty()) {
        const std::string_view pair = left.substr(0, left.find('&'));
        left.remove_prefix(std::min(left.size(), pair.size() + 1));
        const std::size_t equals = std::min(pair.find('='), pair.size());
        const std::string_view name = pair.substr(0, equals);
        if (name != "format" && name != "slow" && name != "since") continue;
        const std::optional<std::string> value = percent_decoded(pair.substr(std::min(equals + 1, pair.size())));
        if (!value) return BadQuery{"`" + std::string(name) + "` has a % without two hexadecimal digits behind it"};
        std::optional<BadQuery> bad;
        if (name == "format")
            bad = take(query.format, name, *value, parse_format(*value), "text, json");
        else if (name == "slow")
            bad = take(query.slow, name, *value, parse_slow(*value), "lag, latest, close");
        else
            bad = take(query.since, name, *value, parse_position(*value), "EPOCH:OFFSET, as an event has it, or 0");
        if (bad) return *std::move(bad);
    }
    return query;
}

}  // namespace mempool::http
