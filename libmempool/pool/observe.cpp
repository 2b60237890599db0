// SPDX-License-Identifier: MIT
/// What others may know of a pool: its counters, each read where it is counted, and the first words of its log.
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "pool/network.hpp"
#include "pool/pool.hpp"

namespace mempool {
namespace {

/// The log is ASCII.
bool is_printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

Counters Pool::stats() const {
    // The settled ones are read before the accepted ones: so none is settled that was not accepted.
    const Outcomes::Totals settled = outcomes_.totals();
    const Ring::Retained retained = topic_.ring.retained();
    Counters now;
    using enum Counter;
    now[accepted] = intake_.last_id();
    now[applied] = settled.applied;
    now[rejected] = settled.rejected;
    now[pending] = now[accepted] - settled.applied - settled.rejected;
    now[batches] = settled.batches;
    now[refused] = intake_.refused();
    now[events] = retained.tail.value - 1;
    now[queue_length] = queue_.length();
    now[queue_bytes] = queue_.bytes();
    now[listeners] = topic_.ring.listeners();
    now[apply_time_ns] = batcher_.apply_time_ns();
    now[ring_length] = retained.events;
    now[ring_bytes] = retained.bytes;
    now[log_lost] = log_.lost();
    if (state() != State::open && network_) network_->count(now);
    return now;
}

Observation Pool::observe() const {
    Observation now;
    now.counters = stats();
    if (state() != State::open && network_) network_->count(now.answers);
    switch (state()) {
        case State::open:
            now.state = "open";
            break;
        case State::running:
            now.state = "running";
            break;
        case State::draining:
            now.state = "draining";
            break;
        case State::stopped:
            now.state = "stopped";
            break;
    }
    now.epoch = *topic_.ring.epoch();
    return now;
}

/// The first words of the log, when nothing can fail any more.
void Pool::tell_start() {
    if (!network_) return log_.write(LogLevel::info, "started, in process only");
    if (const std::string &host = options_.text(Option::listen_host); !host.empty())
        log_.write(LogLevel::info, "listening on %s port %d", host.c_str(), static_cast<int>(port_));
    if (const std::string &path = options_.text(Option::listen_unix); !path.empty())
        log_.write(LogLevel::info, "listening on the unix socket %s",
                   is_printable(path) ? path.c_str() : "of listen_unix");
    if (const std::int64_t fd = options_[Option::listen_fd]; fd >= 0)
        log_.write(LogLevel::info, "listening on the handed-over descriptor %d", static_cast<int>(fd));
    if (network_->threads() > 1) log_.write(LogLevel::info, "%zu network threads", network_->threads());
    rlimit files{};
    const auto wanted = static_cast<rlim_t>(options_[Option::max_connections]);
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= wanted) return;
    // The default passes the usual limit on purpose: who did not ask for so many need not be warned.
    const bool asked = options_[Option::max_connections] != find_option("max_connections")->default_integer;
    log_.write(
        asked ? LogLevel::warn : LogLevel::info,
        "max_connections %ju passes the limit of open files, %ju: beyond that connections wait; raise it (ulimit -n)",
        static_cast<std::uintmax_t>(wanted), static_cast<std::uintmax_t>(files.rlim_cur));
}

}  // namespace mempool
