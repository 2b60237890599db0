// SPDX-License-Identifier: MIT
#include "base/counters.hpp"

#include <algorithm>
#include <cassert>

namespace mempool {
namespace {

using enum CounterKind;
using enum CounterUnit;

constexpr std::array<CounterRow, counter_count> table{{
    {Counter::accepted, counter, none, "accepted", "mempool_transactions_accepted", "",
     "Transactions that got an id; always applied + rejected + pending."},
    {Counter::applied, counter, none, "applied", "mempool_transactions_applied", "", "Transactions that hold."},
    {Counter::rejected, counter, none, "rejected", "mempool_transactions_rejected", "",
     "Transactions that the apply callback rejected, or that were in a batch which failed."},
    {Counter::pending, gauge, none, "pending", "mempool_transactions_pending", "",
     "Transactions without an outcome yet."},
    {Counter::batches, counter, none, "batches", "mempool_batches", "", "Batches that have their outcome."},
    {Counter::refused, counter, none, "refused", "mempool_submissions_refused", "",
     "Submissions that found no room in the queue, and those that gave up waiting for it; many at once are one."},
    {Counter::events, counter, none, "events", "mempool_events", "",
     "Events in the topic's present epoch: the offset of the newest."},
    {Counter::queue_length, gauge, none, "queue_length", "mempool_queue_transactions", "",
     "Transactions that wait for their batch (queue_capacity)."},
    {Counter::queue_bytes, gauge, bytes, "queue_bytes", "mempool_queue_bytes", "",
     "Bytes of the transactions that wait for their batch (queue_bytes)."},
    {Counter::listeners, gauge, none, "listeners", "mempool_listeners", "",
     "Who listens: clients of the network, callbacks, receivers."},
    {Counter::events_sent, counter, none, "events_sent", "mempool_events_sent", "",
     "Events sent to clients of the network, counted once for each client."},
    {Counter::events_missed, counter, none, "events_missed", "mempool_events_missed", "",
     "Events that clients of the network were told they missed, counted once for each client."},
    {Counter::apply_time_ns, counter, nanoseconds, "apply_time_ns", "mempool_apply_seconds", "",
     "Time spent inside the apply callback."},
    {Counter::ring_length, gauge, none, "ring_length", "mempool_ring_events", "",
     "Events retained for who is behind or resumes (ring_capacity)."},
    {Counter::ring_bytes, gauge, bytes, "ring_bytes", "mempool_ring_bytes", "",
     "Bytes of the payloads of the events retained (ring_bytes)."},
    {Counter::connections, gauge, none, "connections", "mempool_connections", "",
     "Connections of the network: HTTP and clients of the stream (max_connections)."},
    {Counter::clients_text, gauge, none, "clients_text", "mempool_clients", "format=\"text\"",
     "Clients of the stream, by format: over a WebSocket, or as Server-Sent Events (sse_)."},
    {Counter::clients_json, gauge, none, "clients_json", "mempool_clients", "format=\"json\"",
     "Clients of the stream, by format: over a WebSocket, or as Server-Sent Events (sse_)."},
    {Counter::clients_sse_text, gauge, none, "clients_sse_text", "mempool_clients", "format=\"sse_text\"",
     "Clients of the stream, by format: over a WebSocket, or as Server-Sent Events (sse_)."},
    {Counter::clients_sse_json, gauge, none, "clients_sse_json", "mempool_clients", "format=\"sse_json\"",
     "Clients of the stream, by format: over a WebSocket, or as Server-Sent Events (sse_)."},
    {Counter::connections_accepted, counter, none, "connections_accepted", "mempool_connections_accepted", "",
     "Connections that were taken in."},
    {Counter::connections_refused_max, counter, none, "connections_refused_max", "mempool_connections_refused",
     "reason=\"max_connections\"",
     "Connections refused, as there were max_connections, or more from one address than rate_limit_connections."},
    {Counter::connections_refused_rate, counter, none, "connections_refused_rate", "mempool_connections_refused",
     "reason=\"rate_limit_connections\"",
     "Connections refused, as there were max_connections, or more from one address than rate_limit_connections."},
    {Counter::accept_pauses, counter, none, "accept_pauses", "mempool_accept_pauses", "",
     "Pauses of 100 ms in taking connections in, as the system had no descriptor or memory for one."},
    {Counter::clients_closed_slow, counter, none, "clients_closed_slow", "mempool_clients_closed", "reason=\"slow\"",
     "Clients of the stream given up: slow=close and behind the ring, silent past pong_timeout_ms, stalled past "
     "stall_timeout_ms."},
    {Counter::clients_closed_silent, counter, none, "clients_closed_silent", "mempool_clients_closed",
     "reason=\"silent\"",
     "Clients of the stream given up: slow=close and behind the ring, silent past pong_timeout_ms, stalled past "
     "stall_timeout_ms."},
    {Counter::clients_closed_stalled, counter, none, "clients_closed_stalled", "mempool_clients_closed",
     "reason=\"stalled\"",
     "Clients of the stream given up: slow=close and behind the ring, silent past pong_timeout_ms, stalled past "
     "stall_timeout_ms."},
    {Counter::messages_ignored, counter, none, "messages_ignored", "mempool_client_messages_ignored", "",
     "Messages of clients of the stream that meant nothing to the pool, and were dropped."},
    {Counter::log_lost, counter, none, "log_lost", "mempool_log_messages_lost", "",
     "Log messages that found no room, as the log callback was slower than what there was to say."},
}};

constexpr bool in_order() {
    for (std::size_t index = 0; index < table.size(); ++index)
        if (table[index].id != static_cast<Counter>(index)) return false;
    return true;
}
static_assert(in_order(), "the rows stand in the order of enum Counter");

struct RouteRow {
    Route route;
    std::string_view name;  // the path, or a pattern of it
};

// `/` at the end: and all below it. The first that fits.
constexpr std::array<RouteRow, route_count> routes{{
    {Route::tx, "/tx"},
    {Route::tx_id, "/tx/"},
    {Route::txs, "/txs"},
    {Route::ws, "/ws/"},
    {Route::events, "/events/"},
    {Route::stats, "/stats"},
    {Route::metrics, "/metrics"},
    {Route::health, "/healthz"},
    {Route::page, "/"},
    {Route::other, "other"},
    {Route::unread, "unread"},
}};

}  // namespace

std::span<const CounterRow, counter_count> counter_table() {
    return table;
}

Route route_of(std::string_view path) {
    if (path == "/readyz") return Route::health;
    if (!path.starts_with('/')) return Route::other;
    for (const auto &[route, name] : routes)
        if (path == name || (name.size() > 1 && name.ends_with('/') && path.starts_with(name))) return route;
    return Route::other;
}

std::string_view name_of(Route route) {
    return routes[static_cast<std::size_t>(route)].name;
}

std::size_t status_class_of(unsigned status) {
    assert(status >= 100 && status < 600);
    return status / 100 - 1;
}

}  // namespace mempool
