// SPDX-License-Identifier: MIT
#include "http/listener.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <system_error>
#include <utility>
#include <vector>

namespace mempool::http {
namespace {

constexpr int accepted_at_once = 64;
constexpr milliseconds pause_without_descriptors{100};
constexpr std::size_t refused_at_once = 128;  // connections that may not stay, and are still told why

struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;
};

bool parse_address(const std::string &host, std::uint16_t port, Address &address) {
    sockaddr_in v4{};
    if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(&address.storage, &v4, sizeof v4);
        address.size = sizeof v4;
        return true;
    }
    sockaddr_in6 v6{};
    if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        std::memcpy(&address.storage, &v6, sizeof v6);
        address.size = sizeof v6;
        return true;
    }
    return false;
}

Status refused(const std::string &host, std::uint16_t port, int error) {
    const std::string where = "listen_port " + std::to_string(port);
    switch (error) {
        case EADDRINUSE:
            return {Code::address_in_use, where + " is in use on " + host + "; choose another, or 0 for a free one"};
        case EACCES:
            return {Code::system, where + " is not allowed to this user on " + host + "; choose one above 1023"};
        case EADDRNOTAVAIL:
            return {Code::system,
                    "listen_host " + host + " is no address of this machine; give one that is, or 127.0.0.1"};
        default:
            return {Code::system, "cannot listen on " + host + " port " + std::to_string(port) + ": " +
                                      std::generic_category().message(error)};
    }
}

void let_go(int socket) {
    shutdown(socket, SHUT_RDWR);
    close(socket);
}

Reply try_later(unsigned status, std::string_view error, std::string_view detail) {
    Reply reply = error_reply(status, error, detail);
    reply.headers = "Retry-After: 1\r\n";
    return reply;
}

Reply too_many_connections() {
    return try_later(503, "connections",
                     "the server holds as many connections as it may (max_connections); try again later");
}

Reply too_often() {
    return try_later(429, "rate",
                     "this address connects more often than it may (rate_limit_connections); keep connections open, or "
                     "try again later");
}

}  // namespace

ListenSocket::~ListenSocket() {
    if (fd_ >= 0) close(fd_);
}

Status ListenSocket::listen_on(const std::string &host, std::uint16_t port) {
    Address address;
    if (!parse_address(host, port, address))
        return {Code::invalid, "listen_host " + host + " is not an IPv4 or IPv6 address"};
    const int family = address.storage.ss_family;
    fd_ = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd_ < 0) return refused(host, port, errno);
    const int on = 1;
    // A port in TIME_WAIT can be had again; one that somebody listens on still can't.
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (family == AF_INET6) setsockopt(fd_, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd_, reinterpret_cast<const sockaddr *>(&address.storage), address.size) != 0 ||
        listen(fd_, SOMAXCONN) != 0) {
        const int error = errno;
        close(take());
        return refused(host, port, error);
    }
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    getsockname(fd_, reinterpret_cast<sockaddr *>(&bound), &size);
    port_ = ntohs(family == AF_INET ? reinterpret_cast<const sockaddr_in &>(bound).sin_port
                                    : reinterpret_cast<const sockaddr_in6 &>(bound).sin6_port);
    return {};
}

Listener::Listener(Shard &shard, ListenSocket socket, Services services, Session::Limits limits, Crowd crowd)
    : shard_(shard),
      services_(services),
      limits_(limits),
      max_connections_(crowd.max_connections),
      rate_(crowd.connections_per_second, std::random_device{}() ^ std::uint64_t{std::random_device{}()} << 32),
      awaited_(shard.context(), crowd.max_connections * (1 + SocketIntake::waits_max)),
      socket_intake_(services_, awaited_, shard),
      listening_(shard.context()),
      pause_(shard.context()) {
    listening_.assign(socket.fd());  // where it throws, the descriptor is still the caller's
    socket.take();
    shard.add_tenant(*this);
    shard.set_inbox(socket_intake_);
    await();
}

Listener::~Listener() = default;

void Listener::await() {
    listening_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                          [this](const boost::system::error_code &error) {
                              awaiting_ = false;
                              if (!error) accept();
                          });
    awaiting_ = true;
}

void Listener::accept() {
    for (int accepted = 0; accepted < accepted_at_once; ++accepted) {
        sockaddr_storage peer{};
        socklen_t size = sizeof peer;
        const int socket = accept4(listening_.native_handle(), reinterpret_cast<sockaddr *>(&peer), &size,
                                   SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (socket >= 0) {
            // Where it throws, whoever could not be taken in is gone and who was has a deadline; expire() listens again.
            admit(socket, peer);
            continue;
        }
        switch (errno) {
            case EMFILE:
            case ENFILE:
            case ENOBUFS:
            case ENOMEM:
                // The peers wait in the backlog; asking again at once would only spin.
                pause_.expires_after(pause_without_descriptors);
                pause_.async_wait([this](const boost::system::error_code &error) {
                    awaiting_ = false;
                    if (!error && listening_.is_open()) await();
                });
                awaiting_ = true;
                return;
            case EAGAIN:
                return await();
            default:
                break;  // that one peer is gone already: accept(2), Error handling in Linux
        }
    }
    await();
}

void Listener::admit(int socket, const sockaddr_storage &peer) {
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // Who is only told to go takes nobody's place.
    const bool is_room = sessions_.size() - refused_ + shard_.clients() < max_connections_;
    const bool is_seldom = rate_.take(rate_key(peer), Clock::now());
    const bool stays = is_room && is_seldom;
    if (!stays && refused_ >= refused_at_once) return let_go(socket);
    Session::Socket taken(shard_.context());
    try {
        taken.assign({AF_INET, IPPROTO_TCP}, socket);
    } catch (const std::exception &) {  // no memory, or no place in Asio's epoll
        return let_go(socket);
    }
    const auto session = std::make_shared<Session>(std::move(taken), *this);
    Reply refusal = stays ? Reply{} : is_seldom ? too_many_connections() : too_often();
    sessions_.emplace(session.get(), session);
    if (stays) return session->start();
    ++refused_;
    session->refuse(std::move(refusal));
}

Instant Listener::expire(Instant now) {
    // There was no memory for a connection, or to wait for the next one; whoever caught that has this called.
    if (listening_.is_open() && !awaiting_) await();
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
    if (!listening_.is_open()) return;
    // A forked child may hold a copy: shut down, the port is free all the same.
    shutdown(listening_.native_handle(), SHUT_RDWR);
    boost::system::error_code ignored;
    listening_.close(ignored);
    pause_.cancel();
}

void Listener::left(Session &session) {
    if (session.refused()) --refused_;
    sessions_.erase(&session);
    shard_.check_finished();
}

}  // namespace mempool::http
