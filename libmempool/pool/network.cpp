// SPDX-License-Identifier: MIT
/// From a pool's options to its network: the listening places, the shard and its listener. On the thread that starts the pool, before any of
/// the pool's own runs.
#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "fanout/shard.hpp"
#include "http/listener.hpp"
#include "http/places.hpp"
#include "pool/pool.hpp"

namespace mempool {

/// Without a place to listen it makes nothing. Where it fails, start() lets go of what was made.
Status Pool::make_network() {
    std::vector<http::ListenSocket> places;
    if (Status status = http::listen_everywhere(options_, places); !status.ok() || places.empty()) return status;
    const std::uint16_t port = http::port_of(places);
    const Liveness liveness{options_.ms(Option::ping_interval_ms), options_.ms(Option::pong_timeout_ms),
                            options_.ms(Option::stall_timeout_ms)};
    const Audience::Limits audience{options_.ms(Option::close_timeout_ms), liveness,
                                    options_.size(Option::message_max_bytes), options_.size(Option::lane_bytes),
                                    options_.size(Option::deflate_min_bytes)};
    shard_ = std::make_unique<Shard>(std::string(main_topic), topic_.ring,
                                     Shard::Limits{audience, options_.size(Option::unsent_max_bytes)}, log_);
    const http::Services services{
        intake_,
        idempotency_,
        outcomes_,
        draining_,
        options_[Option::dashboard] != 0,
        options_[Option::metrics] != 0,
        main_topic,
        [this] { return observe(); },
        http::WhoMayAsk(options_.text(Option::origins), options_.text(Option::hosts),
                        options_.text(Option::route_prefix)),
        http::SlowRule(options_.text(Option::slow_default), options_.text(Option::slow_allowed)),
        options_.text(Option::route_prefix),
        options_[Option::deflate] != 0};
    const http::Session::Limits limits{
        options_.ms(Option::header_timeout_ms),
        options_.ms(Option::body_timeout_ms),
        options_.ms(Option::keepalive_timeout_ms),
        options_.ms(Option::close_timeout_ms),
        options_.size(Option::tx_max_bytes),
        options_.size(Option::request_max_bytes),
        std::max(options_.size(Option::request_max_bytes), options_.size(Option::queue_bytes))};
    listener_ = std::make_unique<http::Listener>(
        *shard_, std::move(places), services, limits,
        http::Listener::Crowd{options_.size(Option::max_connections),
                              static_cast<std::uint32_t>(options_[Option::rate_limit_connections])},
        http_counts_, log_);
    const std::lock_guard lock(mutex_);
    port_ = port;
    return {};
}

}  // namespace mempool
