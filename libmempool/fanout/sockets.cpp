// SPDX-License-Identifier: MIT
#include "fanout/sockets.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace mempool {
namespace {

/// What a send came to that could not be done in full.
Written refused(int error) {
    return {0, error != EAGAIN && error != EWOULDBLOCK, error == ETIMEDOUT};
}

}  // namespace

Sockets::Sockets(int wake_fd) : set_(epoll_create1(EPOLL_CLOEXEC)) {
    if (set_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = wake_tag;
    if (epoll_ctl(set_, EPOLL_CTL_ADD, wake_fd, &event) != 0) {
        const int error = errno;
        close(set_);
        throw std::system_error(error, std::generic_category(), "epoll_ctl");
    }
}

Sockets::~Sockets() {
    close(set_);
}

Readiness Sockets::readiness(std::uint32_t events) {
    return {.readable = (events & (EPOLLIN | EPOLLRDHUP)) != 0,
            .writable = (events & EPOLLOUT) != 0,
            .ended = (events & EPOLLRDHUP) != 0,
            .gone = (events & (EPOLLERR | EPOLLHUP)) != 0};
}

bool Sockets::watch(int socket, SeatId seat) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u32 = seat;
    return epoll_ctl(set_, EPOLL_CTL_ADD, socket, &event) == 0;
}

Written Sockets::write(int socket, std::span<iovec> from) {
    msghdr message{};
    message.msg_iov = from.data();
    message.msg_iovlen = from.size();
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;  // a guest must not let SIGPIPE end its host
    for (;;) {
        // One piece is what nearly every flush has, and send() spares the kernel the copies of the message's head and of its iovec.
        const ssize_t sent = from.size() == 1 ? send(socket, from[0].iov_base, from[0].iov_len, flags)
                                              : sendmsg(socket, &message, flags);
        if (sent >= 0) return {static_cast<std::size_t>(sent), false};
        if (errno == EINTR) continue;
        return refused(errno);
    }
}

void Sockets::write_many(std::span<Offer> offers) {
    std::array<int, Uring::at_once> results;
    while (uring_ && offers.size() > 1) {
        const std::size_t some = std::min(offers.size(), results.size());
        const std::size_t taken = uring_->send(offers.first(some), results);
        for (std::size_t index = 0; index < taken; ++index) {
            Offer &offer = offers[index];
            if (const int result = results[index]; result >= 0)
                offer.written = {static_cast<std::size_t>(result)};
            else if (result == -EINTR || result == -ECANCELED)
                offer.written = write(offer.socket, {&offer.from, 1});
            else
                offer.written = refused(-result);
        }
        offers = offers.subspan(taken);
        if (taken < some) break;
    }
    Kernel::write_many(offers);
}

Received Sockets::read(int socket, std::span<char> into) {
    for (;;) {
        const ssize_t count = recv(socket, into.data(), into.size(), MSG_DONTWAIT);
        if (count > 0) return {Received::Kind::bytes, static_cast<std::size_t>(count)};
        if (count == 0) return {Received::Kind::end};
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return {Received::Kind::nothing};
        return {errno == ETIMEDOUT ? Received::Kind::timed_out : Received::Kind::gone};
    }
}

void Sockets::finish(int socket) {
    shutdown(socket, SHUT_WR);
}

void Sockets::end(int socket) {
    // While a forked child holds a copy, closing ours takes it out of no epoll set: its news would be told of the next seat in its row.
    epoll_ctl(set_, EPOLL_CTL_DEL, socket, nullptr);
    // First of all the connection ends, even if a forked child holds a copy of the descriptor.
    shutdown(socket, SHUT_RDWR);
    close(socket);
}

void Sockets::abort(int socket) {
    // The kernel resets the connection, instead of keeping what was written for a peer that takes nothing. A copy that a forked child
    // holds would put that off: hence the shutdown.
    const linger at_once{1, 0};
    setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    end(socket);
}

}  // namespace mempool
