// SPDX-License-Identifier: MIT
#include "fanout/shard.hpp"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cassert>
#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include "fanout/flush.hpp"
#include "fanout/render.hpp"
#include "websocket/frame_writer.hpp"

namespace mempool {
namespace {

constexpr std::uint32_t wake_tag = 0xffffffff;  // beyond any seat
constexpr int news_at_once = 256;               // sockets looked at before others on the thread have their turn
constexpr std::size_t pulled_at_once = 1024;    // events
constexpr std::size_t swept_at_once = 256;      // sends
constexpr int reads_at_once = 4;                // of sizeof input_ bytes, from one socket
constexpr std::uint64_t reconnect_earliest_ms = 500;
constexpr std::uint64_t reconnect_latest_ms = 5000;
constexpr milliseconds timer_grain{10};  // deadlines that lie closer are looked at together

int new_epoll_set(int wake_fd) {
    const int set = epoll_create1(EPOLL_CLOEXEC);
    if (set < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = wake_tag;
    if (epoll_ctl(set, EPOLL_CTL_ADD, wake_fd, &event) != 0) {
        const int error = errno;
        close(set);
        throw std::system_error(error, std::generic_category(), "epoll_ctl");
    }
    return set;
}

}  // namespace

Shard::Shard(Ring &ring, Limits limits) : ring_(ring), limits_(limits), ready_(context_), timer_(context_) {
    const int set = new_epoll_set(wake_.fd());
    try {
        ready_.assign(set);
    } catch (...) {
        close(set);
        throw;
    }
    watch();
}

Shard::~Shard() {
    ring_.disarm(*this);
    for (SeatId seat = 0; seat < seats_.rows(); ++seat)
        if (seats_.is(seat, Seats::taken)) drop(seat);
}

void Shard::run() noexcept {
    for (;;) {
        try {
            context_.run();
            return;
        } catch (const std::exception &) {
            // Out of memory in the middle of a turn: what was left undone is found again by a new one, which this rings for
            // without allocating.
            news_ = behind_ = true;
            scheduled_ = false;
            wake_.ring();
        }
    }
}

void Shard::watch() {
    ready_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code &error) {
        if (error) return;
        watch();
        on_news();
    });
}

void Shard::on_news() {
    std::array<epoll_event, news_at_once> events;
    const int count = epoll_wait(ready_.native_handle(), events.data(), news_at_once, 0);
    for (int index = 0; index < count; ++index) {
        const epoll_event &event = events[static_cast<std::size_t>(index)];
        if (event.data.u32 != wake_tag) {
            on_socket(event.data.u32, event.events);
        } else if (wake_.take()) {
            news_ = true;
        }
    }
    if (news_ && !scheduled_) turn();
}

void Shard::on_socket(SeatId seat, std::uint32_t events) {
    if (!seats_.is(seat, Seats::taken)) return;  // dropped earlier in this turn
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) return drop(seat);
    if ((events & EPOLLOUT) != 0 && seats_.is(seat, Seats::blocked)) {
        seats_.clear(seat, Seats::blocked);
        flush_and_settle(seat);
        if (!seats_.is(seat, Seats::taken)) return;
    }
    if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) read(seat, (events & EPOLLRDHUP) != 0);
}

