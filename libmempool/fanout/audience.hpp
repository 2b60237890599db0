// SPDX-License-Identifier: MIT
/// The clients of the stream that one network thread serves: their seats, the lanes they are sent from, and what becomes of each.
/// Owned by a shard, whose thread makes every call here; the counts may be read by any. It waits for nothing, sleeps on nothing and
/// starts nothing: sockets and the time are the Kernel's, and whoever drives it calls turn() while has_work(), and expire() at
/// deadline().
///
///   the ring's news --> pull() --> lanes --> sweep: every seat that is behind is sent what it lacks, a few hundred a turn; those who lack
///                                            one piece of their lane, 64 in one call of the Kernel
///   a socket's news --> read() and send() of that seat
///   now and then    --> look at every seat: ping who is quiet, end who is silent or stalled (liveness.hpp)
///   a message       --> the inbox (inbox.hpp); whose answers a full socket does not take is not read until it does
///
/// There is a lane for each format in use; all stand at one place of the ring. What a seat needs and its lane has not, but the ring has,
/// is rendered from the ring, a chunk at a time, and never called lag.
/// A client counts as a listener from before its 101 is written, as the 101 is the first of its private bytes.
///
/// Out of memory: what one client needed costs that client; what all need throws std::bad_alloc, and is done again after start_over().
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "channel/ring.hpp"
#include "fanout/greeting.hpp"
#include "fanout/inbox.hpp"
#include "fanout/kernel.hpp"
#include "fanout/lanes.hpp"
#include "fanout/liveness.hpp"
#include "fanout/presence.hpp"
#include "fanout/reconnect.hpp"
#include "fanout/seats.hpp"

namespace mempool {

class Audience {
public:
    struct Limits {
        milliseconds close_timeout;
        Liveness liveness;
        std::size_t message_max_bytes;
        std::size_t lane_bytes;
        std::size_t deflate_min_bytes = 256;
    };

    /// bell: rung by the ring when it has news, whereupon somebody must call news() and turn().
    /// topic: the ring's.
    Audience(std::string topic, Ring &ring, Waiter &bell, Kernel &kernel, const Limits &limits);
    /// Ends every connection.
    ~Audience();
    Audience(const Audience &) = delete;
    Audience &operator=(const Audience &) = delete;

    /// Takes over a socket (owned from now on). preamble: the answer that it is owed, a 101 or that of an event stream; early: bytes that came behind the request.
    void join(int socket, const Joining &joining, std::string preamble, std::span<char> early);
    void on_socket(SeatId seat, Readiness readiness);

    /// Who gets the clients' messages, before the first client comes; else they are ignored.
    void set_inbox(Inbox *inbox) { inbox_ = inbox; }
    /// say(out) appends whole frames for this client alone, which go out in the next turn, between two events; not called where it has left
    /// or is about to. Without memory for them it is ended.
    template <class Say>
    void tell(const Speaker &who, Say say) {
        if (!can_hear(who)) return;
        try {
            say(bytes_to_tell(who.seat));
        } catch (const std::bad_alloc &) {
            drop(who.seat);
        }
    }

    /// The bell was rung.
    void news() { news_ = true; }
    bool has_work() const {
        return news_ || behind_ || sweeping_ || presence_.looking() || parting_ || !unread_.empty() ||
               !put_off_.empty() || !told_.empty() || (lanes_.in_use() && seats_.count() == 0);
    }
    /// A bounded part of the work.
    void turn();

    Instant deadline() const { return deadline_; }
    /// Ends what is past its deadline.
    void expire();
    /// After an exception.
    void start_over();

    /// The ring was closed: every client hears the rest and then close 1001, until the deadline at the latest.
    void drain(Instant deadline);
    /// Ends every connection now.
    void cut();

