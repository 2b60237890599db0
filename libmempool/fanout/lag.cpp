// SPDX-License-Identifier: MIT
#include "fanout/lag.hpp"

#include "fanout/render.hpp"

namespace mempool {

bool settle_lag(Seats &seats, SeatId seat, const Lane &lane, std::string_view epoch) {
    const Manner manner = seats.manner(seat);
    Offset to = lane.head();
    if (manner.slow == Slow::latest && lane.tail() > to) to = lane.tail() - 1;
    if (seats.place(seat).next >= to) return false;
    seats.save_rest(seat, lane);
    const Offset next = seats.place(seat).next;
    if (next >= to) return false;
    if (manner.slow == Slow::close) return true;
    append_lagged(seats.extra_of(seat).out, manner.format, epoch, to - next, to);
    seats.skip(seat, to);
    return false;
}

}  // namespace mempool
