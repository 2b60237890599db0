// SPDX-License-Identifier: MIT
#include "pool/network.hpp"

#include <sched.h>

#include <algorithm>
#include <new>
#include <string_view>
#include <thread>
#include <utility>

#include "base/memory.hpp"
#include "fanout/shard.hpp"
#include "http/connections.hpp"
#include "http/listener.hpp"
#include "pool/topic.hpp"

namespace mempool {
namespace {

Shard::Limits shard_limits(const Options &options) {
    const Liveness liveness{options.ms(Option::ping_interval_ms), options.ms(Option::pong_timeout_ms),
                            options.ms(Option::stall_timeout_ms)};
    const Audience::Limits audience{options.ms(Option::close_timeout_ms), liveness,
                                    options.size(Option::message_max_bytes), options.size(Option::lane_bytes),
                                    options.size(Option::deflate_min_bytes)};
    const std::string &uring = options.text(Option::uring);
    const UseUring use = uring == "on" ? UseUring::yes : uring == "off" ? UseUring::no : UseUring::maybe;
    return {audience, options.size(Option::unsent_max_bytes), use};
}

http::Session::Limits session_limits(const Options &options) {
    return {options.ms(Option::header_timeout_ms),
            options.ms(Option::body_timeout_ms),
            options.ms(Option::keepalive_timeout_ms),
            options.ms(Option::close_timeout_ms),
            options.size(Option::tx_max_bytes),
            options.size(Option::request_max_bytes),
            std::max(options.size(Option::request_max_bytes), options.size(Option::queue_bytes))};
}

}  // namespace

std::size_t network_threads(const Options &options) {
    if (const std::size_t asked = options.size(Option::io_threads); asked > 0) return asked;
    cpu_set_t cores;
    const std::size_t here = sched_getaffinity(0, sizeof cores, &cores) == 0
                                 ? static_cast<std::size_t>(CPU_COUNT(&cores))
                                 : std::thread::hardware_concurrency();  // more cores than a cpu_set_t has
    return std::clamp(here, std::size_t{1}, static_cast<std::size_t>(find_option("io_threads")->maximum));
}

struct Network::Thread {
    Thread(const Options &options, Ring &ring, Log &log, const http::Services &services,
           const std::shared_ptr<http::Budget> &many)
        : shard(std::string(main_topic), ring, shard_limits(options), log),
          connections(shard, services, session_limits(options), many, counts) {}

    http::Counts counts;
    Shard shard;
    http::Connections connections;
};

Network::Network(const Options &options, Ring &ring, Log &log, http::Services services,
                 std::vector<http::ListenSocket> places)
    : services_(std::move(services)) {
    const auto many = std::make_shared<http::Budget>(session_limits(options).requests_max_bytes);
    std::vector<http::Connections *> connections;
    for (std::size_t count = network_threads(options); count > 0; --count) {
        threads_.push_back(std::make_unique<Thread>(options, ring, log, services_, many));
        connections.push_back(&threads_.back()->connections);
    }
    listener_ = std::make_unique<http::Listener>(
        threads_.front()->shard, std::move(connections), std::move(places),
        http::Listener::Crowd{options.size(Option::max_connections),
                              static_cast<std::uint32_t>(options[Option::rate_limit_connections])},
        threads_.front()->counts, log);
}

Network::~Network() = default;

void Network::run(std::size_t thread) noexcept {
    threads_[thread]->shard.run();
}

std::string Network::name_of(std::size_t thread) {
    return thread == 0 ? "mempool-net" : "mempool-net" + std::to_string(thread);
}

void Network::drain() {
    for (const auto &thread : threads_) once_there_is_memory([&] { thread->shard.drain(); });
}

void Network::cut() {
    bool without_memory = false;
    for (const auto &thread : threads_) try {
            thread->shard.cut();
        } catch (const std::bad_alloc &) {
            without_memory = true;
        }
    if (without_memory) throw std::bad_alloc();
}

void Network::count(Counters &now) const {
    using enum Counter;
    for (const auto &thread : threads_) {
        const Audience &audience = thread->shard.audience();
        now[clients_text] += audience.clients(Format::text);
        now[clients_json] += audience.clients(Format::json);
        now[clients_sse_text] += audience.clients(Format::sse_text);
        now[clients_sse_json] += audience.clients(Format::sse_json);
        now[events_sent] += audience.events_sent();
        now[events_missed] += audience.events_missed();
        now[messages_ignored] += audience.messages_ignored();
        now[clients_closed_slow] += audience.closed().slow.get();
        now[clients_closed_silent] += audience.closed().silent.get();
        now[clients_closed_stalled] += audience.closed().stalled.get();
        const http::Counts &counts = thread->counts;
        // Read by a thread that does neither, the one may lag behind the other.
        const std::uint64_t gone = counts.gone.get() + audience.gone();
        const std::uint64_t admitted = counts.admitted.get();
        now[connections] += admitted - std::min(admitted, gone);
        now[connections_accepted] += admitted;
        now[connections_refused_max] += counts.refused_max.get();
        now[connections_refused_rate] += counts.refused_rate.get();
        now[accept_pauses] += counts.accept_pauses.get();
    }
}

void Network::count(PerAnswer<std::uint64_t> &answers) const {
    for (const auto &thread : threads_)
        for (std::size_t route = 0; route < route_count; ++route)
            for (std::size_t status = 0; status < status_classes.size(); ++status)
                answers[route][status] += thread->counts.answers[route][status].get();
}

}  // namespace mempool
