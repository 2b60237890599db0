// SPDX-License-Identifier: MIT
#include "http/connections.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>

namespace mempool::http {
namespace {

constexpr std::size_t served_at_once = 64;  // newcomers, as a door accepts

}  // namespace

Connections::Connections(Shard &shard, const Services &services, const Session::Limits &limits,
                         std::shared_ptr<Budget> many, Counts &counts)
    : shard_(shard),
      services_(services),
      limits_(limits),
      many_(std::move(many)),
      counts_(counts),
      awaited_(shard.context(), services.outcomes),
      socket_intake_(services, awaited_, shard) {
    shard.add_tenant(*this);
    shard.set_inbox(&socket_intake_);
}

Connections::~Connections() {
    shard_.set_inbox(nullptr);
}

bool Connections::hand_over(Newcomer &newcomer) {
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return false;
        newcomers_.push_back(std::move(newcomer));
        counts_.admitted.add(1);  // before the other thread can count it as gone
    }
    shard_.ring();
    return true;
}

std::size_t Connections::held() const {
    // Who is gone was admitted before: read in this order, and by the thread that admits, there are never too few.
    const std::uint64_t gone = counts_.gone.get() + shard_.audience().gone();
    return static_cast<std::size_t>(counts_.admitted.get() - gone);
}

void Connections::rung() {
    // Whoever comes after this many has rung too, but for this turn.
    if (serve_newcomers(served_at_once) == served_at_once) shard_.ring();
}

/// Gives how many there were.
std::size_t Connections::serve_newcomers(std::size_t most) {
    for (std::size_t served = 0; served < most; ++served) {
        if (arriving_.empty()) take_over_newcomers();
        if (arriving_.empty()) return served;
        Newcomer newcomer = std::move(arriving_.back());
        arriving_.pop_back();
        serve(std::move(newcomer));  // where it throws, the others come in the next turn
    }
    return most;
}

void Connections::take_over_newcomers() {
    {
        const std::lock_guard lock(mutex_);
        arriving_.swap(newcomers_);
    }
    std::ranges::reverse(arriving_);
}

void Connections::take_in(Newcomer newcomer) {
    counts_.admitted.add(1);
    serve(std::move(newcomer));
}

/// It was counted; where it cannot be served, it has gone.
void Connections::serve(Newcomer newcomer) {
    std::shared_ptr<Session> session;
    try {
        session = session_of(std::move(newcomer));
    } catch (...) {
        counts_.gone.add(1);
        throw;
    }
    if (session) return session->start();  // where that throws, it has a deadline
    counts_.gone.add(1);
}

void Connections::refuse(Newcomer newcomer, Reply reply) {
    const auto session = session_of(std::move(newcomer));
    if (!session) return;
    ++refused_;
    session->refuse(std::move(reply));
}

/// None where there was no memory, or no place in Asio's epoll: the newcomer has been ended.
std::shared_ptr<Session> Connections::session_of(Newcomer newcomer) {
    Session::Socket taken(shard_.context());
    try {
        taken.assign({AF_INET, IPPROTO_TCP}, newcomer.socket());  // Asio keeps the words and asks nothing of them
    } catch (const std::exception &) {
        return nullptr;
    }
    const Reach reach = newcomer.reach();
    newcomer.let_go();
    auto session = std::make_shared<Session>(std::move(taken), *this, reach);
    sessions_.emplace(session.get(), session);
    return session;
}

std::vector<std::shared_ptr<Session>> Connections::all_sessions() const {
    std::vector<std::shared_ptr<Session>> all;
    for (const auto &[key, session] : sessions_) all.push_back(session);
    return all;
}

Instant Connections::expire(Instant now) {
    // There was no memory to hear the outcomes by; whoever caught that has this called.
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

void Connections::close_to_newcomers() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
}

void Connections::drain(Instant deadline) {
    close_to_newcomers();
    serve_newcomers(std::numeric_limits<std::size_t>::max());
    awaited_.tell_all();  // before anybody is told to go
    for (const auto &session : all_sessions()) session->drain(deadline);
}

void Connections::cut() {
    close_to_newcomers();
    do {
        counts_.gone.add(arriving_.size());
        arriving_.clear();
        take_over_newcomers();
    } while (!arriving_.empty());
    for (const auto &session : all_sessions()) session->end();
}

void Connections::left(Session &session, Left how) {
    if (session.refused())
        --refused_;
    else if (how == Left::for_good)
        counts_.gone.add(1);
    sessions_.erase(&session);
    shard_.check_finished();
}

}  // namespace mempool::http
