// SPDX-License-Identifier: MIT
/// What happens to a seat that has fallen behind (channels.md A13, and `slow` in docs/spec/wire.md). Shard thread only.
#pragma once

#include <string_view>

#include "fanout/lane.hpp"
#include "fanout/seats.hpp"

namespace mempool {

/// Whether a seat has fallen behind what it is to hear: then settle_lag() has something to do.
bool lags(const Seats &seats, SeatId seat, const Lane &lane);

/// Tells a seat that is behind the ring how much it missed, and puts it at the oldest event retained; with `latest`, one that has more
/// than the newest event to hear is put there. A half-sent event is finished first, and was not missed.
/// True where it is to be closed instead, as it asked to be: then it stands where it fell behind.
bool settle_lag(Seats &seats, SeatId seat, const Lane &lane, std::string_view epoch);

/// Tells a seat that it missed what lies before `to`, and puts it there. Not in the middle of an event.
void tell_lag(Seats &seats, SeatId seat, std::string_view epoch, Offset to);

}  // namespace mempool
