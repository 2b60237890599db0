// SPDX-License-Identifier: MIT
#include "http/query.hpp"

#include <gtest/gtest.h>

using namespace mempool;
using namespace mempool::http;

namespace {

StreamQuery good(std::string_view target) {
    const auto parsed = parse_stream_query(target);
    const auto *query = std::get_if<StreamQuery>(&parsed);
    EXPECT_NE(query, nullptr) << target;
    return query == nullptr ? StreamQuery{} : *query;
}

std::string bad(std::string_view target) {
    const auto parsed = parse_stream_query(target);
    const auto *said = std::get_if<BadQuery>(&parsed);
    return said == nullptr ? "it was accepted" : said->detail;
}

}  // namespace

TEST(Query, nothing_asked_is_nothing_given) {
    for (const char *target :
         {"/ws/mempool", "/ws/mempool?", "/ws/mempool?&&", "/ws/mempool?x=1&y", "/?formats=json"}) {
        const StreamQuery query = good(target);
        EXPECT_FALSE(query.format || query.slow || query.since) << target;
    }
}

TEST(Query, each_name_with_each_of_its_values) {
    EXPECT_EQ(good("/?format=json").format, Format::json);
    EXPECT_EQ(good("/?a=b&format=text").format, Format::text);
    EXPECT_EQ(good("/?slow=lag").slow, Slow::lag);
    EXPECT_EQ(good("/?slow=latest&").slow, Slow::latest);
    EXPECT_EQ(good("/?slow=close").slow, Slow::close);
    const StreamQuery all = good("/ws/mempool?since=k3v9:41&slow=close&format=json");
    ASSERT_TRUE(all.since);
    EXPECT_EQ(all.since->epoch, "k3v9");
    EXPECT_EQ(all.since->heard, Offset{41});
}

TEST(Query, values_may_be_percent_encoded) {
    EXPECT_EQ(good("/?since=k3v9%3A41").since->heard, Offset{41});
    EXPECT_EQ(good("/?format=%6a%73%6F%6e").format, Format::json);
}

TEST(Query, zero_asks_for_all_that_is_retained) {
    const StreamQuery query = good("/?since=0");
    ASSERT_TRUE(query.since);
    EXPECT_EQ(query.since->epoch, "");
}

TEST(Query, what_is_wrong_is_said_with_what_is_allowed) {
    EXPECT_EQ(bad("/?format=xml"), "`format` is `xml`; allowed: text, json");
    EXPECT_EQ(bad("/?format"), "`format` is ``; allowed: text, json");
    EXPECT_EQ(bad("/?slow=drop"), "`slow` is `drop`; allowed: lag, latest, close");
    EXPECT_EQ(bad("/?format=json&format=json"), "`format` is there twice; give it once");
    EXPECT_EQ(bad("/?since=%3"), "`since` has a % without two hexadecimal digits behind it");
    EXPECT_EQ(bad("/?since=%zz"), "`since` has a % without two hexadecimal digits behind it");
    EXPECT_EQ(bad("/?since=" + std::string(1000, 'x')),
              "`since` is `" + std::string(64, 'x') + "...`; allowed: EPOCH:OFFSET, as an event has it, or 0");
}

TEST(Query, a_position_is_an_epoch_and_a_decimal_offset) {
    EXPECT_EQ(parse_position("a:18446744073709551615")->heard, Offset{18446744073709551615ULL});
    EXPECT_EQ(parse_position(std::string(80, 'a') + ":1")->epoch.size(), 80U);
    for (const char *text : {"", ":", "a", "a:", ":1", "a:-1", "a:+1", "a: 1", "a:1 ", "a:0x1", "A:1", "a.b:1", "a:1:2",
                             "a:18446744073709551616", "00", "1"})
        EXPECT_FALSE(parse_position(text)) << text;
    EXPECT_FALSE(parse_position(std::string(81, 'a') + ":1"));
}

TEST(Query, a_wait_is_of_the_query_else_of_the_prefer_header) {
    using std::chrono::seconds;
    const auto wait = [](std::string_view target, std::string_view prefer) {
        const auto parsed = parse_wait(target, prefer);
        const auto *given = std::get_if<seconds>(&parsed);
        return given == nullptr ? seconds(-1) : *given;
    };
    EXPECT_EQ(wait("/tx", ""), seconds(0));
    EXPECT_EQ(wait("/tx?wait=0", ""), seconds(0));
    EXPECT_EQ(wait("/tx?a=b&wait=60", ""), seconds(60));
    EXPECT_EQ(wait("/tx", "wait=10"), seconds(10));
    EXPECT_EQ(wait("/tx", "respond-async; x=1, Wait=7"), seconds(7));
    EXPECT_EQ(wait("/tx", "wait=3600"), seconds(60));
    EXPECT_EQ(wait("/tx?wait=5", "wait=10"), seconds(5));
    for (const char *prefer : {"wait", "wait=", "wait=x", "wait=-1", ",,;", "await=5"})
        EXPECT_EQ(wait("/tx", prefer), seconds(0)) << prefer;
    for (const char *target :
         {"/tx?wait", "/tx?wait=61", "/tx?wait=-1", "/tx?wait=1.5", "/tx?wait=1&wait=1", "/tx?wait=%"})
        EXPECT_EQ(wait(target, "wait=10"), seconds(-1)) << target;
}