void Shard::attach(int socket, std::string preamble, std::span<char> early) {
    if (limits_.unsent_max_bytes > 0) {
        const int unsent = static_cast<int>(limits_.unsent_max_bytes);
        setsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    }
    const Cursor cursor = ring_.subscribe().cursor;
    SeatId seat;
    try {
        if (!lane_) {
            lane_.emplace(cursor.next);
            history_ = cursor.history;
        }
        if (history_ != cursor.history) pull();  // the others hear of the new history first
        seat = seats_.take(socket, history_ == cursor.history ? cursor.next : lane_->tail());
    } catch (...) {
        ring_.unsubscribe();
        shutdown(socket, SHUT_RDWR);
        close(socket);
        throw;
    }
    try {
        epoll_event event{};
        event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
        event.data.u32 = seat;
        if (epoll_ctl(ready_.native_handle(), EPOLL_CTL_ADD, socket, &event) != 0) return drop(seat);
        Seats::Extra &extra = seats_.extra_of(seat);
        extra.out = std::move(preamble);
        if (draining_) {
            extra.deadline = close_deadline();
            expect(extra.deadline);
        }
        if (early.empty() || take_input(seat, early)) flush_and_settle(seat);
    } catch (...) {
        if (seats_.is(seat, Seats::taken)) drop(seat);
        throw;
    }
    news_ = true;  // a new lane has yet to arm its waiter
    schedule_turn();
}

void Shard::schedule_turn() {
    if (scheduled_) return;
    boost::asio::post(context_, [this] {
        scheduled_ = false;
        turn();
    });
    scheduled_ = true;
}

void Shard::turn() {
    for (const SeatId seat : std::exchange(unread_, {}))
        if (seats_.is(seat, Seats::taken)) read(seat, true);
    if (news_) pull();
    sweep();
    if (seats_.count() == 0) {
        lane_.reset();
        ring_.disarm(*this);
        news_ = behind_ = sweeping_ = false;
        check_finished();
    }
    if (news_ || sweeping_ || !unread_.empty()) schedule_turn();
}

void Shard::pull() {
    news_ = false;
    if (!lane_) return;
    std::array<EventPtr, 64> events;
    for (std::size_t pulled = 0; pulled < pulled_at_once;) {
        Cursor cursor{lane_->tail(), history_};
        const Ring::Read read = ring_.read(cursor, events, this);
        switch (read.outcome) {
            case Ring::Outcome::events:
                for (std::size_t index = 0; index < read.count; ++index) {
                    wire_.clear();
                    append_text_frame(wire_, *events[index]);
                    events[index].reset();
                    lane_->append(wire_);
                }
                lane_->set_head(read.head);
                trim();
                behind_ = true;
                pulled += read.count;
                break;
            case Ring::Outcome::lagged:
                for (SeatId seat = 0; seat < seats_.rows(); ++seat) seats_.save_rest(seat, *lane_);
                lane_->restart(read.head);
                behind_ = true;
                break;
            case Ring::Outcome::reset:
                begin_history(cursor, read);
                break;
            case Ring::Outcome::empty:
            case Ring::Outcome::closed:
                return;
        }
    }
    news_ = true;
}

void Shard::begin_history(const Cursor &cursor, const Ring::Read &read) {
    history_ = cursor.history;
    for (SeatId seat = 0; seat < seats_.rows(); ++seat)
        if (seats_.is(seat, Seats::taken)) {
            seats_.save_rest(seat, *lane_);
            if (seats_.is(seat, Seats::closing)) continue;
            websocket::append_frame(seats_.extra_of(seat).out, websocket::Opcode::text, reset_text(*read.epoch));
            if (read.emptied) seats_.set_place(seat, {cursor.next, 0});
        }
    if (read.emptied) lane_->restart(cursor.next);
    for (SeatId seat = 0; seat < seats_.rows(); ++seat)
        if (seats_.is(seat, Seats::taken)) flush_and_settle(seat);
}

void Shard::trim() {
    if (!lane_->trimmable()) return;
    const Offset kept = lane_->first_kept();
    for (SeatId seat = 0; seat < seats_.rows(); ++seat)
        if (seats_.place(seat).next < kept) seats_.save_rest(seat, *lane_);
    lane_->trim();
}

void Shard::sweep() {
    if (!lane_) return;
    if (!sweeping_) {
        if (!behind_) return;
        behind_ = false;
        sweeping_ = true;
        sweep_at_ = 0;
    }
    const auto rows = static_cast<SeatId>(seats_.rows());
    for (std::size_t sends = 0; sweep_at_ < rows; ++sweep_at_) {
        if (!seats_.wants(sweep_at_, lane_->tail())) continue;
        if (sends++ == swept_at_once) return;
        flush_and_settle(sweep_at_);
    }
    sweeping_ = behind_;
    if (behind_) {
        behind_ = false;
        sweep_at_ = 0;
    }
}

