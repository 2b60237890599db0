// SPDX-License-Identifier: MIT
#include "http/budget.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using namespace mempool::http;

TEST(Budget, shares_are_taken_up_to_the_last_byte_and_given_back) {
    const auto budget = std::make_shared<Budget>(100);
    Budget::Share first = budget->take(60);
    EXPECT_TRUE(first);
    EXPECT_FALSE(budget->take(41));
    Budget::Share second = budget->take(40);
    EXPECT_TRUE(second);
    EXPECT_TRUE(budget->take(0));
    EXPECT_FALSE(budget->take(1));
    EXPECT_FALSE(budget->take(static_cast<std::size_t>(-1)));
    first = Budget::Share();
    EXPECT_EQ(budget->held(), 40u);
    EXPECT_TRUE(budget->take(60));
}

TEST(Budget, a_share_that_is_moved_is_counted_once) {
    const auto budget = std::make_shared<Budget>(100);
    {
        Budget::Share first = budget->take(60);
        Budget::Share second = std::move(first);
        EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): that is the question
        EXPECT_EQ(budget->held(), 60u);
        Budget::Share third;
        third = std::move(second);
        EXPECT_EQ(budget->held(), 60u);
    }
    EXPECT_EQ(budget->held(), 0u);
}

TEST(Budget, a_share_that_grows_beyond_it_leaves_nothing_for_others_until_it_shrinks) {
    const auto budget = std::make_shared<Budget>(100);
    Budget::Share large = budget->take(10);
    large.resize(1000);
    EXPECT_FALSE(budget->take(0));
    large.resize(99);
    EXPECT_TRUE(budget->take(1));
    EXPECT_FALSE(budget->take(2));
}

TEST(Budget, a_share_grows_with_what_has_come_as_long_as_there_is_room) {
    const auto budget = std::make_shared<Budget>(100);
    Budget::Share first = budget->take(0);
    Budget::Share second = budget->take(0);
    EXPECT_TRUE(first.grow(60));
    EXPECT_TRUE(second.grow(40));
    EXPECT_FALSE(second.grow(41));
    EXPECT_FALSE(first.grow(static_cast<std::size_t>(-1)));
    EXPECT_EQ(budget->held(), 100u);
    EXPECT_TRUE(first.grow(10));  // has more
    EXPECT_EQ(budget->held(), 100u);
    first.resize(1000);  // an answer
    EXPECT_FALSE(second.grow(41));
    first.resize(0);
    EXPECT_TRUE(second.grow(100));
    EXPECT_TRUE(Budget::Share().grow(1000));
}

TEST(Budget, a_share_may_outlive_who_made_the_budget) {
    auto budget = std::make_shared<Budget>(100);
    Budget::Share share = budget->take(1);
    budget.reset();
    share.resize(2);
    EXPECT_TRUE(share);
}

TEST(Budget, several_threads_together_never_hold_more_and_nothing_is_lost) {
    const auto budget = std::make_shared<Budget>(100);
    std::atomic<std::size_t> most{0};
    std::atomic<int> taken{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 3; ++thread)
        threads.emplace_back([&] {
            for (int round = 0; round < 20'000; ++round) {
                Budget::Share share = budget->take(30);
                if (share && share.grow(60)) ++taken;
                std::size_t before = most;
                const std::size_t held = budget->held();
                while (held > before && !most.compare_exchange_weak(before, held)) {
                }
                share.resize(10);
            }
        });
    for (std::thread &thread : threads) thread.join();
    EXPECT_GT(taken, 0);
    EXPECT_LE(most, 100U);
    EXPECT_EQ(budget->held(), 0U);
}
