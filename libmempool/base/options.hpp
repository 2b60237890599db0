// SPDX-License-Identifier: MIT
/// The option table: the only place that knows an option. The C setters, Python's keywords, the command line, the environment and
/// docs/spec/options.md are derived from it. `Options` is a value: one thread at a time, copied into a pool when it is opened.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/status.hpp"

namespace mempool {

enum class Option : std::size_t {
    listen_host,
    listen_port,
    listen_unix,
    listen_fd,
    route_prefix,
    io_threads,
    max_connections,
    ring_capacity,
    ring_bytes,
    lane_bytes,
    queue_capacity,
    queue_bytes,
    tx_max_bytes,
    request_max_bytes,
    message_max_bytes,
    batch_max,
    batch_interval_ms,
    header_timeout_ms,
    body_timeout_ms,
    keepalive_timeout_ms,
    ping_interval_ms,
    pong_timeout_ms,
    unsent_max_bytes,
    stall_timeout_ms,
    close_timeout_ms,
    drain_timeout_ms,
    slow_default,
    slow_allowed,
    outcomes_capacity,
    idempotency_capacity,
    origins,
    hosts,
    rate_limit_connections,
    deflate,
    deflate_min_bytes,
    uring,
    metrics,
    log_level,
    dashboard,
    count_,
};
inline constexpr std::size_t option_count = static_cast<std::size_t>(Option::count_);

enum class OptionType : std::int32_t { integer = 0, boolean = 1, text = 2 };

/// One row. All strings are static and NUL-terminated.
struct OptionRow {
    Option id;
    OptionType type;
    const char *name;
    const char *unit;
    std::int64_t minimum;  // integer: the range, both included; text: bytes
    std::int64_t maximum;
    std::int64_t default_integer;
    const char *default_text;
    const char *since;
    const char *doc;
};

std::span<const OptionRow, option_count> option_table();

/// The row of that name, or nullptr.
const OptionRow *find_option(std::string_view name);

class Options {
public:
    Options();  // every option at its default

    /// INVALID names the option, what was given and what is allowed; NOT_FOUND: no such option. Nothing has changed then.
    Status set_integer(std::string_view name, std::int64_t value);
    Status set_text(std::string_view name, std::string_view value);
    /// Takes MEMPOOL_* from `environment` (NAME=VALUE, ended by nullptr). Names that are no option are left alone.
    Status load_environment(const char *const *environment);

    std::int64_t operator[](Option option) const { return integers_[static_cast<std::size_t>(option)]; }
    std::size_t size(Option option) const { return static_cast<std::size_t>((*this)[option]); }
    milliseconds ms(Option option) const { return milliseconds((*this)[option]); }
    const std::string &text(Option option) const { return texts_[static_cast<std::size_t>(option)]; }

private:
    std::array<std::int64_t, option_count> integers_{};
    std::array<std::string, option_count> texts_{};
};

}  // namespace mempool
