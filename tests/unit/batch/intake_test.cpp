// SPDX-License-Identifier: MIT
#include "batch/intake.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace mempool;

TEST(Intake, a_small_transaction_in_a_large_memory_does_not_take_that_into_the_queue) {
    Queue queue(10, 1000);
    Intake intake(queue, 100, 10, 1000);
    intake.open();
    std::vector<std::string> many{"one", "two", std::string(100, 'x')};
    many[0].reserve(1 << 20);
    many[2].reserve(1 << 20);
    std::uint64_t first = 0;
    ASSERT_TRUE(intake.submit_many(many, first, at_once).ok());
    std::vector<Transaction> out;
    ASSERT_EQ(queue.drain(out, 10, milliseconds(0)), 3U);
    EXPECT_EQ(out[0].data, "one");
    EXPECT_EQ(out[2].data, std::string(100, 'x'));
    for (const Transaction &each : out) EXPECT_LE(each.data.capacity(), each.data.size() + 64);
}
