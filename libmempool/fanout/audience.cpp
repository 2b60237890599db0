// SPDX-License-Identifier: MIT
#include "fanout/audience.hpp"

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

#include "fanout/flush.hpp"
#include "fanout/render.hpp"
#include "websocket/frame_writer.hpp"

namespace mempool {
namespace {

constexpr std::size_t pulled_at_once = 1024;  // events
constexpr std::size_t swept_at_once = 256;    // seats
constexpr int reads_at_once = 4;              // of sizeof input_ bytes, from one socket
constexpr int chunks_at_once = 4;             // of older events, for one seat
constexpr std::uint64_t reconnect_earliest_ms = 500;
constexpr std::uint64_t reconnect_latest_ms = 5000;

}  // namespace

Audience::Audience(Ring &ring, Waiter &bell, Kernel &kernel, Limits limits)
    : ring_(ring), bell_(bell), kernel_(kernel), limits_(limits), began_(kernel.now()) {}

Audience::~Audience() {
    ring_.disarm(bell_);
    cut();
}

void Audience::on_socket(SeatId seat, Readiness readiness) {
    if (!seats_.is(seat, Seats::taken)) return;  // dropped earlier in this turn
    if (readiness.gone) return drop(seat);
    if (readiness.writable && seats_.is(seat, Seats::blocked)) {
        on_writable(seat);
        if (!seats_.is(seat, Seats::taken)) return;
    }
    if (readiness.readable) read(seat, readiness.ended);
}

/// A full socket has room again: what it takes now is a sign of life.
void Audience::on_writable(SeatId seat) {
    const Seats::Extra *extra = seats_.find_extra(seat);
    const bool only_events = extra == nullptr || extra->out.empty();
    const Stamp full_at = seats_.full_at(seat);
    seats_.clear(seat, Seats::blocked);
    if (send_and_settle(seat) == 0) return seats_.set_full_at(seat, full_at);
    seats_.set_heard_at(seat, stamp());
    seats_.set_full_at(seat, stamp());
    // Our ping may have been among private bytes: its time runs from now.
    if (only_events) seats_.clear(seat, Seats::pinged);
}

void Audience::join(int socket, std::string preamble, std::span<char> early, std::optional<Position> since) {
    SeatId seat;
    try {
        seat = take_seat(socket, since);
    } catch (...) {
        kernel_.end(socket);
        throw;
    }
    try {
        if (!kernel_.watch(socket, seat)) return drop(seat);
        Seats::Extra &extra = seats_.extra_of(seat);
        preamble.append(extra.out);
        extra.out = std::move(preamble);
        if (early.empty() || take_input(seat, early)) send_and_settle(seat);
    } catch (...) {
        if (seats_.is(seat, Seats::taken)) drop(seat);
        throw;
    }
    if (look_due_ == never && !looking_) look_again();
}

/// Counts the listener and gives it a seat in the present history, with a `reset` to hear where it comes from another.
SeatId Audience::take_seat(int socket, std::optional<Position> since) {
    const auto subscribe = [&] { return since ? ring_.subscribe(since->epoch, since->heard) : ring_.subscribe(); };
    Subscribed subscribed = subscribe();
    while (lane_ && subscribed.cursor.history != history_) {
        ring_.unsubscribe();
        pull();  // the others hear of the new history first
        subscribed = subscribe();
    }
    std::optional<SeatId> seat;
    try {
        if (!lane_) {
            lane_.emplace(subscribed.tail, subscribed.head, limits_.lane_bytes);
            history_ = subscribed.cursor.history;
            news_ = true;  // the new lane has yet to arm the bell
        }
        seat = seats_.take(socket, subscribed.cursor.next, stamp());
        if (subscribed.cursor.reset_due)
            websocket::append_frame(seats_.extra_of(*seat).out, websocket::Opcode::text, reset_text(*subscribed.epoch));
    } catch (...) {
        if (seat) seats_.release(*seat);
        ring_.unsubscribe();
        throw;
    }
    return *seat;
}

void Audience::turn() {
    for (const SeatId seat : std::exchange(unread_, {}))
        if (seats_.is(seat, Seats::taken)) read(seat, true);
    if (news_) pull();
    if (parting_ && !news_) {
        parting_ = false;
        for (SeatId seat = 0; seat < seats_.rows(); ++seat)
            if (seats_.is(seat, Seats::taken)) send_and_settle(seat);
    }
    sweep();
    look();
    if (seats_.count() == 0) {
        lane_.reset();
        older_.reset();
        ring_.disarm(bell_);
        look_due_ = never;
        news_ = behind_ = sweeping_ = looking_ = parting_ = false;
    }
}

void Audience::start_over() {
    news_ = behind_ = true;
    deadline_ = kernel_.now();
}

void Audience::pull() {
    news_ = false;
    if (!lane_) return;
    std::array<EventPtr, 64> events;
    for (std::size_t pulled = 0; pulled < pulled_at_once;) {
        Cursor cursor{lane_->tail(), history_};
        const Ring::Read read = ring_.read(cursor, events, &bell_);
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
                for (SeatId seat = 0; seat < seats_.rows(); ++seat) keep_rest(seat);
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

void Audience::begin_history(const Cursor &cursor, const Ring::Read &read) {
    history_ = cursor.history;
    older_.reset();
    for (SeatId seat = 0; seat < seats_.rows(); ++seat) {
        keep_rest(seat);
        if (!seats_.is(seat, Seats::taken) || seats_.is(seat, Seats::closing)) continue;
        try {
            websocket::append_frame(seats_.extra_of(seat).out, websocket::Opcode::text, reset_text(*read.epoch));
        } catch (const std::bad_alloc &) {
            drop(seat);
            continue;
        }
        if (read.emptied) seats_.begin_history(seat, cursor.next);
    }
    if (read.emptied) lane_->restart(cursor.next);
    for (SeatId seat = 0; seat < seats_.rows(); ++seat)
        if (seats_.is(seat, Seats::taken)) send_and_settle(seat);
}

void Audience::trim() {
    if (!lane_->trimmable()) return;
    const Offset kept = lane_->first_kept();
    for (SeatId seat = 0; seat < seats_.rows(); ++seat)
        if (seats_.place(seat).next < kept) keep_rest(seat);
    lane_->trim();
}

/// Of what the lane is about to drop.
void Audience::keep_rest(SeatId seat) {
    try {
        seats_.save_rest(seat, *lane_);
    } catch (const std::bad_alloc &) {
        drop(seat);
    }
}

void Audience::sweep() {
    if (!lane_) return;
    if (!sweeping_) {
        if (!behind_) {
            older_.reset();  // nobody is catching up
            return;
        }
        behind_ = false;
        sweeping_ = true;
        sweep_at_ = 0;
    }
    const auto rows = static_cast<SeatId>(seats_.rows());
    for (std::size_t sends = 0; sweep_at_ < rows; ++sweep_at_) {
        if (!seats_.wants(sweep_at_, lane_->tail())) continue;
        if (sends++ == swept_at_once) return;
        send_and_settle(sweep_at_);
    }
    sweeping_ = behind_;
    if (behind_) {
        behind_ = false;
        sweep_at_ = 0;
    }
}

void Audience::read(SeatId seat, bool to_the_end) {
    bool more = false;
    for (int reads = 0; reads < reads_at_once; ++reads) {
        const Received received = kernel_.read(seats_.socket(seat), input_);
        if (received.kind == Received::Kind::nothing) break;
        if (received.kind != Received::Kind::bytes) return drop(seat);
        seats_.set_heard_at(seat, stamp());
        seats_.clear(seat, Seats::pinged);
        // Behind the peer's close nothing is owed an answer: it is read and dropped.
        if (!seats_.is(seat, Seats::peer_closed) && !take_input(seat, std::span(input_).first(received.bytes))) return;
        // Edge-triggered: a short read has emptied the socket, unless the peer's FIN came with it.
        if (received.bytes < input_.size() && !to_the_end) break;
        more = reads + 1 == reads_at_once;
    }
    send_and_settle(seat);
    if (!more || !seats_.is(seat, Seats::taken)) return;
    try {
        unread_.push_back(seat);
    } catch (const std::bad_alloc &) {
        drop(seat);  // it would not be told of again
    }
}

/// False where the seat was dropped.
bool Audience::take_input(SeatId seat, std::span<char> input) {
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
                send_and_settle(seat);
                return seats_.is(seat, Seats::taken);
            }
        }
    } catch (const std::bad_alloc &) {
        drop(seat);
        return false;
    }
}

