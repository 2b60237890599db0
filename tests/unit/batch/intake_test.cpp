// SPDX-License-Identifier: MIT
#include "batch/intake.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace mempool;

TEST(Intake, a_transaction_in_a_much_larger_memory_does_not_take_that_into_the_queue) {
    Queue queue(10, 10'000);
    Intake intake(queue, 1'000, 10, 10'000);
    intake.open();
    std::vector<std::string> many{"one", std::string(1'000, 'x'), std::string(1'000, 'y')};
    many[0].reserve(1 << 20);
    many[1].reserve(1 << 20);
    const std::vector<const char *> lay_at{many[0].data(), many[1].data(), many[2].data()};
    std::uint64_t first = 0;
    ASSERT_TRUE(intake.submit_many(many, first, at_once).ok());
    std::vector<Transaction> out;
    ASSERT_EQ(queue.drain(out, 10, milliseconds(0)), 3U);
    EXPECT_EQ(out[0].data, "one");
    EXPECT_NE(out[0].data.data(), lay_at[0]);
    EXPECT_EQ(out[1].data, std::string(1'000, 'x'));
    EXPECT_NE(out[1].data.data(), lay_at[1]) << "a copy of the right size";
    EXPECT_EQ(out[2].data.data(), lay_at[2]) << "one that fits is moved";
}
