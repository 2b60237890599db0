// SPDX-License-Identifier: MIT
/// Whose outcomes are awaited, and that none is counted longer than that. What goes over a socket is in unit/pool/socket_submit_test.cpp.
#include "http/socket_intake.hpp"

#include <gtest/gtest.h>

#include <string>

#include "unit/http/intake_world.hpp"

using namespace mempool;
using mempool::http::SocketIntake;
using mempool::http::test::IntakeWorld;

namespace {

const std::string with_key = R"({"type":"tx","data":"pay","key":"k"})";
const std::string with_key_and_wait = R"({"type":"tx","data":"pay","key":"k","wait":true})";
const std::string with_wait = R"({"type":"tx","data":"pay","wait":true})";

std::string accepted(int id) {
    return R"({"type":"accepted","id":")" + std::to_string(id) + "\"}\n";
}
std::string applied(int id, int batch) {
    return R"({"type":"outcome","id":")" + std::to_string(id) + R"(","status":"applied","batch":")" +
           std::to_string(batch) + "\"}\n";
}
testing::AssertionResult is_refused(const std::string &answer, std::string_view error) {
    if (answer.starts_with(R"({"type":"refused","error":")" + std::string(error) + '"'))
        return testing::AssertionSuccess();
    return testing::AssertionFailure() << answer;
}

}  // namespace

TEST(SocketIntake, who_waits_is_counted_until_its_last_outcome) {
    IntakeWorld world;
    EXPECT_EQ(world.says(1, with_wait), accepted(1));
    EXPECT_EQ(world.says(1, with_wait), accepted(2));
    EXPECT_EQ(world.says(2, with_wait), accepted(3));
    EXPECT_EQ(world.says(3, R"({"type":"tx","data":"pay"})"), accepted(4));
    EXPECT_EQ(world.inbox.awaiting(), 2U);
    EXPECT_EQ(world.awaited.waiting(), 3U);
    world.settle();
    world.expect_nothing_awaited();
}

TEST(SocketIntake, a_refusal_awaits_nothing) {
    IntakeWorld world({.queue_capacity = 1});
    EXPECT_EQ(world.says(1, with_key), accepted(1));
    EXPECT_TRUE(is_refused(world.says(1, with_wait), "full"));
    EXPECT_TRUE(is_refused(world.says(1, R"({"type":"tx","data":"other","key":"k","wait":true})"), "key_conflict"));
    EXPECT_TRUE(is_refused(world.says(1, R"({"type":"tx","data":"","wait":true})"), "empty"));
    EXPECT_TRUE(is_refused(world.says(1, R"({"type":"tx","data":"a","key":"","wait":true})"), "bad_request"));
    world.expect_nothing_awaited();
    world.intake.close();
    EXPECT_TRUE(is_refused(world.says(1, with_wait), "draining"));
    world.expect_nothing_awaited();
}

TEST(SocketIntake, so_many_are_awaited_and_each_that_is_told_or_refused_makes_room) {
    IntakeWorld world;
    const auto fill = [&] {
        for (std::size_t count = 0; count < SocketIntake::waits_max; ++count)
            EXPECT_TRUE(world.says(1, with_wait).starts_with(R"({"type":"accepted")"));
        EXPECT_TRUE(is_refused(world.says(1, with_wait), "full"));
        EXPECT_TRUE(is_refused(world.says(1, with_key_and_wait), "full"));
        EXPECT_EQ(world.keys.kept(), 0U);
    };
    fill();
    world.settle();
    for (std::size_t count = 0; count < SocketIntake::waits_max; ++count)
        EXPECT_TRUE(is_refused(world.says(1, R"({"type":"tx","data":"","wait":true})"), "empty"));
    fill();
    world.settle();
    world.expect_nothing_awaited();
}

TEST(SocketIntake, a_repetition_awaits_what_is_pending_and_is_told_what_is_known) {
    IntakeWorld world({.outcomes_capacity = 1});
    EXPECT_EQ(world.says(1, with_key), accepted(1));
    EXPECT_EQ(world.says(1, with_key), accepted(1));
    world.expect_nothing_awaited();
    EXPECT_EQ(world.says(2, with_key_and_wait), accepted(1));
    EXPECT_EQ(world.inbox.awaiting(), 1U);
    world.settle();
    world.expect_nothing_awaited();
    EXPECT_EQ(world.says(1, with_key_and_wait), accepted(1) + applied(1, 1));
    world.expect_nothing_awaited();
    EXPECT_EQ(world.says(1, with_wait), accepted(2));
    world.settle();
    EXPECT_EQ(world.says(1, with_key_and_wait), accepted(1) + R"({"type":"outcome","id":"1","status":"gone"})"
                                                              "\n");
    world.expect_nothing_awaited();
    EXPECT_EQ(world.intake.last_id(), 2U);
}

TEST(SocketIntake, who_leaves_awaits_nothing_any_more_and_takes_no_place) {
    IntakeWorld world;
    EXPECT_EQ(world.says(1, with_key_and_wait), accepted(1));
    for (std::uint64_t name = 2; name < 1000; ++name) {  // of the one that is pending
        EXPECT_EQ(world.says(name, with_key_and_wait), accepted(1));
        world.leaves(name);
    }
    EXPECT_EQ(world.says(2000, with_wait), accepted(2));
    EXPECT_EQ(world.inbox.awaiting(), 2U);
    EXPECT_EQ(world.awaited.waiting(), 2U);
    EXPECT_EQ(world.outcomes.watched(), 0U);
    world.leaves(2000);
    world.leaves(1);
    world.leaves(1);
    world.expect_nothing_awaited();
    world.settle();
    EXPECT_EQ(world.says(3, with_key_and_wait), accepted(1) + applied(1, 1));
}

TEST(SocketIntake, a_repetition_that_nobody_will_settle_any_more_is_refused_and_not_left_without_its_outcome) {
    IntakeWorld world;
    EXPECT_EQ(world.says(1, with_key), accepted(1));
    world.outcomes.close();
    EXPECT_TRUE(is_refused(world.says(1, with_key_and_wait), "draining"));
    EXPECT_EQ(world.says(1, with_key), accepted(1));
    world.expect_nothing_awaited();
}
