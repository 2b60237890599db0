// SPDX-License-Identifier: MIT
#include "base/options.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>

#include "base/ascii.hpp"
#include "base/authority.hpp"
#include "base/log.hpp"

namespace mempool {
namespace {

constexpr std::int64_t KiB = 1024;
constexpr std::int64_t MiB = 1024 * KiB;
constexpr std::int64_t GiB = 1024 * MiB;

using enum OptionType;

constexpr std::array<OptionRow, option_count> table{{
    {Option::listen_host, text, "listen_host", "address", 0, 255, 0, "127.0.0.1", "0.1",
     "IPv4 or IPv6 address to listen on; empty: no port, and without listen_unix and listen_fd no network"},
    {Option::listen_port, integer, "listen_port", "port", 0, 65535, 3000, "3000", "0.1",
     "port to listen on; 0: any free one"},
    {Option::listen_unix, text, "listen_unix", "path", 0, 107, 0, "", "0.1",
     "path of a unix socket to listen on, beside the port or, with an empty listen_host, instead of it"},
    {Option::listen_fd, integer, "listen_fd", "descriptor", -1, 2'147'483'647, -1, "-1", "0.1",
     "a listening socket handed over (systemd), which is copied; -1: none"},
    {Option::route_prefix, text, "route_prefix", "path", 0, 255, 0, "", "0.1",
     "what stands before every route, such as /live"},
    {Option::io_threads, integer, "io_threads", "threads", 0, 256, 1, "1", "0.1",
     "network threads, which share the clients; 0: one per core that the process may run on"},
    {Option::max_connections, integer, "max_connections", "connections", 1, 10'000'000, 100'000, "100000", "0.1",
     "connections held at once; one more is answered 503"},
    {Option::ring_capacity, integer, "ring_capacity", "events", 1, 1 << 20, 1024, "1024", "0.1",
     "events retained for listeners that are behind, exactly"},
    {Option::ring_bytes, integer, "ring_bytes", "bytes", 64 * KiB, 16 * GiB, 64 * MiB, "67108864", "0.1",
     "bytes of event payloads retained; the oldest go first"},
    {Option::lane_bytes, integer, "lane_bytes", "bytes", 64 * KiB, GiB, 16 * MiB, "16777216", "0.1",
     "bytes of events kept ready to be sent; who is further behind is served from the ring, more slowly"},
    {Option::queue_capacity, integer, "queue_capacity", "transactions", 1, 1 << 22, 65536, "65536", "0.1",
     "transactions that wait for their batch, exactly"},
    {Option::queue_bytes, integer, "queue_bytes", "bytes", 64 * KiB, 16 * GiB, 64 * MiB, "67108864", "0.1",
     "bytes of transactions that wait for their batch"},
    {Option::tx_max_bytes, integer, "tx_max_bytes", "bytes", 1, 16 * MiB, 64 * KiB, "65536", "0.1",
     "the largest transaction"},
    {Option::request_max_bytes, integer, "request_max_bytes", "bytes", 1, 64 * MiB, 4 * MiB, "4194304", "0.1",
     "the largest body of POST /txs"},
    {Option::message_max_bytes, integer, "message_max_bytes", "bytes", 125, 16 * MiB, 64 * KiB, "65536", "0.1",
     "the largest inbound WebSocket message and the largest published event"},
    {Option::batch_max, integer, "batch_max", "transactions", 1, 1 << 20, 1024, "1024", "0.1",
     "transactions in one batch at most"},
    {Option::batch_interval_ms, integer, "batch_interval_ms", "ms", 0, 60'000, 10, "10", "0.1",
     "how long a batch gathers after its first transaction; 0: not at all"},
    {Option::header_timeout_ms, integer, "header_timeout_ms", "ms", 1, 600'000, 10'000, "10000", "0.1",
     "absolute deadline for a request's header"},
    {Option::body_timeout_ms, integer, "body_timeout_ms", "ms", 1, 600'000, 30'000, "30000", "0.1",
     "absolute deadline for a request's body"},
    {Option::keepalive_timeout_ms, integer, "keepalive_timeout_ms", "ms", 1, 3'600'000, 75'000, "75000", "0.1",
     "how long an idle HTTP connection is kept"},
    {Option::ping_interval_ms, integer, "ping_interval_ms", "ms", 0, 86'400'000, 20'000, "20000", "0.1",
     "silence of a WebSocket client after which it gets a ping; 0: never"},
    {Option::pong_timeout_ms, integer, "pong_timeout_ms", "ms", 0, 86'400'000, 20'000, "20000", "0.1",
     "silence after that ping after which the client is given up; 0: never"},
    {Option::unsent_max_bytes, integer, "unsent_max_bytes", "bytes", 0, 64 * MiB, 16 * KiB, "16384", "0.1",
     "bytes the kernel may hold unsent for a client, so that lag is told when it happens; 0: the kernel's own choice"},
    {Option::stall_timeout_ms, integer, "stall_timeout_ms", "ms", 0, 86'400'000, 60'000, "60000", "0.1",
     "how long the socket of a client that is behind may take nothing; 0: for ever"},
    {Option::close_timeout_ms, integer, "close_timeout_ms", "ms", 1, 60'000, 5000, "5000", "0.1",
     "how long a peer may take to answer our close"},
    {Option::drain_timeout_ms, integer, "drain_timeout_ms", "ms", 0, 3'600'000, 10'000, "10000", "0.1",
     "how long stop may take when it is not told otherwise"},
    {Option::slow_default, text, "slow_default", "policy", 0, 64, 0, "lag", "0.1",
     "what becomes of a client that falls behind and did not say: lag, latest or close"},
    {Option::slow_allowed, text, "slow_allowed", "list", 0, 64, 0, "lag,latest,close", "0.1",
     "what clients may ask for when they fall behind, of lag, latest and close; a list, comma-separated"},
    {Option::outcomes_capacity, integer, "outcomes_capacity", "outcomes", 1, 1 << 24, 65536, "65536", "0.1",
     "outcomes kept for lookup"},
    {Option::idempotency_capacity, integer, "idempotency_capacity", "keys", 0, 1 << 24, 65536, "65536", "0.1",
     "idempotency keys remembered, the oldest go first; 0: none, every submission is a new one"},
    {Option::origins, text, "origins", "list", 0, 8192, 0, "", "0.1",
     "further origins whose pages may ask, such as https://app.example.com; a list, comma-separated"},
    {Option::hosts, text, "hosts", "list", 0, 8192, 0, "", "0.1",
     "further names under which a pool on a loopback address may be asked; a list, comma-separated"},
    {Option::rate_limit_connections, integer, "rate_limit_connections", "connections", 0, 1'000'000, 0, "0", "0.1",
     "new connections a second and address, an IPv6 /64 being one; one more is answered 429; 0: no limit"},
    {Option::deflate, boolean, "deflate", "", 0, 1, 0, "off", "0.1",
     "compress events for WebSocket clients that offer permessage-deflate, and read what they compress"},
    {Option::deflate_min_bytes, integer, "deflate_min_bytes", "bytes", 0, MiB, 256, "256", "0.1",
     "the shortest message that is compressed"},
    {Option::uring, text, "uring", "", 0, 8, 0, "auto", "0.1",
     "send by io_uring, 64 clients in one call: auto (where the kernel has it), on (or start fails) or off"},
    {Option::metrics, boolean, "metrics", "", 0, 1, 1, "on", "0.1", "serve the counters at /metrics, for Prometheus"},
    {Option::log_level, text, "log_level", "", 0, 8, 0, "warn", "0.1",
     "what the log callback hears: off, error, warn, info or debug, each with all before it"},
    {Option::dashboard, boolean, "dashboard", "", 0, 1, 1, "on", "0.1", "serve the page at /"},
}};

constexpr bool in_order() {
    for (std::size_t index = 0; index < table.size(); ++index)
        if (table[index].id != static_cast<Option>(index)) return false;
    return true;
}
static_assert(in_order(), "the rows stand in the order of enum Option");

std::string quoted(std::string_view value) {
    constexpr std::size_t shown = 64;
    return value.size() <= shown ? std::string(value) : std::string(value.substr(0, shown)) + "...";
}

Status unknown(std::string_view name) {
    return {Code::not_found, "unknown option " + quoted(name) + "; see `mempool options` or docs/spec/options.md"};
}

Status out_of_range(const OptionRow &row, const std::string &given) {
    const std::string unit = row.unit[0] == '\0' ? "" : std::string(" ") + row.unit;
    return {Code::invalid, std::string(row.name) + " " + given + " is out of range; allowed: " +
                               std::to_string(row.minimum) + " to " + std::to_string(row.maximum) + unit};
}

bool is_ip_address(const std::string &host) {
    in_addr v4;
    in6_addr v6;
    return inet_pton(AF_INET, host.c_str(), &v4) == 1 || inet_pton(AF_INET6, host.c_str(), &v6) == 1;
}

bool is_origin(std::string_view element) {
    return parse_origin(element).has_value();
}

bool is_host_name(std::string_view element) {
    return !element.ends_with(':') && parse_authority(element) && !parse_authority(element)->port;
}

/// Path segments of letters, digits and `-._~` (RFC 3986 2.3), none of them `.` or `..`: what no proxy on the way rewrites.
bool is_route_prefix(std::string_view path) {
    if (!path.starts_with('/')) return false;
    while (!path.empty()) {
        path.remove_prefix(1);
        const std::string_view segment = path.substr(0, path.find('/'));
        if (segment.empty() || segment == "." || segment == "..") return false;
        for (const char c : segment)
            if (!is_alpha(c) && !is_digit(c) && std::string_view("-._~").find(c) == std::string_view::npos)
                return false;
        path.remove_prefix(segment.size());
    }
    return true;
}

bool is_slow_policy(std::string_view element) {
    return element == "lag" || element == "latest" || element == "close";
}

/// What is wrong with a text that is short enough.
Status check_text(Option option, std::string_view value) {
    if (option == Option::slow_default && !is_slow_policy(value))
        return {Code::invalid, "slow_default " + (value.empty() ? "(empty)" : quoted(value)) +
                                   " is no policy; allowed: lag, latest or close"};
    if (option == Option::slow_allowed && !every_element(value, is_slow_policy))
        return {Code::invalid, "slow_allowed " + (value.empty() ? "(empty)" : quoted(value)) +
                                   " is not a list of policies; give one or more of lag, latest and close, "
                                   "comma-separated"};
    if (option == Option::uring && value != "auto" && value != "on" && value != "off")
        return {Code::invalid, "uring " + (value.empty() ? "(empty)" : quoted(value)) + " is none of auto, on and off"};
    if (option == Option::log_level && !log_level_of(value))
        return {Code::invalid, "log_level " + (value.empty() ? "(empty)" : quoted(value)) +
                                   " is none of off, error, warn, info, debug"};
    if (value.empty()) return {};
    if (option == Option::listen_host && !is_ip_address(std::string(value)))
        return {Code::invalid, "listen_host " + quoted(value) +
                                   " is not an IPv4 or IPv6 address; give one such as 127.0.0.1, 0.0.0.0 or ::1, "
                                   "or leave it empty for no network"};
    if (option == Option::listen_unix && value.find('\0') != std::string_view::npos)
        return {Code::invalid, "listen_unix has a NUL byte in it; give the path of a file"};
    if (option == Option::route_prefix && !is_route_prefix(value))
        return {Code::invalid, "route_prefix " + quoted(value) +
                                   " is not the beginning of a path; give one such as /live or /app/live, of letters, "
                                   "digits and -._~"};
    if (option == Option::origins && !every_element(value, is_origin))
        return {Code::invalid, "origins " + quoted(value) +
                                   " is not a list of origins; give them as scheme://host or scheme://host:port with "
                                   "nothing behind, comma-separated"};
    if (option == Option::hosts && !every_element(value, is_host_name))
        return {Code::invalid, "hosts " + quoted(value) +
                                   " is not a list of host names; give them without scheme and port, comma-separated"};
    return {};
}

}  // namespace

std::span<const OptionRow, option_count> option_table() {
    return table;
}

const OptionRow *find_option(std::string_view name) {
    const auto row = std::ranges::find(table, name, [](const OptionRow &each) { return std::string_view(each.name); });
    return row == table.end() ? nullptr : &*row;
}

Options::Options() {
    for (const OptionRow &row : table) {
        integers_[static_cast<std::size_t>(row.id)] = row.default_integer;
        if (row.type == OptionType::text) texts_[static_cast<std::size_t>(row.id)] = row.default_text;
    }
}

Status Options::set_integer(std::string_view name, std::int64_t value) {
    const OptionRow *row = find_option(name);
    if (row == nullptr) return unknown(name);
    if (row->type == OptionType::text)
        return {Code::invalid, std::string(row->name) + " is a text option, " + std::to_string(value) + " is a number"};
    if (value < row->minimum || value > row->maximum) return out_of_range(*row, std::to_string(value));
    integers_[static_cast<std::size_t>(row->id)] = value;
    return {};
}

Status Options::set_text(std::string_view name, std::string_view value) {
    const OptionRow *row = find_option(name);
    if (row == nullptr) return unknown(name);
    if (row->type == OptionType::text) {
        if (static_cast<std::int64_t>(value.size()) > row->maximum)
            return {Code::invalid,
                    std::string(row->name) + " has " + std::to_string(value.size()) + " bytes; allowed: up to " +
                        std::to_string(row->maximum) +
                        (row->id == Option::listen_unix ? ", as the kernel's unix sockets have it" : "")};
        if (row->id == Option::route_prefix && value.ends_with('/')) value.remove_suffix(1);
        Status status = check_text(row->id, value);
        if (status.ok()) texts_[static_cast<std::size_t>(row->id)] = value;
        return status;
    }
    if (row->type == OptionType::boolean) {
        if (value == "on" || value == "true" || value == "1") return set_integer(name, 1);
        if (value == "off" || value == "false" || value == "0") return set_integer(name, 0);
        return {Code::invalid, std::string(row->name) + " " + quoted(value) + " is neither on nor off"};
    }
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error == std::errc::result_out_of_range) return out_of_range(*row, quoted(value));
    if (error != std::errc() || end != value.data() + value.size())
        return {Code::invalid, std::string(row->name) + " " + (value.empty() ? "(empty)" : quoted(value)) +
                                   " is not a whole number; allowed: " + std::to_string(row->minimum) + " to " +
                                   std::to_string(row->maximum)};
    return set_integer(name, number);
}

Status Options::load_environment(const char *const *environment) {
    constexpr std::string_view prefix = "MEMPOOL_";
    for (; environment != nullptr && *environment != nullptr; ++environment) {
        const std::string_view entry = *environment;
        const std::size_t equals = entry.find('=');
        if (equals == std::string_view::npos || !entry.starts_with(prefix)) continue;
        std::string name(entry.substr(prefix.size(), equals - prefix.size()));
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        if (find_option(name) == nullptr) continue;
        if (const Status status = set_text(name, entry.substr(equals + 1)); !status.ok())
            return {status.code(),
                    "environment variable " + std::string(entry.substr(0, equals)) + ": " + status.detail()};
    }
    return {};
}

}  // namespace mempool
