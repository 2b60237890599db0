// SPDX-License-Identifier: MIT
#include "http/query.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

#include "base/ascii.hpp"
#include "base/utf8.hpp"

namespace mempool::http {
namespace {

constexpr std::size_t epoch_max = 80;
constexpr std::size_t quoted_max = 64;
constexpr std::uint64_t wait_max_s = 60;

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

BadQuery half_a_percent(std::string_view name) {
    return {"`" + std::string(name) + "` has a % without two hexadecimal digits behind it"};
}

/// The query of a target, pair by pair, not decoded.
class Pairs {
public:
    explicit Pairs(std::string_view target) {
        const std::size_t mark = target.find('?');
        if (mark != std::string_view::npos) left_ = target.substr(mark + 1);
    }
    std::optional<std::pair<std::string_view, std::string_view>> next() {
        if (left_.empty()) return std::nullopt;
        const std::string_view pair = left_.substr(0, left_.find('&'));
        left_.remove_prefix(std::min(left_.size(), pair.size() + 1));
        const std::size_t equals = std::min(pair.find('='), pair.size());
        return std::pair(pair.substr(0, equals), pair.substr(std::min(equals + 1, pair.size())));
    }

private:
    std::string_view left_;
};

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

std::optional<std::uint64_t> whole_number(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<Position> parse_position(std::string_view text) {
    if (text == "0") return Position{};
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon > epoch_max) return std::nullopt;
    const std::string_view epoch = text.substr(0, colon);
    const bool good =
        std::ranges::all_of(epoch, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
    const std::optional<std::uint64_t> offset = whole_number(text.substr(colon + 1));
    if (!good || !offset) return std::nullopt;
    return Position{std::string(epoch), Offset{*offset}};
}

std::variant<StreamQuery, BadQuery> parse_stream_query(std::string_view target) {
    StreamQuery query;
    Pairs pairs(target);
    while (const auto pair = pairs.next()) {
        const auto &[name, text] = *pair;
        if (name != "format" && name != "slow" && name != "since") continue;
        const std::optional<std::string> value = percent_decoded(text);
        if (!value) return half_a_percent(name);
        std::optional<BadQuery> bad;
        if (name == "format")
            bad = take(query.format, name, *value, parse_format(*value), "text, json");
        else if (name == "slow")
            bad = take(query.slow, name, *value, slow_named(*value), "lag, latest, close");
        else
            bad = take(query.since, name, *value, parse_position(*value), "EPOCH:OFFSET, as an event has it, or 0");
        if (bad) return *std::move(bad);
    }
    return query;
}

std::variant<std::chrono::seconds, BadQuery> parse_wait(std::string_view target, std::string_view prefer) {
    std::optional<std::uint64_t> wait;
    Pairs pairs(target);
    while (const auto pair = pairs.next()) {
        const auto &[name, text] = *pair;
        if (name != "wait") continue;
        const std::optional<std::string> value = percent_decoded(text);
        if (!value) return half_a_percent(name);
        std::optional<std::uint64_t> seconds = whole_number(*value);
        if (seconds && *seconds > wait_max_s) seconds.reset();
        if (auto bad = take(wait, name, *value, seconds, "whole seconds, 0 to 60")) return *std::move(bad);
    }
    // A preference: the first `wait` of the list, parameters of others aside.
    while (!wait && !prefer.empty()) {
        const std::string_view whole = prefer.substr(0, prefer.find_first_of(",;"));
        prefer.remove_prefix(std::min(prefer.size(), whole.size() + 1));
        const std::string_view one = trimmed(whole);
        if (one.size() > 5 && equal_ignoring_case(one.substr(0, 5), "wait="))
            if (const auto seconds = whole_number(one.substr(5))) wait = std::min(*seconds, wait_max_s);
    }
    return std::chrono::seconds(wait.value_or(0));
}

}  // namespace mempool::http
