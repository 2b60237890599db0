// SPDX-License-Identifier: MIT
/// When the seats are looked at, and what is found: who is owed a ping, who seems to be gone (liveness.hpp says by which limits). Owned by
/// an audience, which acts on it; shard thread only.
///
///   RESTING ---schedule()---> DUE ---begin()---> LOOKING ---next() has nothing more---> RESTING
///   RESTING  nobody listens, or every limit is off
///   LOOKING  seats before at_ have been looked at, and the rest will be, a part a turn
#pragma once

#include <optional>

#include "base/clock.hpp"
#include "fanout/liveness.hpp"
#include "fanout/seats.hpp"

namespace mempool {

class Presence {
public:
    explicit Presence(const Liveness &limits) : limits_(limits) {}

    bool looking() const { return looking_; }
    Instant due() const { return due_; }
    /// There are seats to be looked at from now on, or again.
    void schedule(Instant now);
    /// It is due.
    void begin();
    /// Nobody is left.
    void rest();

    struct Found {
        SeatId seat;
        Liveness::Verdict verdict;  // not alive
    };
    /// The next seat that is not simply alive; nothing once all were looked at.
    std::optional<Found> next(const Seats &seats, Stamp now);
    Liveness::Verdict verdict(const Seats &seats, SeatId seat, Stamp now) const;

private:
    const Liveness limits_;
    Instant due_ = never;
    SeatId at_ = 0;
    bool looking_ = false;
};

}  // namespace mempool
