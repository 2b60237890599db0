// SPDX-License-Identifier: MIT
/// What the HTTP side counts. Owned by the pool, which reads it from any thread; the network thread counts.
#pragma once

#include "base/count.hpp"
#include "base/counters.hpp"

namespace mempool::http {

struct Counts {
    Count sessions;  // of now: HTTP connections, but for those that are only told to go
    Count accepted;
    Count refused_max;
    Count refused_rate;
    Count accept_pauses;
    PerAnswer<Count> answers;

    void answered(Route route, unsigned status) noexcept {
        answers[static_cast<std::size_t>(route)][status_class_of(status)].add(1);
    }
};

}  // namespace mempool::http
