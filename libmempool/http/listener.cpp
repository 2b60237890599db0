// SPDX-License-Identifier: MIT
#include "http/listener.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cinttypes>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace mempool::http {
namespace {

constexpr std::size_t refused_at_once = 128;  // connections that may not stay, and are still told why

Reply too_many_connections() {
    return unavailable("connections",
                       "the server holds as many connections as it may (max_connections); try again later");
}

Reply too_often() {
    return unavailable(
        "rate",
        "this address connects more often than it may (rate_limit_connections); keep connections open, or "
        "try again later",
        429);
}

}  // namespace

Listener::Listener(Shard &shard, std::vector<Connections *> threads, std::vector<ListenSocket> places, Crowd crowd,
                   Counts &counts, Log &log)
    : threads_(std::move(threads)),
      counts_(counts),
      log_(log),
      max_connections_(crowd.max_connections),
      rate_(crowd.connections_per_second, std::random_device{}() ^ std::uint64_t{std::random_device{}()} << 32) {
    for (ListenSocket &place : places)
        doors_.push_back(std::make_unique<Door>(*this, shard.context(), std::move(place)));
    shard.add_tenant(*this);
    for (const auto &door : doors_) door->await();
}

bool Listener::empty() const {
    return std::ranges::none_of(doors_, [](const auto &door) { return door->is_open(); });
}

void Listener::paused() {
    counts_.accept_pauses.add(1);
    if (const std::uint64_t times = pauses_.happened(Clock::now()); times > 0)
        log_.write(LogLevel::warn,
                   "the system has no descriptor or memory for one more connection: none is taken in for 100 ms; "
                   "raise the limit of open files (ulimit -n); times since this was last said: %" PRIu64,
                   times);
}

Listener::Held Listener::held() const {
    Held held{0, threads_.front()};
    std::size_t fewest = std::numeric_limits<std::size_t>::max();
    for (Connections *thread : threads_) {
        const std::size_t its = thread->held();
        held.all += its;
        if (its >= fewest) continue;
        fewest = its;
        held.fewest = thread;
    }
    return held;
}

void Listener::admit(Newcomer newcomer, const sockaddr_storage &peer) {
    const int on = 1;
    if (newcomer.reach() != Reach::unix_socket) setsockopt(newcomer.socket(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Connections &own = *threads_.front();
    const Held now = held();  // who is only told to go takes nobody's place
    const bool is_room = now.all < max_connections_;
    const bool is_seldom = rate_.take(rate_key(peer), Clock::now());
    if (is_room && is_seldom) {
        // A thread that drains takes nobody: this one will in a moment.
        if (now.fewest == &own || !now.fewest->hand_over(newcomer)) own.take_in(std::move(newcomer));
        return;
    }
    (is_seldom ? counts_.refused_max : counts_.refused_rate).add(1);
    tell_refused(is_seldom);
    if (own.refused() < refused_at_once)
        own.refuse(std::move(newcomer), is_seldom ? too_many_connections() : too_often());
}

void Listener::tell_refused(bool for_max) {
    const std::uint64_t times = (for_max ? too_many_ : too_often_).happened(Clock::now());
    if (times == 0) return;
    if (for_max)
        log_.write(
            LogLevel::warn,
            "max_connections reached: %zu connections are held; refused with 503 since this was last said: %" PRIu64,
            max_connections_, times);
    else
        log_.write(LogLevel::warn,
                   "an address connects more often than rate_limit_connections; refused with 429 since this was last "
                   "said: %" PRIu64,
                   times);
}

Instant Listener::expire(Instant) {
    // There was no memory for a connection, or to wait for the next one; whoever caught that has this called.
    for (const auto &door : doors_) door->await();
    return never;
}

void Listener::drain(Instant) {
    stop_listening();
}

void Listener::cut() {
    stop_listening();
}

void Listener::stop_listening() {
    for (const auto &door : doors_) door->shut();
}

}  // namespace mempool::http