/// The lane that the seat is sent from: the lane, or a chunk of what it has not, rendered from the ring. nullptr: the ring has moved on,
/// and has to be pulled first.
const Lane *Audience::lane_for(SeatId seat) {
    const Offset next = seats_.place(seat).next;
    if (seats_.is(seat, Seats::closing) || next >= lane_->first() || next < lane_->head()) return &*lane_;
    if (!older_ || next < older_->first() || next >= older_->tail()) {
        older_.emplace(next, lane_->head(), Lane::segment_bytes);
        Cursor cursor{next, history_};
        std::array<EventPtr, 16> events;
        while (older_->tail() < lane_->first() && older_->bytes() < Lane::segment_bytes) {
            const auto wanted = std::min<std::uint64_t>(events.size(), lane_->first() - older_->tail());
            const Ring::Read read = ring_.read(cursor, std::span(events).first(static_cast<std::size_t>(wanted)));
            if (read.outcome != Ring::Outcome::events) {
                news_ = true;
                break;
            }
            for (std::size_t index = 0; index < read.count; ++index) {
                wire_.clear();
                append_text_frame(wire_, *events[index]);
                older_->append(wire_);
            }
        }
        if (next == older_->tail()) return nullptr;
    }
    older_->set_head(lane_->head());
    return &*older_;
}

