// SPDX-License-Identifier: MIT
#include "fanout/shard.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cinttypes>
#include <exception>
#include <utility>

#include "base/memory.hpp"

namespace mempool {
namespace {

constexpr milliseconds timer_grain{10};  // deadlines that lie closer are looked at together

}  // namespace

Shard::Shard(std::string topic, Ring &ring, const Limits &limits, Log &log)
    : limits_(limits),
      log_(log),
      sockets_(wake_.fd()),
      audience_(std::move(topic), ring, *this, sockets_, limits.audience),
      ready_(context_, sockets_.fd()),
      timer_(context_) {
    if (limits.uring != UseUring::no) use_uring();
    watch();
}

void Shard::use_uring() {
    try {
        sockets_.use_uring();
    } catch (const NoUring &why) {
        if (limits_.uring == UseUring::yes) throw;
        log_.write(LogLevel::debug, "clients are written to one by one: %s", why.what());
    }
}

void Shard::run() noexcept {
    for (;;) {
        try {
            once_there_is_memory([this] { watch(); });
            context_.run();
            return;
        } catch (const std::exception &) {
            // Out of memory in the middle of a turn: what was left undone is found again by a new one, which this rings for
            // without allocating.
            audience_.start_over();
            scheduled_ = false;
            timer_at_ = never;
            tenants_due_ = Clock::now();
            leaving_ = draining_;
            wake_.ring();
            if (const std::uint64_t times = without_memory_.happened(Clock::now()); times > 0)
                log_.write(LogLevel::error,
                           "out of memory on the network thread: what was under way is tried again; times since this "
                           "was last said: %" PRIu64,
                           times);
        }
    }
}

void Shard::watch() {
    ready_.once([this] {
        watch();
        on_news();
    });
}

void Shard::on_news() {
    bool rung = false;
    sockets_.news([&] { rung = wake_.take(); },
                  [&](SeatId seat, Readiness readiness) { audience_.on_socket(seat, readiness); });
    if (leaving_) leave();
    if (rung) {
        for (Tenant *tenant : tenants_) tenant->rung();
        audience_.news();
        if (!scheduled_) audience_.turn();
    }
    go_on();
}

/// Sees to it that what the audience has yet to do is done: a turn after all else that waits on this thread, and the timer.
void Shard::go_on() {
    if (audience_.has_work() && !scheduled_) {
        boost::asio::post(context_, [this] {
            scheduled_ = false;
            audience_.turn();
            go_on();
        });
        scheduled_ = true;
    }
    if (const Instant due = std::min(audience_.deadline(), tenants_due_); due < timer_at_) {
        const Instant at = std::max(due, Clock::now() + timer_grain);
        timer_at_ = never;  // expires_at cancels the wait; where the next one fails, a later call begins it
        timer_.expires_at(at);
        timer_.async_wait([this](const boost::system::error_code &error) {
            if (!error) expire();
        });
        timer_at_ = at;
    }
    tell_closed();
    check_finished();
}

void Shard::tell_closed() {
    const Seats::Closed &closed = audience_.closed();
    const std::uint64_t all = closed.slow.get() + closed.silent.get() + closed.stalled.get();
    if (all == closed_seen_) return;
    const std::uint64_t times = closed_.happened(Clock::now(), all - closed_seen_);
    closed_seen_ = all;
    if (times > 0)
        log_.write(LogLevel::info,
                   "clients given up since this was last said: %" PRIu64 "; in all: %" PRIu64
                   " too slow (slow=close), %" PRIu64 " silent (pong_timeout_ms), %" PRIu64
                   " stalled (stall_timeout_ms)",
                   times, closed.slow.get(), closed.silent.get(), closed.stalled.get());
}

void Shard::attach(int socket, const Joining &joining, std::string preamble, std::span<char> early) {
    if (limits_.unsent_max_bytes > 0) {
        const int unsent = static_cast<int>(limits_.unsent_max_bytes);
        setsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    }
    if (is_sse(joining.manner.format) && limits_.audience.liveness.stall_timeout.count() > 0) {
        // It answers nothing that could be waited for: TCP itself has to tell that nobody acknowledges our comments any more, and would
        // take some fifteen minutes for it (tcp(7)).
        const auto unheard_ms = static_cast<unsigned>(limits_.audience.liveness.stall_timeout.count());
        setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &unheard_ms, sizeof unheard_ms);
    }
    audience_.join(socket, joining, std::move(preamble), early);
    go_on();
}

void Shard::expect(Instant deadline) {
    tenants_due_ = std::min(tenants_due_, deadline);
    go_on();
}

void Shard::expire() {
    timer_at_ = never;
    audience_.expire();
    const Instant now = Clock::now();
    if (tenants_due_ <= now) {
        tenants_due_ = never;
        for (Tenant *tenant : tenants_) {
            const Instant next = tenant->expire(now);  // may expect() more
            tenants_due_ = std::min(tenants_due_, next);
        }
    }
    go_on();
}

void Shard::drain() {
    boost::asio::post(context_, [this] {
        if (std::exchange(draining_, true)) return;
        drain_deadline_ = Clock::now() + limits_.audience.close_timeout;
        leave();
        go_on();
    });
}

void Shard::cut() {
    boost::asio::post(context_, [this] {
        draining_ = cutting_ = true;
        leave();
        go_on();
    });
}

/// The steps of a drain or a cut, each of which may be taken again: run() sees to it where one had no memory.
void Shard::leave() {
    if (cutting_) {
        audience_.cut();
        for (Tenant *tenant : tenants_) tenant->cut();
    } else {
        // The tenants first: what they still have to tell a client must not come behind its close.
        for (Tenant *tenant : tenants_) tenant->drain(drain_deadline_);
        audience_.drain(drain_deadline_);
        tenants_due_ = std::min(tenants_due_, drain_deadline_);
    }
    leaving_ = false;
}

void Shard::check_finished() {
    if (!draining_ || audience_.clients() > 0) return;
    if (!std::ranges::all_of(tenants_, [](const Tenant *tenant) { return tenant->empty(); })) return;
    context_.stop();
}

}  // namespace mempool
