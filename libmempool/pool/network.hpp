// SPDX-License-Identifier: MIT
/// The network side of a pool: as many network threads as `io_threads` says, each with a shard and the HTTP connections on it, and the
/// listener, on the first of them, which hands each newcomer to the one with the fewest. Nothing is shared between them but what the
/// pool gives to all of them, the budget of POST /txs, and the newcomers on their way.
///
/// Owned by the pool, which runs run(thread) on a thread for each before it is stopped; they end by themselves, each once it was told to
/// drain or was cut, and has nobody left. drain(), cut() and the counts are for any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/counters.hpp"
#include "base/log.hpp"
#include "base/options.hpp"
#include "channel/ring.hpp"
#include "http/counts.hpp"
#include "http/listen_socket.hpp"
#include "http/routes.hpp"

namespace mempool {

class Shard;
namespace http {
class Connections;
class Listener;
}  // namespace http

/// What io_threads asks for: at least 1. 0 is one for each core that the process may run on.
std::size_t network_threads(const Options &options);

class Network {
public:
    /// ring, log: outlive it. Throws std::system_error, or Asio's own, where the kernel gives no descriptor, and NoUring where it has to.
    Network(const Options &options, Ring &ring, Log &log, http::Services services,
            std::vector<http::ListenSocket> places);
    ~Network();
    Network(const Network &) = delete;
    Network &operator=(const Network &) = delete;

    std::size_t threads() const { return threads_.size(); }
    /// One network thread. Its name, at most 15 characters.
    void run(std::size_t thread) noexcept;
    static std::string name_of(std::size_t thread);

    /// After the ring was closed: every client hears the rest and then close 1001; nobody new comes in. Waits for memory.
    void drain();
    /// Ends every connection now. std::bad_alloc: those of some threads were left alone.
    void cut();

    /// Adds what the network counts.
    void count(Counters &now) const;
    void count(PerAnswer<std::uint64_t> &answers) const;

private:
    struct Thread;

    const http::Services services_;
    std::vector<std::unique_ptr<Thread>> threads_;
    std::unique_ptr<http::Listener> listener_;
};

}  // namespace mempool