Written Audience::send(SeatId seat) {
    Written all;
    for (int chunks = 0; chunks < chunks_at_once; ++chunks) {
        const Lane *lane = lane_for(seat);
        if (lane == nullptr) break;
        const Written written = flush(seats_, seat, *lane, kernel_);
        all = {all.bytes + written.bytes, written.gone};
        if (all.gone) return all;
        if (lane != &*lane_) seats_.save_rest(seat, *lane);  // the chunk may go at any time
        if (!seats_.wants(seat, lane_->tail())) return all;
    }
    behind_ = true;
    return all;
}

/// Gives the bytes that went out; 0 where the seat was dropped.
std::size_t Audience::send_and_settle(SeatId seat) {
    if (seats_.is(seat, Seats::lingering)) return 0;
    const bool was_full = seats_.is(seat, Seats::blocked);
    Written written;
    try {
        if (!was_full) written = send(seat);
        if (!written.gone) settle(seat);
    } catch (const std::bad_alloc &) {
        written.gone = true;
    }
    if (written.gone) drop(seat);
    if (!seats_.is(seat, Seats::taken)) return 0;
    if (!was_full && seats_.is(seat, Seats::blocked)) seats_.set_full_at(seat, stamp());
    return written.bytes;
}

void Audience::settle(SeatId seat) {
    if (draining_ && !seats_.is(seat, Seats::closing) && seats_.place(seat).next >= lane_->tail()) {
        websocket::append_frame(seats_.extra_of(seat).out, websocket::Opcode::text, draining_text(reconnect_in_ms()));
        close_seat(seat, websocket::CloseCode::going_away, "draining");
        if (!seats_.is(seat, Seats::blocked) && send(seat).gone) return drop(seat);
    }
    if (!seats_.is(seat, Seats::closing) || !seats_.is(seat, Seats::peer_closed)) return;
    Seats::Extra &extra = seats_.extra_of(seat);
    if (!extra.out.empty()) return;
    // RFC 6455 7.1.1: both closes are out, so the server ends the connection first. A peer has nothing to say after its close that could
    // turn our FIN into a reset; and one that leaves its own end open must not hold its seat, or a stop, until the deadline.
    if (!seats_.is(seat, Seats::failed)) return drop(seat);
    extra.reader.reset();
    seats_.set(seat, Seats::lingering);
    kernel_.finish(seats_.socket(seat));
}

