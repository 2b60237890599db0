// SPDX-License-Identifier: MIT
#include "http/door.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "http/listener.hpp"

namespace mempool::http {
namespace {

constexpr int accepted_at_once = 64;
constexpr milliseconds pause_without_descriptors{100};

}  // namespace

Door::Door(Listener &listener, boost::asio::io_context &context, ListenSocket socket)
    : listener_(listener), socket_(std::move(socket)), pause_(context), ready_(context, socket_.fd()) {}

void Door::await() {
    if (!pausing_ && is_open()) ready_.once([this] { accept(); });
}

void Door::accept() {
    for (int accepted = 0; accepted < accepted_at_once && is_open(); ++accepted) {
        sockaddr_storage peer{};
        socklen_t size = sizeof peer;
        const int socket =
            accept4(socket_.fd(), reinterpret_cast<sockaddr *>(&peer), &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (socket >= 0) {
            // Where it throws, whoever could not be taken in is gone and who was has a deadline; Listener::expire() waits again.
            listener_.admit(Newcomer(socket, socket_.reach()), peer);
            continue;
        }
        switch (errno) {
            case EMFILE:
            case ENFILE:
            case ENOBUFS:
            case ENOMEM:
                return pause();  // asking again at once would only spin
            case EAGAIN:
                return await();
            default:
                break;  // that one peer is gone already: accept(2), Error handling in Linux
        }
    }
    await();
}

void Door::pause() {
    listener_.paused();
    pause_.expires_after(pause_without_descriptors);
    pause_.async_wait([this](const boost::system::error_code &error) {
        pausing_ = false;
        if (!error) await();
    });
    pausing_ = true;
}

void Door::shut() {
    if (!is_open()) return;
    ready_.let_go();
    socket_.stop();
    pause_.cancel();
}

}  // namespace mempool::http
