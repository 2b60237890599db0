// SPDX-License-Identifier: MIT
/// The table of counters: the only place that knows one. The fields of mempool_stats, Python's Stats, `GET /stats`, `GET /metrics` and
/// docs/counters.md are derived from it, or held to it by tests. Values; any thread.
///
/// A counter is counted where it happens, by the one thread to which that happens (count.hpp) or under a lock that is held there anyway;
/// nothing here is ever estimated, sampled or reset.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/count.hpp"

namespace mempool {

/// In the order of the fields of mempool_stats: appended to, never changed.
enum class Counter : std::size_t {
    accepted,
    applied,
    rejected,
    pending,
    batches,
    refused,
    events,
    queue_length,
    queue_bytes,
    listeners,
    events_sent,
    events_missed,
    apply_time_ns,
    ring_length,
    ring_bytes,
    connections,
    clients_text,
    clients_json,
    clients_sse_text,
    clients_sse_json,
    connections_accepted,
    connections_refused_max,
    connections_refused_rate,
    accept_pauses,
    clients_closed_slow,
    clients_closed_silent,
    clients_closed_stalled,
    messages_ignored,
    log_lost,
    count_,
};
inline constexpr std::size_t counter_count = static_cast<std::size_t>(Counter::count_);

enum class CounterKind : std::int32_t {
    counter = 0,  // only grows
    gauge = 1,    // of the moment
};
enum class CounterUnit { none, bytes, nanoseconds };

/// One row. All strings are static. Rows of one metric, told apart by labels, stand side by side and have one doc.
struct CounterRow {
    Counter id;
    CounterKind kind;
    CounterUnit unit;
    const char *name;    // in C, Python and JSON
    const char *metric;  // for Prometheus, without `_total`; nanoseconds are told in seconds
    const char *labels;  // `reason="rate"`, or ""
    const char *doc;
};

std::span<const CounterRow, counter_count> counter_table();

class Counters {
public:
    std::uint64_t &operator[](Counter counter) { return values_[static_cast<std::size_t>(counter)]; }
    std::uint64_t operator[](Counter counter) const { return values_[static_cast<std::size_t>(counter)]; }
    std::span<const std::uint64_t, counter_count> values() const { return values_; }

private:
    std::array<std::uint64_t, counter_count> values_{};
};

/// What an HTTP request asked for, as far as it is counted apart.
enum class Route : std::size_t { tx, tx_id, txs, ws, events, stats, metrics, health, page, other, unread, count_ };
inline constexpr std::size_t route_count = static_cast<std::size_t>(Route::count_);

/// path: without its query. `unread` is never given: it is for what was refused before there was a path.
Route route_of(std::string_view path);
std::string_view name_of(Route route);

inline constexpr std::array<std::string_view, 5> status_classes{"1xx", "2xx", "3xx", "4xx", "5xx"};
std::size_t status_class_of(unsigned status);

/// Answers by route and class of status.
template <class Number>
using PerAnswer = std::array<std::array<Number, status_classes.size()>, route_count>;

/// All of one moment.
struct Observation {
    Counters counters;
    PerAnswer<std::uint64_t> answers{};
    std::string_view state;  // static: "running"
    std::string epoch;
};

}  // namespace mempool
