// SPDX-License-Identifier: MIT
/// Whose outcomes are awaited, and that none is counted longer than that. What goes over a socket is in unit/pool/socket_submit_test.cpp.
#include "http/socket_intake.hpp"

#include <gtest/gtest.h>

#include <string>

#include "unit/http/speakers.hpp"

using namespace mempool;
using mempool::http::SocketIntake;
using mempool::http::test::Speakers;

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
    Speakers speakers;
    EXPECT_EQ(speakers.says(1, with_wait), accepted(1));
    EXPECT_EQ(speakers.says(1, with_wait), accepted(2));
    EXPECT_EQ(speakers.says(2, with_wait), accepted(3));
    EXPECT_EQ(speakers.says(3, R"({"type":"tx","data":"pay"})"), accepted(4));
    EXPECT_EQ(speakers.inbox.awaiting(), 2U);
    EXPECT_EQ(speakers.awaited.waiting(), 3U);
    speakers.settle();
    speakers.expect_nothing_awaited();
}

TEST(SocketIntake, a_refusal_awaits_nothing) {
    Speakers speakers({.queue_capacity = 1});
    EXPECT_EQ(speakers.says(1, with_key), accepted(1));
    EXPECT_TRUE(is_refused(speakers.says(1, with_wait), "full"));
    EXPECT_TRUE(is_refused(speakers.says(1, R"({"type":"tx","data":"other","key":"k","wait":true})"), "key_conflict"));
    EXPECT_TRUE(is_refused(speakers.says(1, R"({"type":"tx","data":"","wait":true})"), "empty"));
    EXPECT_TRUE(is_refused(speakers.says(1, R"({"type":"tx","data":"a","key":"","wait":true})"), "bad_request"));
    speakers.expect_nothing_awaited();
    speakers.intake.close();
    EXPECT_TRUE(is_refused(speakers.says(1, with_wait), "draining"));
    speakers.expect_nothing_awaited();
}

TEST(SocketIntake, so_many_are_awaited_and_each_that_is_told_or_refused_makes_room) {
    Speakers speakers;
    const auto fill = [&] {
        for (std::size_t count = 0; count < SocketIntake::waits_max; ++count)
            EXPECT_TRUE(speakers.says(1, with_wait).starts_with(R"({"type":"accepted")"));
        EXPECT_TRUE(is_refused(speakers.says(1, with_wait), "full"));
        EXPECT_TRUE(is_refused(speakers.says(1, with_key_and_wait), "full"));
        EXPECT_EQ(speakers.keys.kept(), 0U);
    };
    fill();
    speakers.settle();
    for (std::size_t count = 0; count < SocketIntake::waits_max; ++count)
        EXPECT_TRUE(is_refused(speakers.says(1, R"({"type":"tx","data":"","wait":true})"), "empty"));
    fill();
    speakers.settle();
    speakers.expect_nothing_awaited();
}

TEST(SocketIntake, a_repetition_awaits_what_is_pending_and_is_told_what_is_known) {
    Speakers speakers({.outcomes_capacity = 1});
    EXPECT_EQ(speakers.says(1, with_key), accepted(1));
    EXPECT_EQ(speakers.says(1, with_key), accepted(1));
    speakers.expect_nothing_awaited();
    EXPECT_EQ(speakers.says(2, with_key_and_wait), accepted(1));
    EXPECT_EQ(speakers.inbox.awaiting(), 1U);
    speakers.settle();
    speakers.expect_nothing_awaited();
    EXPECT_EQ(speakers.says(1, with_key_and_wait), accepted(1) + applied(1, 1));
    speakers.expect_nothing_awaited();
    EXPECT_EQ(speakers.says(1, with_wait), accepted(2));
    speakers.settle();
    EXPECT_EQ(speakers.says(1, with_key_and_wait), accepted(1) + R"({"type":"outcome","id":"1","status":"gone"})"
                                                                 "\n");
    speakers.expect_nothing_awaited();
    EXPECT_EQ(speakers.intake.last_id(), 2U);
}

TEST(SocketIntake, where_no_more_can_be_awaited_a_repetition_is_full_and_not_left_without_its_outcome) {
    Speakers speakers({.awaited_max = 1});
    EXPECT_EQ(speakers.says(1, with_key_and_wait), accepted(1));
    EXPECT_TRUE(is_refused(speakers.says(2, with_wait), "full"));
    const std::string refused = speakers.says(2, with_key_and_wait);
    EXPECT_TRUE(is_refused(refused, "full"));
    EXPECT_TRUE(refused.ends_with("\"retry_in_ms\":50}\n")) << refused;
    EXPECT_EQ(speakers.says(2, with_key), accepted(1));
    EXPECT_EQ(speakers.inbox.awaiting(), 1U);
    speakers.settle();
    speakers.expect_nothing_awaited();
    EXPECT_EQ(speakers.says(2, with_key_and_wait), accepted(1) + applied(1, 1));
}