/// When the client should come back: spread, so that not all who are sent away now knock at the next door in the same moment.
std::uint64_t Audience::reconnect_in_ms() {
    return std::uniform_int_distribution<std::uint64_t>(reconnect_earliest_ms, reconnect_latest_ms)(random_);
}

void Audience::close_seat(SeatId seat, websocket::CloseCode code, std::string_view reason) {
    const Instant deadline = close_deadline();
    seats_.begin_close(seat, *lane_, code, reason, deadline);
    expect(deadline);
}

Instant Audience::close_deadline() const {
    return std::min(kernel_.now() + limits_.close_timeout, drain_deadline_);
}

Stamp Audience::stamp() const {
    return static_cast<Stamp>(std::chrono::duration_cast<milliseconds>(kernel_.now() - began_).count());
}

void Audience::drop(SeatId seat) {
    kernel_.end(leave(seat));
}

/// Where waiting for the peer to read what was written would be waiting for nothing.
void Audience::abort(SeatId seat) {
    kernel_.abort(leave(seat));
}

int Audience::leave(SeatId seat) {
    ring_.unsubscribe();
    return seats_.release(seat);
}

Liveness::Verdict Audience::verdict(SeatId seat, Stamp now) const {
    return limits_.liveness.of(seats_.is(seat, Seats::blocked), seats_.is(seat, Seats::pinged),
                               milliseconds(now - seats_.heard_at(seat)), milliseconds(now - seats_.full_at(seat)));
}

/// Goes over the seats, a bounded part a turn. Who seems to be gone is asked once more: it may be us who came late.
void Audience::look() {
    if (!looking_) return;
    const auto rows = static_cast<SeatId>(seats_.rows());
    std::size_t acted = 0;
    for (Stamp now = stamp(); look_at_ < rows && acted < swept_at_once; ++look_at_) {
        if (!seats_.is(look_at_, Seats::taken) || seats_.is(look_at_, Seats::closing)) continue;
        const Liveness::Verdict seems = verdict(look_at_, now);
        if (seems == Liveness::Verdict::alive) continue;
        ++acted;
        if (seems == Liveness::Verdict::quiet) ping(look_at_);
        if (seems == Liveness::Verdict::silent) read(look_at_, false);
        if (seems == Liveness::Verdict::stalled) on_writable(look_at_);
        now = stamp();
        if (seems == Liveness::Verdict::quiet || !seats_.is(look_at_, Seats::taken)) continue;
        if (!seats_.is(look_at_, Seats::closing) && verdict(look_at_, now) == seems) abort(look_at_);
    }
    if (look_at_ < rows) return;
    looking_ = false;
    look_again();
}

void Audience::look_again() {
    const milliseconds every = limits_.liveness.look_every();
    if (every.count() == 0) return;
    look_due_ = kernel_.now() + every;
    expect(look_due_);
}

void Audience::ping(SeatId seat) {
    // Before it goes out: if the socket has no room for all of it, the stall's time has begun, and the pong's begins when it has.
    seats_.set(seat, Seats::pinged);
    seats_.set_heard_at(seat, stamp());
    try {
        websocket::append_frame(seats_.extra_of(seat).out, websocket::Opcode::ping, "");
    } catch (const std::bad_alloc &) {
        return drop(seat);
    }
    send_and_settle(seat);
}

void Audience::expire() {
    const Instant now = kernel_.now();
    if (now < deadline_) return;
    deadline_ = never;
    seats_.each_deadline([&](SeatId seat, Instant deadline) {
        if (deadline <= now)
            drop(seat);
        else
            expect(deadline);
    });
    if (drain_deadline_ <= now)
        cut();
    else
        expect(drain_deadline_);
    if (look_due_ <= now) {
        look_due_ = never;
        look_at_ = 0;
        looking_ = true;
    }
    expect(look_due_);
}

void Audience::drain(Instant deadline) {
    draining_ = true;
    drain_deadline_ = deadline;
    expect(drain_deadline_);
    news_ = parting_ = true;
}

void Audience::cut() {
    for (SeatId seat = 0; seat < seats_.rows(); ++seat)
        if (seats_.is(seat, Seats::taken)) drop(seat);
}

}  // namespace mempool
