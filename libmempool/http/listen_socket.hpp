// SPDX-License-Identifier: MIT
/// One place where clients may come in: a port, a unix socket, or a listening socket that was handed over. It listens from listen_on(),
/// listen_at() or take_over() to stop() or its end. A value that can be moved; one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/status.hpp"
#include "http/reach.hpp"
#include "http/socket_file.hpp"

namespace mempool::http {

class ListenSocket {
public:
    ListenSocket() = default;
    ~ListenSocket() { stop(); }
    ListenSocket(ListenSocket &&other) noexcept
        : fd_(std::exchange(other.fd_, -1)),
          port_(other.port_),
          reach_(other.reach_),
          shared_(other.shared_),
          file_(std::move(other.file_)) {}
    ListenSocket &operator=(ListenSocket &&) = delete;

    // One of the three, once. Where it fails, nothing listens.

    /// Binds and listens, exclusively: ADDRESS_IN_USE where somebody listens there. host: an IPv4 or IPv6 address.
    Status listen_on(const std::string &host, std::uint16_t port);
    /// The same on a unix socket, as SocketFile says.
    Status listen_at(const std::string &path);
    /// A copy of a stream socket that listens already; INVALID where it is something else. The descriptor stays the caller's, who may
    /// close it at once. Whoever has a copy too (systemd) keeps a socket that listens when we stop: what waits in it waits for them.
    /// The socket becomes non-blocking, for them as well.
    Status take_over(int fd);

    /// Listens no longer: the file is gone and the port free, even if a forked child holds a copy.
    void stop() noexcept;

    bool listens() const { return fd_ >= 0; }
    int fd() const { return fd_; }
    /// 0 for a unix socket.
    std::uint16_t port() const { return port_; }
    Reach reach() const { return reach_; }

private:
    void learn_address();

    int fd_ = -1;
    std::uint16_t port_ = 0;
    Reach reach_ = Reach::network;
    bool shared_ = false;  // others listen with the same socket: it is for them to end it
    SocketFile file_;
};

}  // namespace mempool::http
