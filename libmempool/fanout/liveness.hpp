// SPDX-License-Identifier: MIT
/// Whether a client that is silent is still there. Pure decisions over what the client table knows of a seat; the audience looks at its
/// rows from time to time and does what they say. A value; any thread.
///
/// Life is a byte received, or a byte that a full socket took. A client that gives no sign of it for ping_interval gets a ping; one that
/// gives none for pong_timeout after its ping was written whole is gone. A full socket is not pinged, as the ping would wait behind
/// all else: it may take nothing for stall_timeout, and what the client sends meanwhile does not count. 0 is off.
/// A client of Server-Sent Events has no way to answer: it gets a comment after each silence of ours, and TCP says whether it is gone.
#pragma once

#include <algorithm>

#include "base/clock.hpp"

namespace mempool {

struct Liveness {
    enum class Verdict {
        alive,
        quiet,    // owed a ping
        silent,   // no pong came
        stalled,  // its socket takes nothing
    };

    milliseconds ping_interval{0};
    milliseconds pong_timeout{0};
    milliseconds stall_timeout{0};

    /// full: the socket's, for `full_for`. pinged: and no sign of life since. unheard_for: since that ping, or the last sign of life.
    Verdict of(bool full, bool pinged, milliseconds unheard_for, milliseconds full_for) const {
        if (full) return stall_timeout.count() > 0 && full_for >= stall_timeout ? Verdict::stalled : Verdict::alive;
        if (pinged && pong_timeout.count() > 0) return unheard_for >= pong_timeout ? Verdict::silent : Verdict::alive;
        return ping_interval.count() > 0 && unheard_for >= ping_interval ? Verdict::quiet : Verdict::alive;
    }

    /// The same for clients of Server-Sent Events; `unheard_for` is then since we last sent something.
    Liveness of_sse() const { return {comment_interval, milliseconds(0), stall_timeout}; }
    /// Short enough for the proxies in between, as the HTML standard recommends.
    static constexpr milliseconds comment_interval{15'000};

    /// How often to look: an eighth of the shortest limit that is on, so that none is passed by more; 0: there is nothing to look for.
    milliseconds look_every() const {
        milliseconds shortest{0};
        for (const milliseconds limit : {ping_interval, pong_timeout, stall_timeout})
            if (limit.count() > 0 && (shortest.count() == 0 || limit < shortest)) shortest = limit;
        return shortest.count() == 0 ? shortest : std::max(shortest / 8, milliseconds(1));
    }
};

}  // namespace mempool
