// SPDX-License-Identifier: MIT
#include "http/listener.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <random>
#include <utility>
#include <vector>

namespace mempool::http {
namespace {

constexpr std::size_t refused_at_once = 128;  // connections that may not stay, and are still told why

void let_go(int socket) {
    shutdown(socket, SHUT_RDWR);
    close(socket);
}

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

Listener::Listener(Shard &shard, std::vector<ListenSocket> places, Services services, Session::Limits limits,
                   Crowd crowd, Counts &counts, Log &log)
    : shard_(shard),
      counts_(counts),
      log_(log),
      services_(std::move(services)),
      limits_(limits),
      max_connections_(crowd.max_connections),
      rate_(crowd.connections_per_second, std::random_device{}() ^ std::uint64_t{std::random_device{}()} << 32),
      awaited_(shard.context(), services_.outcomes),
      socket_intake_(services_, awaited_, shard),
      many_(std::make_shared<Budget>(limits.requests_max_bytes)) {
    for (ListenSocket &place : places)
        doors_.push_back(std::make_unique<Door>(*this, shard.context(), std::move(place)));
    shard.add_tenant(*this);
    shard.set_inbox(&socket_intake_);
    for (const auto &door : doors_) door->await();
}

Listener::~Listener() {
    shard_.set_inbox(nullptr);
}

bool Listener::listens() const {
    return std::ranges::any_of(doors_, [](const auto &door) { return door->is_open(); });
}

void Listener::paused() {
    counts_.accept_pauses.add(1);
    if (const std::uint64_t times = pauses_.happened(Clock::now()); times > 0)
        log_.write(LogLevel::warn,
                   "the system has no descriptor or memory for one more connection: none is taken in for 100 ms; "
                   "raise the limit of open files (ulimit -n); times since this was last said: %" PRIu64,
                   times);
}

void Listener::admit(int socket, const sockaddr_storage &peer, Reach reach) {
    const int on = 1;
    if (reach != Reach::unix_socket) setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // Who is only told to go takes nobody's place.
    const bool is_room = sessions_.size() - refused_ + shard_.clients() < max_connections_;
    const bool is_seldom = rate_.take(rate_key(peer), Clock::now());
    const bool stays = is_room && is_seldom;
    if (!stays) {
        (is_seldom ? counts_.refused_max : counts_.refused_rate).add(1);
        tell_refused(is_seldom);
    }
    if (!stays && refused_ >= refused_at_once) return let_go(socket);
    Session::Socket taken(shard_.context());
    try {
        taken.assign({AF_INET, IPPROTO_TCP}, socket);  // Asio keeps the words and asks nothing of them
    } catch (const std::exception &) {                 // no memory, or no place in Asio's epoll
        return let_go(socket);
    }
    const auto session = std::make_shared<Session>(std::move(taken), *this, reach);
    Reply refusal = stays ? Reply{} : is_seldom ? too_many_connections() : too_often();
    sessions_.emplace(session.get(), session);
    if (stays) {
        counts_.accepted.add(1);
        counts_.sessions.add(1);
        return session->start();
    }
    ++refused_;
    session->refuse(std::move(refusal));
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

Instant Listener::expire(Instant now) {
    // There was no memory for a connection, or to wait for the next one; whoever caught that has this called.
    for (const auto &door : doors_) door->await();
    awaited_.go_on();
    std::vector<std::shared_ptr<Session>> expired;
    Instant next = never;
    for (const auto &[key, session] : sessions_) {
        if (session->deadline() <= now)
            expired.push_back(session);
        else
            next = std::min(next, session->deadline());
    }
    for (const auto &session : expired) {
        session->expire();
        if (session->deadline() > now && sessions_.contains(session.get())) next = std::min(next, session->deadline());
    }
    return next;
}

void Listener::drain(Instant deadline) {
    stop_listening();
    awaited_.tell_all();  // before anybody is told to go
    std::vector<std::shared_ptr<Session>> sessions;
    for (const auto &[key, session] : sessions_) sessions.push_back(session);
    for (const auto &session : sessions) session->drain(deadline);
}

void Listener::cut() {
    stop_listening();
    std::vector<std::shared_ptr<Session>> sessions;
    for (const auto &[key, session] : sessions_) sessions.push_back(session);
    for (const auto &session : sessions) session->end();
}

void Listener::stop_listening() {
    for (const auto &door : doors_) door->shut();
}

void Listener::left(Session &session) {
    if (session.refused())
        --refused_;
    else
        counts_.sessions.subtract(1);
    sessions_.erase(&session);
    shard_.check_finished();
}

}  // namespace mempool::http
