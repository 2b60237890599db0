// SPDX-License-Identifier: MIT
/// The client table: a seat is a client of the stream, as a row in columns of one length. Owned by a shard; shard thread only.
///
/// A seat's life; every arrow is the shard's:
///   FREE ---take()---> LIVE ---begin_close()---> CLOSING ---both closes are out---> FREE
///                        |                          '----the peer broke the protocol---> LINGERING ---its end, the deadline---> FREE
///                        '---the peer is gone---> FREE
///   LIVE       hears events: next is the offset that it hears next
///   CLOSING    our close frame is queued behind what was begun; no event goes out any more; a deadline is set
///   LINGERING  our close is out and we are shut down for writing: what still comes is read and dropped, so that the peer can read why
///
/// Invariants: sent > 0 only while the event at `next` lies in the lane; then nothing of `out` has been sent. What a client costs when it
/// is idle is its row: the rest is in `extras_`, and only while there is some.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "channel/offset.hpp"
#include "fanout/lane.hpp"
#include "websocket/close_code.hpp"
#include "websocket/frame_reader.hpp"

namespace mempool {

using SeatId = std::uint32_t;

class Seats {
public:
    enum Flag : std::uint8_t {
        taken = 1,        // the row is a client
        blocked = 2,      // the socket is full; writability will be told
        closing = 4,      // CLOSING or LINGERING
        peer_closed = 8,  // the peer's close frame has come
        lingering = 16,   // LINGERING
        extra = 32,       // extras_ has something of this seat
        failed = 64,      // the peer broke the protocol: what it still sends is read and dropped
    };

    /// What a seat has only for a while.
    struct Extra {
        std::string out;                               // private bytes, whole frames: they go out between two events
        std::size_t out_sent = 0;                      // of them
        std::optional<std::string> ping;               // payload of the newest ping not yet answered (RFC 6455 5.5.3)
        std::optional<websocket::FrameReader> reader;  // while an inbound message is partial
        Instant deadline = never;
    };

    /// A seat for `socket` (owned from now on), which hears `next` first.
    SeatId take(int socket, Offset next);
    /// Forgets the seat and gives back its socket, for the caller to close.
    int release(SeatId seat);

    std::size_t rows() const { return socket_.size(); }
    std::size_t count() const { return count_; }

    int socket(SeatId seat) const { return socket_[seat]; }
    LanePlace place(SeatId seat) const { return {next_[seat], sent_[seat]}; }
    void set_place(SeatId seat, LanePlace place) {
        next_[seat] = place.next;
        sent_[seat] = place.sent;
    }
    bool is(SeatId seat, Flag flag) const { return (flags_[seat] & flag) != 0; }
    void set(SeatId seat, Flag flag) { flags_[seat] = static_cast<std::uint8_t>(flags_[seat] | flag); }
    void clear(SeatId seat, Flag flag) { flags_[seat] = static_cast<std::uint8_t>(flags_[seat] & ~flag); }
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
    /// LIVE -> CLOSING: the rest of a half-sent event, the pong owed, then our close frame; after that nothing.
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
    std::vector<std::uint8_t> flags_;
    std::vector<SeatId> free_;
    std::unordered_map<SeatId, Extra> extras_;
    std::size_t count_ = 0;
};

}  // namespace mempool
