// SPDX-License-Identifier: MIT
/// Sends one seat what it lacks: the rest of a half-sent event, then private frames, then all events up to the tail, in one gathered,
/// non-blocking write (more only where that took all and there is still more). No lock, no copy of an event, no timer.
/// Shard thread only. `Sink` is the kernel's or a test's: no virtual call on this way.
#pragma once

#include <array>
#include <cassert>
#include <string>

#include "channel/event.hpp"
#include "fanout/lane.hpp"
#include "fanout/seats.hpp"
#include "fanout/sink.hpp"
#include "websocket/frame_writer.hpp"

namespace mempool {

enum class Flushed {
    done,  // it has all, or its socket is full (Seats::blocked)
    gone,  // the socket is dead: release the seat
};

/// Where the seat is behind the ring: tells it how much it missed, and puts it at the oldest event retained (channels.md A13).
/// Gives the number missed.
inline std::uint64_t skip_lost(Seats &seats, SeatId seat, const Lane &lane) {
    if (seats.place(seat).next >= lane.head()) return 0;
    seats.save_rest(seat, lane);
    const Offset next = seats.place(seat).next;
    if (next >= lane.head()) return 0;
    const std::uint64_t missed = lane.head() - next;
    websocket::append_frame(seats.extra_of(seat).out, websocket::Opcode::text, lagged_text(missed));
    seats.set_place(seat, {lane.head(), 0});
    return missed;
}

template <class Sink>
Flushed flush(Seats &seats, SeatId seat, const Lane &lane, const Sink &sink) {
    for (;;) {
        const bool live = !seats.is(seat, Seats::closing);
        if (live) skip_lost(seats, seat, lane);

        LanePlace place = seats.place(seat);
        Seats::Extra *extra = seats.find_extra(seat);
        if (extra != nullptr && extra->ping && live) {
            websocket::append_frame(extra->out, websocket::Opcode::pong, *extra->ping);
            extra->ping.reset();
        }

        std::array<iovec, 16> from;
        std::size_t count = 0;
        std::size_t offered = 0;
        std::size_t rest = 0;
        std::size_t own = 0;
        if (extra != nullptr && extra->out_sent < extra->out.size()) {
            if (place.sent > 0) {
                const std::string_view bytes = lane.rest(place);
                from[count++] = {const_cast<char *>(bytes.data()), bytes.size()};
                rest = bytes.size();
            }
            own = extra->out.size() - extra->out_sent;
            from[count++] = {extra->out.data() + extra->out_sent, own};
        }
        const LanePlace then = rest > 0 ? LanePlace{place.next + 1, 0} : place;
        if (live && then.next < lane.tail()) count += lane.gather(then, std::span(from).subspan(count));
        if (count == 0) return Flushed::done;
        for (std::size_t index = 0; index < count; ++index) offered += from[index].iov_len;

        const Written written = sink.write(seats.socket(seat), {from.data(), count});
        if (written.gone) return Flushed::gone;
        assert(written.bytes <= offered);

        std::size_t left = written.bytes;
        if (rest > 0) {
            if (left < rest) {
                place.sent += static_cast<std::uint32_t>(left);
                left = 0;
            } else {
                place = then;
                left -= rest;
            }
        }
        if (own > 0) {
            const std::size_t taken = left < own ? left : own;
            extra->out_sent += taken;
            left -= taken;
            if (extra->out_sent == extra->out.size()) {
                extra->out = {};  // gives the memory back too
                extra->out_sent = 0;
            }
        }
        if (left > 0) place = lane.advance(place, left);
        seats.set_place(seat, place);
        seats.tidy(seat);

        if (written.bytes < offered) {
            seats.set(seat, Seats::blocked);
            return Flushed::done;
        }
        if (!live || place.next >= lane.tail()) return Flushed::done;
    }
}

}  // namespace mempool
