// SPDX-License-Identifier: MIT
/// What the HTTP side of one network thread counts. Owned by the pool's network, which reads it from any thread; that thread counts, but
/// for `admitted`, which the thread that accepts does.
#pragma once

#include "base/count.hpp"
#include "base/counters.hpp"

namespace mempool::http {

struct Counts {
    Count admitted;  // connections given to this thread, but for those that are only told to go
    Count gone;      // of these, those that ended before they became a client of the stream

    // Of the thread that accepts
    Count refused_max;
    Count refused_rate;
    Count accept_pauses;

    PerAnswer<Count> answers;

    void answered(Route route, unsigned status) noexcept {
        answers[static_cast<std::size_t>(route)][status_class_of(status)].add(1);
    }
};

}  // namespace mempool::http