void Shard::read(SeatId seat, bool to_the_end) {
    for (int reads = 0; reads < reads_at_once; ++reads) {
        const ssize_t count = recv(seats_.socket(seat), input_.data(), input_.size(), MSG_DONTWAIT);
        if (count == 0) return drop(seat);
        if (count < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK) return flush_and_settle(seat);
            return drop(seat);
        }
        const auto size = static_cast<std::size_t>(count);
        // Behind the peer's close nothing is owed an answer: it is read and dropped.
        if (!seats_.is(seat, Seats::peer_closed) && !take_input(seat, {input_.data(), size})) return;
        // Edge-triggered: a short read has emptied the socket, unless the peer's FIN came with it.
        if (size < input_.size() && !to_the_end) return flush_and_settle(seat);
    }
    flush_and_settle(seat);
    if (!seats_.is(seat, Seats::taken)) return;
    unread_.push_back(seat);
    schedule_turn();
}

/// False where the seat was dropped.
bool Shard::take_input(SeatId seat, std::span<char> input) {
    using websocket::CloseCode;
    using Kind = websocket::Inbound::Kind;
    Seats::Extra *extra = seats_.find_extra(seat);
    std::optional<websocket::FrameReader> fresh;
    const bool resumed = extra != nullptr && extra->reader;
    websocket::FrameReader &reader = resumed ? *extra->reader : fresh.emplace(limits_.message_max_bytes);
    try {
        for (;;) {
            const websocket::Inbound inbound = reader.next(input);
            const bool closing = seats_.is(seat, Seats::closing);
            switch (inbound.kind) {
                case Kind::need_more:
                    if (resumed && reader.idle()) {
                        extra->reader.reset();
                        seats_.tidy(seat);
                    } else if (!resumed && !reader.idle()) {
                        seats_.extra_of(seat).reader.emplace(std::move(reader));
                    }
                    return true;
                case Kind::ping:
                    if (!closing) seats_.extra_of(seat).ping.emplace(inbound.payload);
                    break;
                case Kind::pong:
                case Kind::text:  // a text client has nothing to say
                case Kind::binary:
                    break;
                case Kind::close:
                    if (!closing) close_seat(seat, inbound.code, "");
                    seats_.set(seat, Seats::peer_closed);
                    break;
                case Kind::failed:
                    // Nothing that still comes can be understood: the peer's close is not waited for.
                    if (!closing) close_seat(seat, inbound.code, inbound.reason);
                    seats_.set(seat, Seats::peer_closed);
                    seats_.set(seat, Seats::failed);
                    break;
            }
            if (inbound.kind == Kind::close || inbound.kind == Kind::failed) {
                flush_and_settle(seat);
                return seats_.is(seat, Seats::taken);
            }
        }
    } catch (const std::bad_alloc &) {
        drop(seat);
        return false;
    }
}

void Shard::flush_and_settle(SeatId seat) {
    if (seats_.is(seat, Seats::lingering)) return;
    try {
        if (!seats_.is(seat, Seats::blocked) && flush(seats_, seat, *lane_, sink_) == Flushed::gone) return drop(seat);
        settle(seat);
    } catch (const std::bad_alloc &) {
        drop(seat);
    }
}

