// SPDX-License-Identifier: MIT
/// A submission over the WebSocket whose n-th allocation fails: it is queued whole or not at all, nobody is counted as waiting for what will
/// never be told, and who asks again with the same key gets the id that he would have got. Replaces operator new, hence an executable of
/// its own.
#include <gtest/gtest.h>

#include <new>
#include <string>

#include "unit/http/intake_world.hpp"
#include "unit/pool/failing_allocations.hpp"

using namespace mempool;
using mempool::http::test::IntakeWorld;
using mempool_test::Failing;
using mempool_test::fired;

namespace {

constexpr int allocations_max = 200;  // no message here needs more

const std::string long_text(100, 'x');  // never in a string's own bytes
const std::string message =
    R"({"type":"tx","data":")" + long_text + R"(","ref":")" + long_text.substr(40) + R"(","key":"k","wait":true})";

/// prepare(world): before. Then the message is said with each of its allocations failing in turn, alone or with all after it.
template <class Prepare>
void fail_each(Prepare prepare, int allocations_at_least) {
    for (const bool all : {false, true})
        for (int n = 0;; ++n) {
            SCOPED_TRACE("allocation " + std::to_string(n) + (all ? " and all after it" : " alone"));
            IntakeWorld world({.outcomes_capacity = 1});
            prepare(world);
            const std::uint64_t before = world.intake.last_id();
            const bool is_repetition = world.keys.kept() > 0;
            std::string answers;
            bool ended = false;
            {
                const Failing failing(n, all);
                try {
                    answers = world.says(1, message);
                } catch (const std::bad_alloc &) {
                    ended = true;
                }
            }
            const bool failed = fired;
            const std::uint64_t queued = world.intake.last_id() - before;
            EXPECT_LE(queued, is_repetition ? 0U : 1U);
            EXPECT_EQ(world.keys.kept(), is_repetition ? 1U : queued);
            if (!ended && answers.starts_with(R"({"type":"refused")")) {
                EXPECT_EQ(queued, 0U) << answers;
                EXPECT_NE(answers.find(R"("error":"full")"), std::string::npos) << answers;
            } else if (!ended) {
                EXPECT_TRUE(answers.starts_with(R"({"type":"accepted")")) << answers;
                EXPECT_EQ(queued, is_repetition ? 0U : 1U);
            }
            world.settle();
            world.expect_nothing_awaited();

            const std::string again = world.says(2, message);
            EXPECT_NE(again.find(R"("id":")" + std::to_string(is_repetition ? 1 : before + 1) + "\""),
                      std::string::npos)
                << again;
            EXPECT_EQ(world.intake.last_id(), is_repetition ? before : before + 1);
            // It is remembered for as long as ever: so many others fit beside it.
            for (int other = 1; other < 10; ++other)
                world.says(2, R"({"type":"tx","data":"a","key":")" + std::to_string(other) + "\"}");
            EXPECT_EQ(world.keys.kept(), 10U);
            EXPECT_NE(world.says(2, message).find(R"("type":"accepted")"), std::string::npos);
            EXPECT_EQ(world.intake.last_id(), (is_repetition ? before : before + 1) + 9);
            world.settle();
            world.expect_nothing_awaited();
            if (testing::Test::HasFailure() || n == allocations_max) {
                ADD_FAILURE() << "at this allocation";
                return;
            }
            if (!failed) {
                EXPECT_GT(n, allocations_at_least);
                break;
            }
        }
}

}  // namespace

TEST(SocketIntakeWithoutMemory, a_new_submission) {
    fail_each([](IntakeWorld &) {}, 10);
}

TEST(SocketIntakeWithoutMemory, a_repetition_of_what_is_pending) {
    fail_each([](IntakeWorld &world) { world.says(3, message); }, 6);
}

TEST(SocketIntakeWithoutMemory, a_repetition_of_what_is_known) {
    fail_each(
        [](IntakeWorld &world) {
            world.says(3, message);
            world.settle();
        },
        6);
}

TEST(SocketIntakeWithoutMemory, a_repetition_of_what_is_gone) {
    fail_each(
        [](IntakeWorld &world) {
            world.says(3, message);
            world.says(3, R"({"type":"tx","data":"other"})");
            world.settle();
        },
        6);
}

TEST(SocketIntakeWithoutMemory, whom_an_outcome_could_not_be_told_is_no_longer_counted) {
    for (int n = 0;; ++n) {
        SCOPED_TRACE("allocation " + std::to_string(n));
        IntakeWorld world;
        for (std::uint64_t name = 1; name <= 10; ++name) world.says(name, R"({"type":"tx","data":"pay","wait":true})");
        world.settle_all();
        {
            const Failing failing(n, false);
            try {
                world.awaited.tell_all();
            } catch (const std::bad_alloc &) {
            }
        }
        const bool failed = fired;
        world.awaited.tell_all();
        world.expect_nothing_awaited();
        if (!failed || n == allocations_max) break;
    }
}
