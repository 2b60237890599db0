// SPDX-License-Identifier: MIT
#include "fanout/flush.hpp"

#include <array>
#include <cassert>

#include "websocket/frame_writer.hpp"

namespace mempool {

Written flush(Seats &seats, SeatId seat, const Lane &lane, Kernel &kernel) {
    for (Written all;;) {
        const bool live = !seats.is(seat, Seats::closing);
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
        if (live && then.next >= lane.first() && then.next < lane.tail())
            count += lane.gather(then, std::span(from).subspan(count));
        if (count == 0) return all;
        for (std::size_t index = 0; index < count; ++index) offered += from[index].iov_len;

        const Written written = kernel.write(seats.socket(seat), {from.data(), count});
        if (written.gone) return {all.bytes, true, written.timed_out};
        assert(written.bytes <= offered);
        all.bytes += written.bytes;

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
                std::string().swap(extra->out);  // an assignment would keep its memory
                extra->out_sent = 0;
                extra->answers = false;
            }
        }
        if (left > 0) place = lane.advance(place, left);
        seats.advance(seat, place);
        seats.tidy(seat);

        if (written.bytes < offered) {
            seats.set(seat, Seats::blocked);
            return all;
        }
        if (!live || place.next >= lane.tail() || place.next < lane.first()) return all;
    }
}

std::optional<iovec> only_piece(const Seats &seats, SeatId seat, const Lane &lane) {
    const LanePlace place = seats.place(seat);
    if (seats.is(seat, Seats::extra) || place.next < lane.first() || place.next >= lane.tail()) return {};
    std::array<iovec, 2> from;
    if (lane.gather(place, from) > 1) return {};
    return from.front();
}

void took(Seats &seats, SeatId seat, const Lane &lane, std::size_t offered, std::size_t bytes) {
    seats.advance(seat, lane.advance(seats.place(seat), bytes));
    if (bytes < offered) seats.set(seat, Seats::blocked);
}

}  // namespace mempool
