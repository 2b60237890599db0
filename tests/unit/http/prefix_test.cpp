// SPDX-License-Identifier: MIT
#include "http/prefix.hpp"

#include <gtest/gtest.h>

using mempool::http::below;

TEST(Prefix, what_lies_below_it_is_a_route) {
    EXPECT_EQ(below("", "/tx"), "/tx");
    EXPECT_EQ(below("/live", "/live/tx"), "/tx");
    EXPECT_EQ(below("/live", "/live/"), "/");
    EXPECT_EQ(below("/live", "/live"), "");
    EXPECT_EQ(below("/live", "/live//tx"), "//tx");
    EXPECT_EQ(below("/a/b", "/a/b/tx"), "/tx");
}

TEST(Prefix, what_lies_elsewhere_is_none) {
    for (const char *path : {"/tx", "/", "/liv", "/lively/tx", "/LIVE/tx", "/live%2ftx", "/a/live/tx", "*", ""})
        EXPECT_EQ(below("/live", path), std::nullopt) << path;
}
