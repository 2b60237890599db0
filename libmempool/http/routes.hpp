// SPDX-License-Identifier: MIT
/// What each path answers (docs/spec/wire.md, Routes). Pure but for the pool behind it; network thread.
#pragma once

#include <atomic>
#include <string>
#include <variant>

#include "batch/intake.hpp"
#include "batch/outcomes.hpp"
#include "fanout/audience.hpp"
#include "http/reply.hpp"
#include "http/request.hpp"
#include "http/who_may_ask.hpp"

namespace mempool::http {

/// What the routes need of the pool. Outlives every session.
struct Services {
    Intake &intake;
    const Outcomes &outcomes;
    const std::atomic<bool> &draining;  // set by the pool before the queue closes; read relaxed, it only chooses words
    bool dashboard;
    WhoMayAsk who_may_ask;
};

/// The request's connection becomes a client of the stream.
struct Upgrade {
    std::string answer;  // the 101, to be written first
    Joining joining;
};

/// The request is one that may be asked: the gate and who_may_ask let it pass.
std::variant<Reply, Upgrade> answer(Request &request, const Services &services);

}  // namespace mempool::http
