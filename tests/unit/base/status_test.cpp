// SPDX-License-Identifier: MIT
#include "base/status.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

using namespace mempool;

TEST(Status, is_ok_and_silent_by_default) {
    const Status status;
    EXPECT_TRUE(status.ok());
    EXPECT_EQ(status.code(), Code::ok);
    EXPECT_EQ(status.detail(), "");
}

TEST(Status, each_code_has_a_name_and_a_text_of_its_own) {
    std::set<std::string> names;
    std::set<std::string> texts;
    for (std::int32_t code = 0; code <= static_cast<std::int32_t>(Code::internal); ++code) {
        EXPECT_TRUE(std::string(code_name(code)).starts_with("MEMPOOL_")) << code;
        EXPECT_TRUE(names.insert(code_name(code)).second) << code_name(code);
        EXPECT_TRUE(texts.insert(code_text(code)).second) << code_text(code);
    }
}

TEST(Status, a_number_that_is_no_code_has_a_name_too) {
    EXPECT_STREQ(code_name(-1), "MEMPOOL_UNKNOWN");
    EXPECT_STREQ(code_name(static_cast<std::int32_t>(Code::internal) + 1), "MEMPOOL_UNKNOWN");
    EXPECT_STREQ(code_text(12345), "a number that is no status");
}
