// SPDX-License-Identifier: MIT
/// Where clients come in: the doors (one a listening place), and who may come in by them. Lives on the first network thread as a tenant of its
/// shard; made by the pool before that thread runs. Everything here is for that thread, but for the constructor.
///
/// It hands each newcomer to the network thread that holds the fewest connections; those that may not stay are told so on its own.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/log.hpp"
#include "fanout/shard.hpp"
#include "fanout/tenant.hpp"
#include "http/connections.hpp"
#include "http/counts.hpp"
#include "http/door.hpp"
#include "http/listen_socket.hpp"
#include "http/rate.hpp"

namespace mempool::http {

class Listener final : public Tenant {
public:
    /// How many may come, and how often.
    struct Crowd {
        std::size_t max_connections;
        std::uint32_t connections_per_second;  // of one address; 0: no limit
    };

    /// shard: the thread's that accepts. threads: the connections of each network thread, those of this one first. All outlive it.
    Listener(Shard &shard, std::vector<Connections *> threads, std::vector<ListenSocket> places, Crowd crowd,
             Counts &counts, Log &log);
    Listener(const Listener &) = delete;
    Listener &operator=(const Listener &) = delete;

    Instant expire(Instant now) override;
    void drain(Instant deadline) override;
    void cut() override;
    bool empty() const override;

    /// Somebody came through a door.
    void admit(Newcomer newcomer, const sockaddr_storage &peer);
    /// A door takes nobody in for a while: the system had no descriptor or memory for one more.
    void paused();

private:
    struct Held {
        std::size_t all;
        Connections *fewest;
    };

    Held held() const;
    void stop_listening();
    void tell_refused(bool for_max);

    const std::vector<Connections *> threads_;
    Counts &counts_;
    Log &log_;
    const std::size_t max_connections_;
    ConnectionRate rate_;
    std::vector<std::unique_ptr<Door>> doors_;
    Seldom too_many_;
    Seldom too_often_;
    Seldom pauses_;
};

}  // namespace mempool::http
