// SPDX-License-Identifier: MIT
/// A connection that was accepted, on its way to the network thread that will serve it. Owns the socket and ends it, unless somebody takes
/// it. A value that only moves; one thread at a time.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "http/reach.hpp"

namespace mempool::http {

class Newcomer {
public:
    /// reach: of the door that it came through.
    Newcomer(int socket, Reach reach) : socket_(socket), reach_(reach) {}
    ~Newcomer() {
        if (socket_ < 0) return;
        shutdown(socket_, SHUT_RDWR);  // even if a forked child holds a copy of the descriptor
        close(socket_);
    }
    Newcomer(Newcomer &&other) noexcept : socket_(std::exchange(other.socket_, -1)), reach_(other.reach_) {}
    Newcomer &operator=(Newcomer &&other) noexcept {
        std::swap(socket_, other.socket_);
        std::swap(reach_, other.reach_);
        return *this;
    }

    int socket() const { return socket_; }
    Reach reach() const { return reach_; }
    /// It is the caller's from now on.
    void let_go() noexcept { socket_ = -1; }

private:
    int socket_;
    Reach reach_;
};

}  // namespace mempool::http
