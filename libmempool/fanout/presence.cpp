// SPDX-License-Identifier: MIT
#include "fanout/presence.hpp"

namespace mempool {

void Presence::schedule(Instant now) {
    const milliseconds every = limits_.look_every();
    if (every.count() > 0 && due_ == never && !looking_) due_ = now + every;
}

void Presence::begin() {
    due_ = never;
    at_ = 0;
    looking_ = true;
}

void Presence::rest() {
    due_ = never;
    looking_ = false;
}

std::optional<Presence::Found> Presence::next(const Seats &seats, Stamp now) {
    for (const auto rows = static_cast<SeatId>(seats.rows()); at_ < rows;) {
        const SeatId seat = at_++;
        if (!seats.is(seat, Seats::taken) || seats.is(seat, Seats::closing)) continue;
        const Liveness::Verdict found = verdict(seats, seat, now);
        if (found != Liveness::Verdict::alive) return Found{seat, found};
    }
    looking_ = false;
    return std::nullopt;
}

Liveness::Verdict Presence::verdict(const Seats &seats, SeatId seat, Stamp now) const {
    return limits_.of(seats.is(seat, Seats::blocked), seats.is(seat, Seats::pinged),
                      milliseconds(now - seats.heard_at(seat)), milliseconds(now - seats.full_at(seat)));
}

}  // namespace mempool
