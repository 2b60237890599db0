// SPDX-License-Identifier: MIT
/// What a client of the stream asks for when it comes, and what it is told before anything else. Values and a pure function; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "channel/ring.hpp"
#include "fanout/manner.hpp"

namespace mempool {

/// "I have heard everything up to and including this" (docs/spec/wire.md). Without an epoch: nothing yet, and all that is retained is
/// asked for.
struct Position {
    std::string epoch;
    Offset heard;
};

struct Joining {
    Manner manner = {};
    std::optional<Position> since = {};  // else from now on
};

/// Appends what the client that asked so is told first, given where the ring let it begin.
void append_greeting(std::string &out, std::string_view topic, const Joining &joining, const Subscribed &subscribed);

}  // namespace mempool
