// SPDX-License-Identifier: MIT
/// What a pool gives to its HTTP side, at its plainest: one small queue that nobody drains, no page, no metrics, limits that no test here
/// meets. Nothing in it runs; the test has the thread, and lets it end before this goes.
#pragma once

#include <atomic>

#include "base/log.hpp"
#include "base/wake_fd.hpp"
#include "channel/ring.hpp"
#include "http/routes.hpp"
#include "http/session.hpp"

namespace mempool::http::test {

struct PlainHost {
    Queue queue{10, 1000};
    Intake intake{queue, 100, 10, 1000};
    Idempotency keys{1};
    Outcomes outcomes{10};
    WakeFd bell;
    Log log{LogLevel::off, bell};
    Ring ring{10, 1000, "e0"};
    std::atomic<bool> draining{false};
    const Services services{
        intake, keys, outcomes, draining, false, false, "mempool", {}, WhoMayAsk("", "", ""), SlowRule("lag", "lag"),
        ""};
    const Session::Limits limits{
        milliseconds(5000), milliseconds(5000), milliseconds(5000), milliseconds(1000), 1000, 1000, 1000};
};

}  // namespace mempool::http::test
