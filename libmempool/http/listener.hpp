// SPDX-License-Identifier: MIT
/// Where clients come in: the doors (one a listening place) and the HTTP sessions. Lives on a shard's thread as its tenant; made by the
/// pool before that thread runs. Everything here is for the network thread, but for the constructor.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/log.hpp"
#include "fanout/shard.hpp"
#include "fanout/tenant.hpp"
#include "http/awaited.hpp"
#include "http/budget.hpp"
#include "http/counts.hpp"
#include "http/door.hpp"
#include "http/listen_socket.hpp"
#include "http/rate.hpp"
#include "http/routes.hpp"
#include "http/session.hpp"
#include "http/socket_intake.hpp"

namespace mempool::http {

class Listener final : public Tenant {
public:
    /// How many may come, and how often.
    struct Crowd {
        std::size_t max_connections;
        std::uint32_t connections_per_second;  // of one address; 0: no limit
    };

    /// counts, log: outlive it.
    Listener(Shard &shard, std::vector<ListenSocket> places, Services services, Session::Limits limits, Crowd crowd,
             Counts &counts, Log &log);
    ~Listener();
    Listener(const Listener &) = delete;
    Listener &operator=(const Listener &) = delete;

    Instant expire(Instant now) override;
    void drain(Instant deadline) override;
    void cut() override;
    bool empty() const override { return sessions_.empty() && !listens(); }

    /// Somebody came through a door of that reach. Takes the socket.
    void admit(int socket, const sockaddr_storage &peer, Reach reach);
    /// A door takes nobody in for a while: the system had no descriptor or memory for one more.
    void paused();

    // For the sessions
    const Session::Limits &limits() const { return limits_; }
    const Services &services() const { return services_; }
    Shard &shard() { return shard_; }
    Awaited &awaited() { return awaited_; }
    Budget &many() { return *many_; }
    Counts &counts() { return counts_; }
    void expect(Instant deadline) { shard_.expect(deadline); }
    void left(Session &session);

private:
    bool listens() const;
    void stop_listening();
    void tell_refused(bool for_max);

    Shard &shard_;
    Counts &counts_;
    Log &log_;
    const Services services_;
    const Session::Limits limits_;
    const std::size_t max_connections_;
    ConnectionRate rate_;
    Awaited awaited_;
    SocketIntake socket_intake_;
    const std::shared_ptr<Budget> many_;  // of the requests that submit many
    std::vector<std::unique_ptr<Door>> doors_;
    std::unordered_map<Session *, std::shared_ptr<Session>> sessions_;
    Seldom too_many_;
    Seldom too_often_;
    Seldom pauses_;
    std::size_t refused_ = 0;  // of the sessions, those that are only told so
};

}  // namespace mempool::http
