// SPDX-License-Identifier: MIT
/// A network thread: its io_context, its clients of the stream (seats), what they are sent (a lane), one sweep and one timer.
/// Owned by the pool. run() is the thread; all else is for that thread alone, but for drain() and cut(), which any thread may call.
///
/// An upgraded socket leaves Asio: the shard watches its seats with an epoll set of its own, edge-triggered, which is itself one
/// descriptor in the io_context; so an idle client costs neither a handler nor a timer. The ring rings an eventfd in that set, once
/// for each time that the shard found nothing more to read.
///
///   the ring's news --> pull() --> lane --> sweep: flush() every seat that is behind, yielding every few hundred
///   a socket's news --> read() and flush() of that seat
///
/// A client counts as a listener from before its 101 is written, as the 101 is the first of its private bytes.
/// Ends when it was told to drain (or cut) and neither a seat nor a tenant is left.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/wake_fd.hpp"
#include "channel/ring.hpp"
#include "fanout/lane.hpp"
#include "fanout/seats.hpp"
#include "fanout/sink.hpp"
#include "fanout/tenant.hpp"

namespace mempool {

class Shard final : private Waiter {
public:
    struct Limits {
        milliseconds close_timeout;
        std::size_t message_max_bytes;
        std::size_t unsent_max_bytes;  // 0: the kernel's own choice
    };

    /// Throws std::system_error, or Asio's own, where the kernel gives no descriptor.
    Shard(Ring &ring, Limits limits);
    ~Shard();
    Shard(const Shard &) = delete;
    Shard &operator=(const Shard &) = delete;

    boost::asio::io_context &context() { return context_; }
    /// Before run().
    void add_tenant(Tenant &tenant) { tenants_.push_back(&tenant); }

    /// The network thread.
    void run() noexcept;

    /// Any thread, after the ring was closed: every client hears the rest and then close 1001; nobody new comes in.
    void drain();
    /// Any thread: ends every connection now.
    void cut();

    /// Takes over an upgraded socket (owned from now on). preamble: the 101 answer; early: bytes that came behind the request.
    void attach(int socket, std::string preamble, std::span<char> early);
    std::size_t clients() const { return seats_.count(); }
    /// A tenant has a deadline that its next expire() must not miss.
    void expect(Instant deadline);
    /// A tenant may have become empty.
    void check_finished();

private:
    void wake() noexcept override { wake_.ring(); }

    void watch();
    void on_news();
    void on_socket(SeatId seat, std::uint32_t events);
    void schedule_turn();
    void turn();
    void pull();
    void begin_history(const Cursor &cursor, const Ring::Read &read);
    void trim();
    void sweep();
    void read(SeatId seat, bool to_the_end);
    bool take_input(SeatId seat, std::span<char> input);
    void flush_and_settle(SeatId seat);
    void settle(SeatId seat);
    void close_seat(SeatId seat, websocket::CloseCode code, std::string_view reason);
    void drop(SeatId seat);
    std::uint64_t reconnect_in_ms();
    void expire();
    void begin_drain();
    void cut_now();
    Instant close_deadline() const { return Clock::now() + limits_.close_timeout; }

    Ring &ring_;
    const Limits limits_;
    WakeFd wake_;
    boost::asio::io_context context_{1};
    boost::asio::posix::stream_descriptor ready_;  // the epoll set of the seats
    boost::asio::steady_timer timer_;
    Instant timer_at_ = never;
    std::vector<Tenant *> tenants_;

    PlainSink sink_;
    Seats seats_;
    std::optional<Lane> lane_;    // from its first client on, until its last has left
    std::uint32_t history_ = 0;   // of the ring, that the lane belongs to
    std::string wire_;            // the frame being rendered
    std::vector<SeatId> unread_;  // seats whose socket had more than one turn reads
    std::minstd_rand random_{std::random_device{}()};
    SeatId sweep_at_ = 0;
    bool news_ = false;    // the ring may have more than the lane
    bool behind_ = false;  // a seat before sweep_at_ may be behind the lane
    bool sweeping_ = false;
    bool scheduled_ = false;
    bool draining_ = false;
    std::array<char, 64 * 1024> input_;
};

}  // namespace mempool
