// SPDX-License-Identifier: MIT
/// A network thread: its io_context, the clients of the stream that it serves (an audience), and one timer for all deadlines on it.
/// Owned by the pool. run() is the thread; all else is for that thread alone, but for ring(), drain() and cut(), which any thread may call,
/// and the audience's counts. A pool has one or several, which share nothing but the ring.
///
/// An upgraded socket leaves Asio: the sockets of the audience are watched by an epoll set of their own, which is itself one descriptor
/// in the io_context; so an idle client costs neither a handler nor a timer. The ring rings an eventfd in that set, once for each time
/// that the audience found nothing more to read.
///
/// Ends when it was told to drain (or cut) and neither a client nor a tenant is left.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/wake_fd.hpp"
#include "channel/ring.hpp"
#include "fanout/audience.hpp"
#include "fanout/sockets.hpp"
#include "fanout/tenant.hpp"
#include "fanout/watched.hpp"

namespace mempool {

/// Whether many clients are written to by an io_uring; `maybe`: where the kernel gives one.
enum class UseUring : std::uint8_t { no, maybe, yes };

class Shard final : private Waiter {
public:
    struct Limits {
        Audience::Limits audience;
        std::size_t unsent_max_bytes;  // 0: the kernel's own choice
        UseUring uring = UseUring::no;
    };

    /// Throws std::system_error, or Asio's own, where the kernel gives no descriptor, or not the io_uring that it has to use.
    /// log: outlives it.
    Shard(std::string topic, Ring &ring, const Limits &limits, Log &log);
    Shard(const Shard &) = delete;
    Shard &operator=(const Shard &) = delete;

    boost::asio::io_context &context() { return context_; }
    std::size_t clients() const { return audience_.clients(); }
    /// Any thread, its counts.
    const Audience &audience() const { return audience_; }
    /// Before run().
    void add_tenant(Tenant &tenant) { tenants_.push_back(&tenant); }

    /// Who gets the clients' messages. Before run().
    void set_inbox(Inbox *inbox) { audience_.set_inbox(inbox); }

    /// The network thread.
    void run() noexcept;

    /// Any thread, any lock held: its tenants are told so, on its own thread.
    void ring() noexcept { wake_.ring(); }
    /// Any thread, after the ring was closed: every client hears the rest and then close 1001; nobody new comes in.
    void drain();
    /// Any thread: ends every connection now.
    void cut();

    /// Takes over a socket (owned from now on). preamble: the answer that it is owed, a 101 or that of an event stream; early: bytes that came behind the request.
    void attach(int socket, const Joining &joining, std::string preamble, std::span<char> early);
    /// Tells one client something beside the stream, if it is still there (Audience::tell).
    template <class Say>
    void tell(const Speaker &who, Say say) {
        audience_.tell(who, say);
        go_on();
    }
    /// A tenant has a deadline that its next expire() must not miss.
    void expect(Instant deadline);
    /// A tenant may have become empty.
    void check_finished();

private:
    void wake() noexcept override { wake_.ring(); }

    void use_uring();
    void watch();
    void on_news();
    void go_on();
    void expire();
    void leave();

    void tell_closed();

    const Limits limits_;
    Log &log_;
    WakeFd wake_;
    Sockets sockets_;
    Audience audience_;
    boost::asio::io_context context_{1};
    Watched ready_;  // sockets_ is the owner
    boost::asio::steady_timer timer_;
    Instant timer_at_ = never;
    Instant tenants_due_ = never;
    std::vector<Tenant *> tenants_;
    bool scheduled_ = false;  // a turn is
    bool draining_ = false;
    bool cutting_ = false;
    bool leaving_ = false;  // a step of either is to be taken again
    Instant drain_deadline_ = never;
    Seldom without_memory_;
    Seldom closed_;
    std::uint64_t closed_seen_ = 0;
};

}  // namespace mempool
