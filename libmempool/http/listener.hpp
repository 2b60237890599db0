// SPDX-License-Identifier: MIT
/// Where clients come in: the listening socket and the HTTP sessions. Lives on a shard's thread as its tenant; made by the pool before
/// that thread runs. Everything here is for the network thread, but for listen_on() and the constructor.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/status.hpp"
#include "fanout/shard.hpp"
#include "fanout/tenant.hpp"
#include "http/awaited.hpp"
#include "http/rate.hpp"
#include "http/routes.hpp"
#include "http/session.hpp"
#include "http/socket_intake.hpp"

namespace mempool::http {

/// A listening TCP socket, before anybody takes it. Closes it unless taken.
class ListenSocket {
public:
    ListenSocket() = default;
    ~ListenSocket();
    ListenSocket(ListenSocket &&other) noexcept : fd_(other.take()), port_(other.port_) {}
    ListenSocket &operator=(ListenSocket &&) = delete;

    /// Binds and listens, exclusively: ADDRESS_IN_USE where somebody listens there. host: an IPv4 or IPv6 address.
    Status listen_on(const std::string &host, std::uint16_t port);

    std::uint16_t port() const { return port_; }
    int fd() const { return fd_; }
    int take() noexcept { return std::exchange(fd_, -1); }

private:
    int fd_ = -1;
    std::uint16_t port_ = 0;
};

class Listener final : public Tenant {
public:
    /// How many may come, and how often.
    struct Crowd {
        std::size_t max_connections;
        std::uint32_t connections_per_second;  // of one address; 0: no limit
    };

    Listener(Shard &shard, ListenSocket socket, Services services, Session::Limits limits, Crowd crowd);
    ~Listener();
    Listener(const Listener &) = delete;
    Listener &operator=(const Listener &) = delete;

    Instant expire(Instant now) override;
    void drain(Instant deadline) override;
    void cut() override;
    bool empty() const override { return sessions_.empty() && !listening_.is_open(); }

    // For the sessions
    const Session::Limits &limits() const { return limits_; }
    const Services &services() const { return services_; }
    Shard &shard() { return shard_; }
    Awaited &awaited() { return awaited_; }
    void expect(Instant deadline) { shard_.expect(deadline); }
    void left(Session &session);

private:
    void await();
    void accept();
    void admit(int socket, const sockaddr_storage &peer);
    void stop_listening();

    Shard &shard_;
    const Services services_;
    const Session::Limits limits_;
    const std::size_t max_connections_;
    ConnectionRate rate_;
    Awaited awaited_;
    SocketIntake socket_intake_;
    boost::asio::posix::stream_descriptor listening_;
    boost::asio::steady_timer pause_;
    std::unordered_map<Session *, std::shared_ptr<Session>> sessions_;
    bool awaiting_ = false;    // a connection, or the end of a pause
    std::size_t refused_ = 0;  // of the sessions, those that are only told so
};

}  // namespace mempool::http
