// SPDX-License-Identifier: MIT
/// Which close codes a peer may send: RFC 6455 7.4 and bad-inputs row 29.
#include "websocket/close_code.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace mempool::websocket {
namespace {

TEST(CloseCode, valid_are_1000_to_1003_and_1007_to_1013_and_3000_to_4999) {
    std::vector<std::pair<unsigned, unsigned>> ranges;  // first, last
    for (unsigned code = 0; code <= 65535; ++code) {
        if (!close_code_valid(static_cast<std::uint16_t>(code))) continue;
        if (ranges.empty() || ranges.back().second + 1 != code) ranges.emplace_back(code, code);
        ranges.back().second = code;
    }
    const std::vector<std::pair<unsigned, unsigned>> expected = {{1000, 1003}, {1007, 1013}, {3000, 4999}};
    EXPECT_EQ(ranges, expected);
}

TEST(CloseCode, what_we_send_may_be_sent_and_none_may_not) {
    for (const CloseCode code : {CloseCode::normal, CloseCode::going_away, CloseCode::protocol, CloseCode::bad_text,
                                 CloseCode::policy, CloseCode::too_big, CloseCode::internal, CloseCode::overloaded}) {
        EXPECT_TRUE(close_code_valid(static_cast<std::uint16_t>(code))) << static_cast<unsigned>(code);
    }
    EXPECT_FALSE(close_code_valid(static_cast<std::uint16_t>(CloseCode::none)));
}

}  // namespace
}  // namespace mempool::websocket
