// SPDX-License-Identifier: MIT
/// A listening place while the pool runs: accepts who comes and hands them to the Listener, which owns it. Network thread only, but for
/// the constructor and await(), which the pool calls before that thread runs.
///
/// Out of descriptors it pauses, and the peers wait in the backlog. shut() ends it; what was awaited then comes to nothing.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "fanout/watched.hpp"
#include "http/listen_socket.hpp"

namespace mempool::http {

class Listener;

class Door {
public:
    Door(Listener &listener, boost::asio::io_context &context, ListenSocket socket);
    ~Door() { shut(); }
    Door(const Door &) = delete;
    Door &operator=(const Door &) = delete;

    /// Waits for the next connection, unless it does already, or is shut.
    void await();
    bool is_open() const { return socket_.listens(); }
    void shut();

private:
    void accept();
    void pause();

    Listener &listener_;
    ListenSocket socket_;
    boost::asio::steady_timer pause_;
    bool pausing_ = false;
    Watched ready_;  // socket_ is the owner
};

}  // namespace mempool::http
