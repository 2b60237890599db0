// SPDX-License-Identifier: MIT
/// Sends one seat what it lacks: the rest of a half-sent event, then private frames, then the events of a lane up to its tail, in one
/// gathered, non-blocking write (more only where that took all and there is still more). No lock, no copy of an event, no timer.
/// Shard thread only.
#pragma once

#include <cstddef>
#include <optional>

#include "fanout/kernel.hpp"
#include "fanout/lane.hpp"
#include "fanout/seats.hpp"

namespace mempool {

/// Gives the bytes that went out. Then the seat has all that this lane has for it, or its socket is full (Seats::blocked), or it is gone:
/// release the seat. Where its next event is older than the lane, no event is sent: another lane must have it.
Written flush(Seats &seats, SeatId seat, const Lane &lane, Kernel &kernel);

/// Where all that flush() would send is one piece of the lane: that piece, for Kernel::write_many(). Else, or where there is nothing, flush() it.
std::optional<iovec> only_piece(const Seats &seats, SeatId seat, const Lane &lane);
/// Of the only piece, so many bytes went out, and the lane is what it was.
void took(Seats &seats, SeatId seat, const Lane &lane, std::size_t offered, std::size_t bytes);

}  // namespace mempool
