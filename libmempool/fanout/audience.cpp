// SPDX-License-Identifier: MIT
#include "fanout/audience.hpp"

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

#include "fanout/flush.hpp"
#include "fanout/lag.hpp"
#include "fanout/render.hpp"
#include "websocket/frame_writer.hpp"

namespace mempool {
namespace {

constexpr std::size_t pulled_at_once = 1024;  // events
constexpr std::size_t swept_at_once = 256;    // seats
constexpr int chunks_at_once = 4;             // of older events, for one seat

}  // namespace

Audience::Audience(std::string topic, Ring &ring, Waiter &bell, Kernel &kernel, const Limits &limits)
    : topic_(std::move(topic)),
      ring_(ring),
      bell_(bell),
      kernel_(kernel),
      limits_(limits),
      began_(kernel.now()),
      lanes_(ring, limits.lane_bytes, limits.deflate_min_bytes),
      presence_(limits.liveness) {}

Audience::~Audience() {
    ring_.disarm(bell_);
    cut();
}

void Audience::on_socket(SeatId seat, Readiness readiness) {
    if (!seats_.is(seat, Seats::taken)) return;  // dropped earlier in this turn
    if (readiness.gone) return lose(seat, kernel_.read(seats_.socket(seat), input_).kind == Received::Kind::timed_out);
    if (readiness.writable && seats_.is(seat, Seats::blocked)) {
        on_writable(seat);
        if (!seats_.is(seat, Seats::taken)) return;
    }
    // Who has more than its turn reads is read in its next, and not once more for each of its packets.
    if (readiness.readable && !seats_.is(seat, Seats::unread)) read(seat, readiness.ended);
}

/// A full socket has room again: what it takes now is a sign of life.
void Audience::on_writable(SeatId seat) {
    const Seats::Extra *extra = seats_.find_extra(seat);
    const bool only_events = extra == nullptr || extra->out.empty();
    const Stamp full_at = seats_.full_at(seat);
    seats_.clear(seat, Seats::blocked);
    const std::size_t took = send_and_settle(seat);
    if (seats_.is(seat, Seats::paused) && !seats_.is(seat, Seats::blocked)) read_later(seat);
    if (!seats_.is(seat, Seats::taken)) return;
    if (took == 0) return seats_.set_full_at(seat, full_at);
    seats_.set_heard_at(seat, stamp());
    seats_.set_full_at(seat, stamp());
    // Our ping may have been among private bytes: its time runs from now.
    if (only_events) seats_.clear(seat, Seats::pinged);
}

void Audience::join(int socket, const Joining &joining, std::string preamble, std::span<char> early) {
    SeatId seat;
    try {
        seat = take_seat(socket, joining);
    } catch (...) {
        kernel_.end(socket);
        gone_.add(1);
        throw;
    }
    try {
        if (!kernel_.watch(socket, seat)) return drop(seat);
        Seats::Extra &extra = seats_.extra_of(seat);
        preamble.append(extra.out);
        extra.out = std::move(preamble);
        // Before it has read the answer it can't know that it may compress.
        if (early.empty() || take_input(seat, early, nullptr)) send_and_settle(seat);
    } catch (...) {
        if (seats_.is(seat, Seats::taken)) drop(seat);
        throw;
    }
    look_again();
}

/// Counts the listener and gives it a seat in the present history, with what it has to hear first.
SeatId Audience::take_seat(int socket, const Joining &joining) {
    const auto subscribe = [&] {
        return joining.since ? ring_.subscribe(joining.since->epoch, joining.since->heard) : ring_.subscribe();
    };
    Subscribed subscribed = subscribe();
    while (lanes_.in_use() && subscribed.cursor.history != lanes_.at().history) {
        ring_.unsubscribe();
        pull();  // the others hear of the new history first
        subscribed = subscribe();
    }
    std::optional<SeatId> seat;
    try {
        if (!lanes_.in_use()) {
            lanes_.begin(subscribed);
            news_ = true;  // the bell is not armed yet
        }
        lanes_.open(joining.manner.format);
        seat = seats_.take(socket, joining.manner, subscribed.cursor.next, stamp());
        append_greeting(seats_.extra_of(*seat).out, topic_, joining, subscribed);
        // Who comes back late was not slow: it is told so, whatever its policy, and goes on.
        if (joining.manner.slow == Slow::close && subscribed.cursor.next < subscribed.head)
            tell_lag(seats_, *seat, *subscribed.epoch, subscribed.head);
    } catch (...) {
        if (seat) seats_.release(*seat);
        ring_.unsubscribe();
        throw;
    }
    return *seat;
}

void Audience::turn() {
    read_unread();
    for (const SeatId seat : std::exchange(told_, {}))
        if (seats_.is(seat, Seats::taken)) send_and_settle(seat);
    if (news_) pull();
    if (parting_ && heard_end_) {
        parting_ = false;
        for (SeatId seat = 0; seat < seats_.rows(); ++seat)
            if (seats_.is(seat, Seats::taken)) send_and_settle(seat);
    }
    sweep();
    look();
    if (seats_.count() == 0) {
        lanes_.end();
        ring_.disarm(bell_);
        presence_.rest();
        inflater_.rest();
        news_ = behind_ = sweeping_ = parting_ = false;
    }
}

void Audience::start_over() {
    news_ = behind_ = true;
    deadline_ = kernel_.now();
}

void Audience::pull() {
    news_ = false;
    if (!lanes_.in_use()) return;
    std::array<EventPtr, 64> events;
    for (std::size_t pulled = 0; pulled < pulled_at_once;) {
        Cursor cursor = lanes_.at();
        const Ring::Read read = ring_.read(cursor, events, &bell_);
        switch (read.outcome) {
            case Ring::Outcome::events:
                behind_ = true;
                lanes_.take(std::span(events).first(read.count), read.head);
                trim();
                pulled += read.count;
                break;
            case Ring::Outcome::lagged:
                behind_ = true;
                for (SeatId seat = 0; seat < seats_.rows(); ++seat) keep_rest(seat);
                lanes_.fall_behind(read.head);
                break;
            case Ring::Outcome::reset:
                begin_history(cursor, read);
                break;
            case Ring::Outcome::empty:
            case Ring::Outcome::closed:
                heard_end_ = read.outcome == Ring::Outcome::closed;
                if (lanes_.set_head(read.head)) {  // a large event has pushed out more since it was read
                    trim();
                    behind_ = true;
                }
                return;
        }
    }
    news_ = true;
}

void Audience::begin_history(const Cursor &cursor, const Ring::Read &read) {
    for (SeatId seat = 0; seat < seats_.rows(); ++seat) {
        keep_rest(seat);
        if (!seats_.is(seat, Seats::taken) || seats_.is(seat, Seats::closing)) continue;
        const Offset next = read.emptied ? cursor.next : seats_.place(seat).next;
        try {
            append_reset(seats_.extra_of(seat).out, seats_.manner(seat).format, *read.epoch, next);
        } catch (const std::bad_alloc &) {
            drop(seat);
            continue;
        }
        seats_.begin_history(seat, next);
    }
    lanes_.begin_history(cursor, read);
    for (SeatId seat = 0; seat < seats_.rows(); ++seat)
        if (seats_.is(seat, Seats::taken)) send_and_settle(seat);
}

void Audience::trim() {
    if (!lanes_.trimmable()) return;
    for (SeatId seat = 0; seat < seats_.rows(); ++seat)
        if (seats_.is(seat, Seats::taken) && seats_.place(seat).next < lane_of(seat).first_kept()) keep_rest(seat);
    lanes_.trim();
}

/// Of what the lane is about to drop.
void Audience::keep_rest(SeatId seat) {
    if (!seats_.is(seat, Seats::taken)) return;
    try {
        seats_.save_rest(seat, lane_of(seat));
    } catch (const std::bad_alloc &) {
        drop(seat);
    }
}

void Audience::sweep() {
    if (!lanes_.in_use()) return;
    if (!sweeping_) {
        if (!behind_) {
            lanes_.forget_older();  // nobody is catching up
            return;
        }
        behind_ = false;
        sweeping_ = true;
        sweep_at_ = 0;
    }
    const auto rows = static_cast<SeatId>(seats_.rows());
    Offers offers;
    for (std::size_t sends = 0; sweep_at_ < rows && sends < swept_at_once; ++sweep_at_) {
        if (!seats_.wants(sweep_at_, lanes_.tail())) continue;
        ++sends;
        offer(sweep_at_, offers);
    }
    write_out(offers);
    if (sweep_at_ < rows) return;
    sweeping_ = behind_;
    if (behind_) {
        behind_ = false;
        sweep_at_ = 0;
    }
}

/// Nearly every seat lacks one piece of its lane, and waits for others like it; any other is sent what it lacks now. Until they are written out,
/// the lanes stay as they are, and nobody takes a seat.
void Audience::offer(SeatId seat, Offers &offers) {
    const Lane &lane = lane_of(seat);
    const std::optional<iovec> piece = lags(seats_, seat, lane) ? std::nullopt : only_piece(seats_, seat, lane);
    if (!piece) {
        send_and_settle(seat);
        return;
    }
    offers.offers[offers.count] = {seats_.socket(seat), *piece};
    offers.seats[offers.count++] = seat;
    if (offers.count == offers.seats.size()) write_out(offers);
}

void Audience::write_out(Offers &offers) {
    kernel_.write_many(std::span(offers.offers).first(offers.count));
    for (std::size_t index = 0; index < offers.count; ++index) {
        const Offer &offer = offers.offers[index];
        const SeatId seat = offers.seats[index];
        if (!seats_.is(seat, Seats::taken)) continue;
        if (!offer.written.gone) took(seats_, seat, lane_of(seat), offer.from.iov_len, offer.written.bytes);
        settle_written(seat, false, offer.written);
    }
    offers.count = 0;
}

Written Audience::send(SeatId seat) {
    Written all;
    for (int chunks = 0; chunks < chunks_at_once; ++chunks) {
        const Lane *lane = &lane_of(seat);
        if (!seats_.is(seat, Seats::closing)) {
            if (settle_lag(seats_, seat, *lane, lanes_.epoch()))
                close_seat(seat, websocket::CloseCode::overloaded,
                           "resume " + position_text(lanes_.epoch(), seats_.place(seat).next));
            else if (const Offset next = seats_.place(seat).next; next < lane->first())
                lane = lanes_.older(lane->format(), next);
        }
        if (lane == nullptr) {
            news_ = true;  // the ring has moved on: first it has to be pulled
            break;
        }
        const Written written = flush(seats_, seat, *lane, kernel_);
        all = {all.bytes + written.bytes, written.gone, written.timed_out};
        if (all.gone) return all;
        if (lane != &lane_of(seat)) seats_.save_rest(seat, *lane);  // the chunk may go at any time
        if (!seats_.wants(seat, lanes_.tail())) return all;
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
    } catch (const std::bad_alloc &) {
        written.gone = true;
    }
    return settle_written(seat, was_full, written);
}

std::size_t Audience::settle_written(SeatId seat, bool was_full, Written written) {
    try {
        if (!written.gone) settle(seat);
    } catch (const std::bad_alloc &) {
        written.gone = true;
    }
    if (written.gone) lose(seat, written.timed_out);
    if (!seats_.is(seat, Seats::taken)) return 0;
    if (!was_full && seats_.is(seat, Seats::blocked)) seats_.set_full_at(seat, stamp());
    if (is_sse(seat) && written.bytes > 0) seats_.set_heard_at(seat, stamp());
    return written.bytes;
}

void Audience::settle(SeatId seat) {
    if (draining_ && heard_end_ && !seats_.is(seat, Seats::closing) && seats_.place(seat).next >= lanes_.tail()) {
        append_draining(seats_.extra_of(seat).out, seats_.manner(seat).format, reconnect_.in_ms());
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

void Audience::close_seat(SeatId seat, websocket::CloseCode code, std::string_view reason) {
    const Instant deadline = close_deadline();
    seats_.begin_close(seat, lane_of(seat), code, reason, deadline);
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

/// The connection is dead. Where TCP gave it up before our own look did (Shard::attach), it has stalled all the same.
void Audience::lose(SeatId seat, bool timed_out) {
    if (timed_out && !seats_.is(seat, Seats::closing)) seats_.closed().stalled.add(1);
    drop(seat);
}

/// Where waiting for the peer to read what was written would be waiting for nothing.
void Audience::abort(SeatId seat, Liveness::Verdict why) {
    (why == Liveness::Verdict::silent ? seats_.closed().silent : seats_.closed().stalled).add(1);
    kernel_.abort(leave(seat));
}

int Audience::leave(SeatId seat) {
    gone_.add(1);  // first: who sees one listener fewer sees this too
    ring_.unsubscribe();
    if (const auto who = speakers_.left(seat); who && inbox_ != nullptr) inbox_->left(*who);
    return seats_.release(seat);
}

/// Goes over the seats, a bounded part a turn.
void Audience::look() {
    if (!presence_.looking()) return;
    for (std::size_t acted = 0; acted < swept_at_once; ++acted) {
        const std::optional<Presence::Found> found = presence_.next(seats_, stamp());
        if (!found) return look_again();
        attend(found->seat, found->verdict);
    }
}

/// Who seems to be gone is asked once more: it may be us who came late.
void Audience::attend(SeatId seat, Liveness::Verdict seems) {
    if (seems == Liveness::Verdict::quiet) return ping(seat);
    if (seems == Liveness::Verdict::silent) {
        read(seat, false);
        if (seats_.is(seat, Seats::unread) && !seats_.is(seat, Seats::paused)) return;  // it is read in its turn
    }
    if (seems == Liveness::Verdict::stalled) on_writable(seat);
    if (!seats_.is(seat, Seats::taken) || seats_.is(seat, Seats::closing)) return;
    if (presence_.verdict(seats_, seat, stamp()) == seems) abort(seat, seems);
}

void Audience::look_again() {
    presence_.schedule(kernel_.now(), lanes_.has(Format::sse_text) || lanes_.has(Format::sse_json));
    expect(presence_.due());
}

void Audience::ping(SeatId seat) {
    // Before it goes out: if the socket has no room for all of it, the stall's time has begun, and the pong's begins when it has.
    seats_.set(seat, Seats::pinged);
    seats_.set_heard_at(seat, stamp());
    try {
        append_sign_of_life(seats_.extra_of(seat).out, seats_.manner(seat).format);
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
    if (presence_.due() <= now) presence_.begin();
    expect(presence_.due());
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
