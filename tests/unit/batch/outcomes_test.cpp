// SPDX-License-Identifier: MIT
#include "batch/outcomes.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace mempool;

namespace {

/// "applied in 1", "rejected in 1: why", "pending", "gone", "unknown"
std::string say(const Outcome &outcome) {
    switch (outcome.kind) {
        case Outcome::Kind::applied:
            return "applied in " + std::to_string(outcome.batch);
        case Outcome::Kind::rejected:
            return "rejected in " + std::to_string(outcome.batch) + ": " + outcome.reason;
        case Outcome::Kind::pending:
            return "pending";
        case Outcome::Kind::gone:
            return "gone";
        case Outcome::Kind::unknown:
            break;
    }
    return "unknown";
}

}  // namespace

TEST(Outcomes, what_was_never_given_is_unknown_and_what_is_not_settled_is_pending) {
    Outcomes outcomes(10);
    EXPECT_EQ(say(outcomes.look(0, 3)), "unknown");
    EXPECT_EQ(say(outcomes.look(4, 3)), "unknown");
    EXPECT_EQ(say(outcomes.look(3, 3)), "pending");
}

TEST(Outcomes, a_range_settles_each_of_its_ids) {
    Outcomes outcomes(10);
    outcomes.settle(1, 3, 1, {{2, "why"}});
    outcomes.settle(4, 4, 2, {});
    EXPECT_EQ(say(outcomes.look(1, 5)), "applied in 1");
    EXPECT_EQ(say(outcomes.look(2, 5)), "rejected in 1: why");
    EXPECT_EQ(say(outcomes.look(3, 5)), "applied in 1");
    EXPECT_EQ(say(outcomes.look(4, 5)), "applied in 2");
    EXPECT_EQ(say(outcomes.look(5, 5)), "pending");
}

TEST(Outcomes, exactly_the_last_capacity_are_kept) {
    Outcomes outcomes(3);
    outcomes.settle(1, 2, 1, {});
    outcomes.settle(3, 5, 2, {});
    EXPECT_EQ(say(outcomes.look(2, 5)), "gone");
    EXPECT_EQ(say(outcomes.look(3, 5)), "applied in 2");
    outcomes.settle(6, 6, 3, {});
    EXPECT_EQ(say(outcomes.look(3, 6)), "gone") << "though its batch is kept for the others";
    EXPECT_EQ(say(outcomes.look(4, 6)), "applied in 2");
}

TEST(Outcomes, a_batch_larger_than_the_capacity_is_kept_in_part) {
    Outcomes outcomes(2);
    outcomes.settle(1, 5, 1, {{1, "a"}, {5, "b"}});
    EXPECT_EQ(say(outcomes.look(1, 5)), "gone");
    EXPECT_EQ(say(outcomes.look(3, 5)), "gone");
    EXPECT_EQ(say(outcomes.look(4, 5)), "applied in 1");
    EXPECT_EQ(say(outcomes.look(5, 5)), "rejected in 1: b");
}

TEST(Outcomes, a_wait_ends_when_it_is_settled) {
    Outcomes outcomes(10);
    std::thread settler([&outcomes] { outcomes.settle(1, 1, 1, {}); });
    EXPECT_EQ(say(outcomes.wait(1, 1, never)), "applied in 1");
    settler.join();
}

TEST(Outcomes, a_wait_ends_at_its_deadline_or_when_nothing_will_be_settled_any_more) {
    Outcomes outcomes(10);
    EXPECT_EQ(say(outcomes.wait(1, 1, Clock::now() + milliseconds(1))), "pending");
    std::thread closer([&outcomes] { outcomes.close(); });
    EXPECT_EQ(say(outcomes.wait(1, 1, never)), "pending");
    closer.join();
    EXPECT_TRUE(outcomes.closed());
}

TEST(Outcomes, nobody_waits_for_an_id_that_was_never_given) {
    Outcomes outcomes(10);
    EXPECT_EQ(say(outcomes.wait(7, 3, never)), "unknown");
}

TEST(Outcomes, who_watches_is_told_each_in_one_list_and_once) {
    Outcomes outcomes(10);
    const auto one = std::make_shared<Completions>(10);
    const auto other = std::make_shared<Completions>(10);
    EXPECT_TRUE(outcomes.watch(2, 9, {one, 20}).will_be_told);
    EXPECT_TRUE(outcomes.watch(1, 9, {one, 10}).will_be_told);
    EXPECT_TRUE(outcomes.watch(2, 9, {other, 21}).will_be_told);
    EXPECT_TRUE(outcomes.watch(3, 9, {other, 30}).will_be_told);
    outcomes.settle(1, 2, 7, {{2, "why"}});
    std::vector<Completion> told;
    ASSERT_EQ(one->next(told, 10, Instant::min()), 2U);
    EXPECT_EQ(told[0].user_data, 10U);
    EXPECT_EQ(told[0].kind, Completion::Kind::applied);
    EXPECT_EQ(told[1].user_data, 20U);
    EXPECT_EQ(told[1].kind, Completion::Kind::rejected);
    EXPECT_EQ(told[1].reason, "why");
    EXPECT_EQ(told[1].batch, 7U);
    told.clear();
    ASSERT_EQ(other->next(told, 10, Instant::min()), 1U);
    EXPECT_EQ(told[0].user_data, 21U);
    outcomes.settle(3, 9, 8, {});
    told.clear();
    ASSERT_EQ(other->next(told, 10, Instant::min()), 1U);
    EXPECT_EQ(told[0].id, 3U);
    EXPECT_EQ(one->next(told, 10, Instant::min()), 0U);
}

TEST(Outcomes, who_watches_no_longer_is_not_told_and_its_place_is_free) {
    Outcomes outcomes(10);
    const auto queue = std::make_shared<Completions>(2);
    EXPECT_TRUE(outcomes.watch(1, 9, {queue, 10}).will_be_told);
    EXPECT_TRUE(outcomes.watch(1, 9, {queue, 11}).will_be_told);
    outcomes.unwatch(1, {queue, 10});
    outcomes.unwatch(1, {queue, 10});  // is nothing
    EXPECT_TRUE(queue->reserve(1));
    EXPECT_FALSE(queue->reserve(1));
    queue->give_back(1);
    outcomes.settle(1, 1, 1, {});
    outcomes.unwatch(1, {queue, 11});  // too late: it has been told
    std::vector<Completion> told;
    ASSERT_EQ(queue->next(told, 10, Instant::min()), 1U);
    EXPECT_EQ(told[0].user_data, 11U);
    EXPECT_TRUE(queue->reserve(2));
}

TEST(Outcomes, only_what_is_pending_and_has_a_place_is_watched) {
    Outcomes outcomes(10);
    const auto queue = std::make_shared<Completions>(1);
    outcomes.settle(1, 1, 1, {});
    const Outcomes::Watched settled = outcomes.watch(1, 3, {queue, 0});
    EXPECT_EQ(say(settled.now), "applied in 1");
    EXPECT_FALSE(settled.will_be_told);
    EXPECT_FALSE(outcomes.watch(4, 3, {queue, 0}).will_be_told);
    EXPECT_TRUE(outcomes.watch(2, 3, {queue, 0}).will_be_told);
    EXPECT_FALSE(outcomes.watch(3, 3, {queue, 0}).will_be_told);  // no place
    outcomes.close();
    EXPECT_FALSE(outcomes.watch(2, 3, {queue, 0}).will_be_told);
    EXPECT_TRUE(queue->reserve(1));  // all places were given back
}
