// SPDX-License-Identifier: MIT
/// Sends one seat what it lacks: the rest of a half-sent event, then private frames, then the events of a lane up to its tail, in one
/// gathered, non-blocking write (more only where that took all and there is still more). No lock, no copy of an event, no timer.
/// Shard thread only.
#pragma once

#include "fanout/kernel.hpp"
#include "fanout/lane.hpp"
#include "fanout/seats.hpp"

namespace mempool {

/// Gives the bytes that went out. Then the seat has all that this lane has for it, or its socket is full (Seats::blocked), or it is gone:
/// release the seat. A seat behind the ring is told how much it missed and goes on at the oldest event retained (channels.md A13). Where that event is
/// older than the lane, none is sent: another lane must have it.
Written flush(Seats &seats, SeatId seat, const Lane &lane, Kernel &kernel);

}  // namespace mempool
