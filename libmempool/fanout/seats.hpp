// SPDX-License-Identifier: MIT
/// The client table: a seat is a client of the stream, as a row in columns of one length. Owned by a shard; shard thread only.
///
/// A seat's life; every arrow is the shard's:
///   FREE ---take()---> LIVE ---begin_close()---> CLOSING ---both closes are out---> FREE
///                        |                          '----the peer broke the protocol, or has no close---> LINGERING ---its end, the deadline---> FREE
///                        '---the peer is gone---> FREE
///   LIVE       hears events: next is the offset that it hears next
///   CLOSING    our close frame (of Server-Sent Events: the last lines) is queued behind what was begun; no event goes out any more; a
///              deadline is set
///   LINGERING  our close is out and we are shut down for writing: what still comes is read and dropped, so that the peer can read why
///
/// Invariants: sent > 0 only while the event at `next` lies in the lane; then nothing of `out` has been sent. What a client costs when it
/// is idle is its row: the rest is in `extras_`, and only while there is some. For each seat, from where it began in this history:
/// events sent + events missed = the difference of its offsets, as every move of `next` is counted as the one or the other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/count.hpp"
#include "channel/offset.hpp"
#include "fanout/kernel.hpp"
#include "fanout/lane.hpp"
#include "fanout/manner.hpp"
#include "websocket/close_code.hpp"
#include "websocket/frame_reader.hpp"

namespace mempool {

/// Milliseconds since some moment of the audience's; they wrap after 49 days, so only differences mean anything.
using Stamp = std::uint32_t;

class Seats {
public:
    enum Flag : std::uint16_t {
        taken = 1,        // the row is a client
        blocked = 2,      // the socket is full; writability will be told
        closing = 4,      // CLOSING or LINGERING
        peer_closed = 8,  // the peer's close frame has come, or is not waited for: what it still sends is owed nothing
        lingering = 16,   // LINGERING
        extra = 32,       // extras_ has something of this seat
        failed =
            64,  // the peer broke the protocol, or has no close of its own: what it still sends is read and dropped
        pinged = 128,  // our ping went out, and no sign of life has come since
        unread = 256,  // its socket has more to be read, in its turn
        paused = 512,  // unread, but not before it takes what it is answered
    };

    /// What a seat has only for a while.
    struct Extra {
        std::string out;                               // private bytes, whole frames: they go out between two events
        std::size_t out_sent = 0;                      // of them
        bool answers = false;                          // some of them answer what it said
        std::optional<std::string> ping;               // payload of the newest ping not yet answered (RFC 6455 5.5.3)
        std::optional<websocket::FrameReader> reader;  // while an inbound message is partial
        Instant deadline = never;
    };

    /// A seat for `socket` (owned from now on), which hears `next` first.
    SeatId take(int socket, Manner manner, Offset next, Stamp now);
    /// Forgets the seat and gives back its socket, for the caller to close.
    int release(SeatId seat);

    std::size_t rows() const { return socket_.size(); }
    std::size_t count() const { return count_; }

    int socket(SeatId seat) const { return socket_[seat]; }
    Manner manner(SeatId seat) const { return manner_[seat]; }
    LanePlace place(SeatId seat) const { return {next_[seat], sent_[seat]}; }
    /// What lies between its place and this one went out, or into its private bytes.
    void advance(SeatId seat, LanePlace place) {
        events_sent_.add(place.next - next_[seat]);
        next_[seat] = place.next;
        sent_[seat] = place.sent;
    }
    /// It missed what lies before `next`, and stands there now. Not in the middle of an event. Gives the number missed.
    std::uint64_t skip(SeatId seat, Offset next) {
        const std::uint64_t missed = next - next_[seat];
        events_missed_.add(missed);
        next_[seat] = next;
        return missed;
    }
    /// Its history ended: it stands at `next` of another. Not in the middle of an event.
    void begin_history(SeatId seat, Offset next) { next_[seat] = next; }

    /// Of all seats since the beginning. Any thread.
    std::uint64_t events_sent() const { return events_sent_.get(); }
    std::uint64_t events_missed() const { return events_missed_.get(); }
    /// Taken now, of a plain format; who is sent compressed frames counts there too. Any thread.
    std::uint64_t count_of(Format format) const { return of_format_[static_cast<std::size_t>(format)].get(); }

    /// Whom we closed, and why. Any thread may read.
    struct Closed {
        Count slow;  // slow=close, and behind the ring: counted by begin_close()
        Count silent;
        Count stalled;
    };
    Closed &closed() { return closed_; }
    const Closed &closed() const { return closed_; }

    /// When it last gave a sign of life, or was pinged after that. Server-Sent Events: when it was last sent something.
    Stamp heard_at(SeatId seat) const { return heard_at_[seat]; }
    void set_heard_at(SeatId seat, Stamp now) { heard_at_[seat] = now; }
    /// blocked: since when its socket has taken nothing.
    Stamp full_at(SeatId seat) const { return full_at_[seat]; }
    void set_full_at(SeatId seat, Stamp now) { full_at_[seat] = now; }

    bool is(SeatId seat, Flag flag) const { return (flags_[seat] & flag) != 0; }
    void set(SeatId seat, Flag flag) { flags_[seat] = static_cast<std::uint16_t>(flags_[seat] | flag); }
    void clear(SeatId seat, Flag flag) { flags_[seat] = static_cast<std::uint16_t>(flags_[seat] & ~flag); }
    /// LIVE, its socket not full, and events to hear: what a sweep looks for.
    bool wants(SeatId seat, Offset tail) const {
        return (flags_[seat] & (taken | blocked | closing)) == taken && next_[seat] < tail;
    }

    /// The extra, made if there is none. The reference holds until the next take, release or extra of another seat.
    Extra &extra_of(SeatId seat);
    Extra *find_extra(SeatId seat);
    /// Throws the extra away if nothing is left in it.
    void tidy(SeatId seat);

    /// Moves what is left of a half-sent event into the private bytes, so that the lane may drop it.
    void save_rest(SeatId seat, const Lane &lane);
    /// LIVE -> CLOSING: the rest of a half-sent event, the pong owed, then our close; after that nothing.
    void begin_close(SeatId seat, const Lane &lane, websocket::CloseCode code, std::string_view reason,
                     Instant deadline);

    /// Seats with a deadline, for the shard's timer: calls `each(seat, deadline)`; `each` may release that seat.
    template <class Each>
    void each_deadline(Each each) {
        for (auto at = extras_.begin(); at != extras_.end();) {
            const auto [seat, deadline] = std::pair(at->first, at->second.deadline);
            ++at;
            if (deadline != never) each(seat, deadline);
        }
    }

private:
    std::vector<int> socket_;
    std::vector<Offset> next_;
    std::vector<std::uint32_t> sent_;
    std::vector<std::uint16_t> flags_;
    std::vector<Manner> manner_;
    std::vector<Stamp> heard_at_;
    std::vector<Stamp> full_at_;
    std::vector<SeatId> free_;
    std::unordered_map<SeatId, Extra> extras_;
    std::size_t count_ = 0;
    std::array<Count, format_count> of_format_;
    Count events_sent_;
    Count events_missed_;
    Closed closed_;
};

}  // namespace mempool
