// SPDX-License-Identifier: MIT
#include "fanout/lag.hpp"

#include "fanout/render.hpp"

namespace mempool {
namespace {

/// The oldest event that it may stand at.
Offset floor_of(Slow slow, const Lane &lane) {
    return slow == Slow::latest && lane.tail() > lane.head() ? lane.tail() - 1 : lane.head();
}

}  // namespace

void tell_lag(Seats &seats, SeatId seat, std::string_view epoch, Offset to) {
    const std::uint64_t missed = to - seats.place(seat).next;
    append_lagged(seats.extra_of(seat).out, seats.manner(seat).format, epoch, missed, to);
    seats.skip(seat, to);
}

bool lags(const Seats &seats, SeatId seat, const Lane &lane) {
    return seats.place(seat).next < floor_of(seats.manner(seat).slow, lane);
}

bool settle_lag(Seats &seats, SeatId seat, const Lane &lane, std::string_view epoch) {
    const Manner manner = seats.manner(seat);
    const Offset to = floor_of(manner.slow, lane);
    if (seats.place(seat).next >= to) return false;
    seats.save_rest(seat, lane);
    const Offset next = seats.place(seat).next;
    if (next >= to) return false;
    if (manner.slow == Slow::close) return true;
    tell_lag(seats, seat, epoch, to);
    return false;
}

}  // namespace mempool
