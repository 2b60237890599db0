// SPDX-License-Identifier: MIT
/// A SocketIntake with all that it submits to, and nobody on a socket: what is said to it is handed to it, what is settled is settled by
/// hand, all on one thread. Whom it tells an outcome is nobody's here; that it has let go of each is what is looked at.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "fanout/shard.hpp"
#include "http/routes.hpp"
#include "http/socket_intake.hpp"

namespace mempool::http::test {

class IntakeWorld {
public:
    struct Limits {
        std::size_t queue_capacity = 100;
        std::size_t outcomes_capacity = 100;
    };
    IntakeWorld() : IntakeWorld(Limits()) {}
    explicit IntakeWorld(const Limits &limits)
        : queue(limits.queue_capacity, 1 << 20),
          intake(queue, 1000, limits.queue_capacity, 1 << 20),
          outcomes(limits.outcomes_capacity) {
        intake.open();
    }

    /// What the client of that name is answered, without the frames' heads. Throws what the inbox throws: the client's end.
    std::string says(std::uint64_t name, std::string_view text) {
        std::string answers;
        EXPECT_TRUE(inbox.message({0, name}, {Format::json, false, text}, answers));
        return payloads(answers);
    }
    void leaves(std::uint64_t name) { inbox.left({0, name}); }
    /// All that is queued is applied, and whoever waits is told.
    void settle() {
        settle_all();
        awaited.tell_all();
    }
    /// The same as far as the batch thread does it.
    void settle_all() {
        std::vector<Transaction> out;
        if (queue.length() == 0) return;
        ASSERT_GT(queue.drain(out, 1000, milliseconds(0)), 0U);
        outcomes.settle(out.front().id, out.back().id, ++batch_, {});
        for (const Transaction &each : out)
            if (each.claim.completions) {
                Completion told{Completion::Kind::applied, each.id, batch_, each.claim.user_data};
                each.claim.completions->deliver({&told, 1});
            }
    }
    /// Nobody waits, as far as anybody counts it.
    void expect_nothing_awaited() const {
        EXPECT_EQ(inbox.awaiting(), 0U);
        EXPECT_EQ(awaited.waiting(), 0U);
    }

    Queue queue;
    Intake intake;
    Idempotency keys{10};
    Outcomes outcomes;

private:
    static std::string payloads(std::string_view frames) {
        std::string all;
        while (!frames.empty()) {
            const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(frames[at]); };
            std::size_t head = 2;
            std::size_t size = byte(1);
            if (size == 126) {
                head = 4;
                size = static_cast<std::size_t>(byte(2)) << 8 | byte(3);
            }
            all.append(frames.substr(head, size)).append("\n");
            frames.remove_prefix(head + size);
        }
        return all;
    }

    std::atomic<bool> draining_{false};
    WakeFd bell_;
    Log log_{LogLevel::off, bell_};
    Ring ring_{10, 1 << 20, "e0"};
    Shard shard_{"mempool", ring_, {{milliseconds(1000), {}, 1 << 16, 1 << 20}, 0}, log_};
    std::uint64_t batch_ = 0;
    const Services services_{intake,
                             keys,
                             outcomes,
                             draining_,
                             false,
                             false,
                             "mempool",
                             {},
                             WhoMayAsk("", "", ""),
                             SlowRule("lag", "lag,latest,close"),
                             ""};

public:
    Awaited awaited{shard_.context(), outcomes};
    SocketIntake inbox{services_, awaited, shard_};
};

}  // namespace mempool::http::test