    std::size_t clients() const { return seats_.count(); }
    /// Any thread.
    std::uint64_t events_sent() const { return seats_.events_sent(); }
    std::uint64_t events_missed() const { return seats_.events_missed(); }
    std::uint64_t clients(Format format) const { return seats_.count_of(format); }
    const Seats::Closed &closed() const { return seats_.closed(); }
    std::uint64_t messages_ignored() const { return messages_ignored_.get(); }
    /// Of all whom join() took, those who have left, or found no memory for a seat.
    std::uint64_t gone() const { return gone_.get(); }

private:
    /// What is written at once: for each, all that its seat is due.
    struct Offers {
        std::array<Offer, 64> offers;
        std::array<SeatId, 64> seats;
        std::size_t count = 0;
    };

    SeatId take_seat(int socket, const Joining &joining);
    void pull();
    void begin_history(const Cursor &cursor, const Ring::Read &read);
    void trim();
    void keep_rest(SeatId seat);
    bool is_sse(SeatId seat) const { return mempool::is_sse(seats_.manner(seat).format); }
    Lane &lane_of(SeatId seat) { return lanes_.of(seats_.manner(seat).format); }
    void sweep();
    void offer(SeatId seat, Offers &offers);
    void write_out(Offers &offers);
    void read(SeatId seat, bool to_the_end);
    void read_later(SeatId seat);
    void wait_in(std::vector<SeatId> &line, SeatId seat);
    void read_unread();
    bool inflated_enough() const;
    std::span<char> read_into(SeatId seat);
    bool has_answers(SeatId seat);
    void owe_pong(SeatId seat, std::string_view payload);
    void hear(SeatId seat, const websocket::Inbound &inbound);
    bool can_hear(const Speaker &who) const;
    std::string &bytes_to_tell(SeatId seat);
    bool take_input(SeatId seat, std::span<char> input, websocket::Inflater *inflater);
    Written send(SeatId seat);
    std::size_t send_and_settle(SeatId seat);
    std::size_t settle_written(SeatId seat, bool was_full, Written written);
    void settle(SeatId seat);
    void on_writable(SeatId seat);
    void close_seat(SeatId seat, websocket::CloseCode code, std::string_view reason);
    void drop(SeatId seat);
    void lose(SeatId seat, bool timed_out);
    void abort(SeatId seat, Liveness::Verdict why);
    int leave(SeatId seat);

    void look();
    void attend(SeatId seat, Liveness::Verdict seems);
    void ping(SeatId seat);
    void look_again();

    void expect(Instant deadline) { deadline_ = deadline < deadline_ ? deadline : deadline_; }
    Instant close_deadline() const;
    Stamp stamp() const;

    const std::string topic_;
    Ring &ring_;
    Waiter &bell_;
    Kernel &kernel_;
    const Limits limits_;
    const Instant began_;
    Seats seats_;
    Lanes lanes_;                  // in use from the first client on, until the last has left
    std::vector<SeatId> unread_;   // those with the flag, but for the paused
    std::vector<SeatId> put_off_;  // they too, before the others: enough was inflated before their turn
    std::vector<SeatId> told_;     // those whom tell() left something to be sent
    Speakers speakers_;
    websocket::Inflater inflater_;     // of all clients that compress
    std::uint64_t turn_began_at_ = 0;  // of what it has inflated
    Inbox *inbox_ = nullptr;
    Count messages_ignored_;
    Count gone_;
    Reconnect reconnect_;
    Presence presence_;
    SeatId sweep_at_ = 0;
    Instant deadline_ = never;
    Instant drain_deadline_ = never;
    bool news_ = false;    // the ring may have more than the lane
    bool behind_ = false;  // a seat before sweep_at_ may be behind the lane
    bool sweeping_ = false;
    bool heard_end_ = false;  // the ring is closed, and the lanes have all of it
    bool draining_ = false;
    bool parting_ = false;  // who has heard everything has yet to be sent away
    std::array<char, 64 * 1024> input_;
};

}  // namespace mempool
