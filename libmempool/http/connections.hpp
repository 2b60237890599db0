// SPDX-License-Identifier: MIT
/// The HTTP connections of one network thread, each until it ends or becomes a client of the stream, and what they need on that thread:
/// who waits for outcomes, who submits over a WebSocket. Lives on a shard's thread as its tenant; made by the pool before that thread runs.
/// Everything here is for that thread, but for the constructor, and hand_over() and held(), which are for the thread that accepts.
///
///   accepted ---hand_over(), on the thread that accepts---> newcomers ---the shard is rung---> a Session
///       '------------take_in(), where that is this thread---------------------------------------^
///
/// A newcomer counts from the moment it is handed over. Once this drains nobody is handed over any more; who was is treated as one
/// that came just before.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "fanout/shard.hpp"
#include "fanout/tenant.hpp"
#include "http/awaited.hpp"
#include "http/budget.hpp"
#include "http/counts.hpp"
#include "http/newcomer.hpp"
#include "http/routes.hpp"
#include "http/session.hpp"
#include "http/socket_intake.hpp"

namespace mempool::http {

class Connections final : public Tenant {
public:
    enum class Left { for_good, as_client };

    /// services, counts: outlive it. many: of all network threads. Throws std::system_error, or Asio's own, without a descriptor.
    Connections(Shard &shard, const Services &services, const Session::Limits &limits, std::shared_ptr<Budget> many,
                Counts &counts);
    ~Connections();
    Connections(const Connections &) = delete;
    Connections &operator=(const Connections &) = delete;

    Instant expire(Instant now) override;
    void drain(Instant deadline) override;
    void cut() override;
    bool empty() const override { return closed_ && sessions_.empty() && arriving_.empty(); }
    void rung() override;

    // The thread that accepts
    /// Takes the newcomer and counts it; false: this thread drains, and it stays the caller's. So it does on a std::bad_alloc.
    bool hand_over(Newcomer &newcomer);
    /// Those given to this thread that have not gone, clients of the stream among them; at times one that has just gone, never one too few.
    std::size_t held() const;

    // This thread
    /// Counts the newcomer and begins to serve it.
    void take_in(Newcomer newcomer);
    /// Tells the newcomer this and closes it; it is not counted.
    void refuse(Newcomer newcomer, Reply reply);
    /// Of now.
    std::size_t refused() const { return refused_; }

    // For the sessions
    const Session::Limits &limits() const { return limits_; }
    const Services &services() const { return services_; }
    Shard &shard() { return shard_; }
    Awaited &awaited() { return awaited_; }
    Budget &many() { return *many_; }
    Counts &counts() { return counts_; }
    void expect(Instant deadline) { shard_.expect(deadline); }
    void left(Session &session, Left how);

private:
    void close_to_newcomers();
    void take_over_newcomers();
    std::size_t serve_newcomers(std::size_t most);
    void serve(Newcomer newcomer);
    std::shared_ptr<Session> session_of(Newcomer newcomer);
    std::vector<std::shared_ptr<Session>> all_sessions() const;

    Shard &shard_;
    const Services &services_;
    const Session::Limits limits_;
    const std::shared_ptr<Budget> many_;  // of the requests that submit many
    Counts &counts_;
    Awaited awaited_;
    SocketIntake socket_intake_;
    std::unordered_map<Session *, std::shared_ptr<Session>> sessions_;
    std::size_t refused_ = 0;         // of the sessions, those that are only told so
    std::vector<Newcomer> arriving_;  // taken over from newcomers_, the first one last

    std::mutex mutex_;  // leaf; guards both below
    std::vector<Newcomer> newcomers_;
    bool closed_ = false;  // set by this thread, which reads it without the lock: nobody is handed over any more
};

}  // namespace mempool::http
