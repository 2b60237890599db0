// SPDX-License-Identifier: MIT
/// What each path answers (docs/spec/wire.md, Routes). Pure but for the pool behind it; network thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "base/counters.hpp"
#include "batch/idempotency.hpp"
#include "batch/intake.hpp"
#include "batch/outcomes.hpp"
#include "channel/completions.hpp"
#include "http/awaited.hpp"
#include "http/reply.hpp"
#include "http/request.hpp"
#include "http/streams.hpp"
#include "http/who_may_ask.hpp"

namespace mempool::http {

/// What the routes need of the pool. Outlives every session.
struct Services {
    Intake &intake;
    Idempotency &idempotency;
    Outcomes &outcomes;
    const std::atomic<bool> &draining;  // set by the pool before the queue closes; read relaxed, it only chooses words
    bool dashboard;
    bool metrics;
    std::string_view topic;  // static
    std::function<Observation()> observe;
    WhoMayAsk who_may_ask;
    SlowRule slow_rule;
    std::string prefix;    // before every route; empty, or `/...` without a slash at its end
    bool deflate = false;  // the option: WebSocket clients may be sent compressed frames, and send them
};

/// The outcome of the transaction, when it comes within that time, is the answer; else this.
struct Wait {
    std::uint64_t id;
    std::chrono::seconds most;
    std::uint64_t ticket;  // of the claim that will be told
    Reply late;
};

/// The request is one that may be asked: the gate and who_may_ask let it pass. awaited: where an outcome can be waited for.
std::variant<Reply, Upgrade, Wait> answer(Request &request, const Services &services, Awaited &awaited);

}  // namespace mempool::http