void Shard::settle(SeatId seat) {
    if (draining_ && !seats_.is(seat, Seats::closing) && seats_.place(seat).next >= lane_->tail()) {
        websocket::append_frame(seats_.extra_of(seat).out, websocket::Opcode::text, draining_text(reconnect_in_ms()));
        close_seat(seat, websocket::CloseCode::going_away, "draining");
        if (!seats_.is(seat, Seats::blocked) && flush(seats_, seat, *lane_, sink_) == Flushed::gone) return drop(seat);
    }
    if (!seats_.is(seat, Seats::closing) || !seats_.is(seat, Seats::peer_closed)) return;
    Seats::Extra &extra = seats_.extra_of(seat);
    if (!extra.out.empty()) return;
    // RFC 6455 7.1.1: both closes are out, so the server ends the connection first. A peer has nothing to say after its close that could
    // turn our FIN into a reset; and one that leaves its own end open must not hold its seat, or a stop, until the deadline.
    if (!seats_.is(seat, Seats::failed)) return drop(seat);
    extra.reader.reset();
    seats_.set(seat, Seats::lingering);
    shutdown(seats_.socket(seat), SHUT_WR);
}

/// When the client should come back: spread, so that not all who are sent away now knock at the next door in the same moment.
std::uint64_t Shard::reconnect_in_ms() {
    return std::uniform_int_distribution<std::uint64_t>(reconnect_earliest_ms, reconnect_latest_ms)(random_);
}

void Shard::close_seat(SeatId seat, websocket::CloseCode code, std::string_view reason) {
    const Seats::Extra *extra = seats_.find_extra(seat);
    const Instant deadline = std::min(close_deadline(), extra == nullptr ? never : extra->deadline);
    seats_.begin_close(seat, *lane_, code, reason, deadline);
    expect(deadline);
}

void Shard::drop(SeatId seat) {
    const int socket = seats_.release(seat);
    ring_.unsubscribe();
    // First of all the connection ends, even if a forked child holds a copy of the descriptor.
    shutdown(socket, SHUT_RDWR);
    close(socket);
    if (seats_.count() == 0 && !context_.stopped()) schedule_turn();
}

void Shard::expect(Instant deadline) {
    if (deadline >= timer_at_) return;
    timer_at_ = std::max(deadline, Clock::now() + timer_grain);
    timer_.expires_at(timer_at_);
    timer_.async_wait([this](const boost::system::error_code &error) {
        if (!error) expire();
    });
}

void Shard::expire() {
    timer_at_ = never;
    const Instant now = Clock::now();
    Instant next = never;
    seats_.each_deadline([&](SeatId seat, Instant deadline) {
        if (deadline <= now)
            drop(seat);
        else
            next = std::min(next, deadline);
    });
    for (Tenant *tenant : tenants_) next = std::min(next, tenant->expire(now));
    if (next != never) expect(next);
    check_finished();
}

void Shard::drain() {
    boost::asio::post(context_, [this] { begin_drain(); });
}

void Shard::begin_drain() {
    if (draining_) return;
    draining_ = true;
    const Instant deadline = close_deadline();
    for (Tenant *tenant : tenants_) tenant->drain(deadline);
    expect(deadline);
    for (SeatId seat = 0; seat < seats_.rows(); ++seat)
        if (seats_.is(seat, Seats::taken)) {
            Seats::Extra &extra = seats_.extra_of(seat);
            extra.deadline = std::min(extra.deadline, deadline);
        }
    do {
        news_ = true;
        pull();
    } while (news_);
    for (SeatId seat = 0; seat < seats_.rows(); ++seat)
        if (seats_.is(seat, Seats::taken)) flush_and_settle(seat);
    check_finished();
}

void Shard::cut() {
    boost::asio::post(context_, [this] { cut_now(); });
}

void Shard::cut_now() {
    draining_ = true;
    for (SeatId seat = 0; seat < seats_.rows(); ++seat)
        if (seats_.is(seat, Seats::taken)) drop(seat);
    for (Tenant *tenant : tenants_) tenant->cut();
    check_finished();
}

void Shard::check_finished() {
    if (!draining_ || seats_.count() > 0) return;
    if (!std::ranges::all_of(tenants_, [](const Tenant *tenant) { return tenant->empty(); })) return;
    context_.stop();
}

}  // namespace mempool
