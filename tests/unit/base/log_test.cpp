// SPDX-License-Identifier: MIT
#include "base/log.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace mempool {
namespace {

/// A log whose reader is the test.
struct Heard {
    explicit Heard(LogLevel level = LogLevel::info) : log(level, bell) {
        Log::Sink sink = [this](const Log::Entry &entry) { lines.emplace_back(entry.text); };
        log.swap_sink(sink);
    }

    WakeFd bell;
    Log log;
    std::vector<std::string> lines;
};

TEST(Log, what_is_said_is_heard_in_order_and_rings_the_reader) {
    Heard heard;
    EXPECT_FALSE(heard.bell.take());
    heard.log.write(LogLevel::error, "%s %d", "one", 1);
    heard.log.write(LogLevel::info, "two");
    EXPECT_TRUE(heard.bell.take());
    EXPECT_FALSE(heard.log.deliver(8));
    EXPECT_EQ(heard.lines, (std::vector<std::string>{"one 1", "two"}));
}

TEST(Log, the_level_decides_and_can_be_changed) {
    Heard heard(LogLevel::warn);
    heard.log.write(LogLevel::info, "not yet");
    heard.log.set_level(LogLevel::debug);
    heard.log.write(LogLevel::debug, "now");
    heard.log.set_level(LogLevel::off);
    heard.log.write(LogLevel::error, "never");
    heard.log.deliver(8);
    EXPECT_EQ(heard.lines, std::vector<std::string>{"now"});
}

TEST(Log, without_a_sink_nothing_is_written_and_nothing_is_lost) {
    WakeFd bell;
    Log log(LogLevel::debug, bell);
    for (std::size_t count = 0; count < 2 * log_entries; ++count) log.write(LogLevel::error, "x");
    EXPECT_FALSE(bell.take());
    EXPECT_EQ(log.lost(), 0U);
    EXPECT_FALSE(log.deliver(8));
}

TEST(Log, what_finds_no_room_is_lost_counted_and_told_after_what_was_kept) {
    Heard heard;
    for (std::size_t count = 0; count < log_entries + 3; ++count) heard.log.write(LogLevel::info, "%zu", count);
    EXPECT_EQ(heard.log.lost(), 3U);
    while (heard.log.deliver(64)) {
    }
    ASSERT_EQ(heard.lines.size(), log_entries + 1);
    EXPECT_EQ(heard.lines.front(), "0");
    EXPECT_EQ(heard.lines[log_entries - 1], std::to_string(log_entries - 1));
    EXPECT_TRUE(heard.lines.back().starts_with("3 log messages were lost")) << heard.lines.back();
    heard.log.write(LogLevel::info, "after");
    heard.log.deliver(8);
    EXPECT_EQ(heard.lines.back(), "after");
    EXPECT_EQ(heard.log.lost(), 3U);
}

TEST(Log, a_long_text_is_cut) {
    Heard heard;
    heard.log.write(LogLevel::info, "%s", std::string(1000, 'x').c_str());
    heard.log.deliver(8);
    EXPECT_EQ(heard.lines, std::vector<std::string>{std::string(log_text_bytes - 1, 'x')});
}

TEST(Log, at_most_so_many_are_handed_on_at_once) {
    Heard heard;
    for (int count = 0; count < 3; ++count) heard.log.write(LogLevel::info, "x");
    EXPECT_TRUE(heard.log.deliver(2));
    EXPECT_EQ(heard.lines.size(), 2U);
    EXPECT_FALSE(heard.log.deliver(2));
}

TEST(Log, what_a_sink_throws_ends_there) {
    Heard heard;
    Log::Sink sink = [](const Log::Entry &) { throw std::runtime_error("no"); };
    heard.log.swap_sink(sink);
    heard.log.write(LogLevel::info, "x");
    EXPECT_FALSE(heard.log.deliver(8));
}

TEST(Log, a_sink_may_write) {
    WakeFd bell;
    Log log(LogLevel::info, bell);
    std::vector<std::string> lines;
    Log::Sink sink = [&](const Log::Entry &entry) {
        lines.emplace_back(entry.text);
        if (lines.size() == 1) log.write(LogLevel::info, "again");
    };
    log.swap_sink(sink);
    log.write(LogLevel::info, "once");
    log.deliver(8);
    EXPECT_EQ(lines, (std::vector<std::string>{"once", "again"}));
}

TEST(Log, many_threads_lose_nothing_that_is_not_counted) {
    Heard heard;
    std::vector<std::thread> writers;
    constexpr std::size_t each = 1000;
    for (int writer = 0; writer < 4; ++writer)
        writers.emplace_back([&] {
            for (std::size_t count = 0; count < each; ++count) heard.log.write(LogLevel::info, "x");
        });
    for (std::thread &writer : writers) writer.join();
    while (heard.log.deliver(64)) {
    }
    const auto kept = static_cast<std::size_t>(std::ranges::count(heard.lines, "x"));
    EXPECT_EQ(kept + heard.log.lost(), 4 * each);
}

TEST(Log, a_word_of_the_option_is_a_level) {
    EXPECT_EQ(log_level_of("off"), LogLevel::off);
    EXPECT_EQ(log_level_of("debug"), LogLevel::debug);
    EXPECT_EQ(log_level_of("DEBUG"), std::nullopt);
    EXPECT_EQ(log_level_of(""), std::nullopt);
}

TEST(Seldom, says_the_first_at_once_and_then_every_ten_seconds_how_many_there_were) {
    Seldom seldom;
    Instant now{};
    EXPECT_EQ(seldom.happened(now), 1U);
    EXPECT_EQ(seldom.happened(now), 0U);
    now += milliseconds(9'999);
    EXPECT_EQ(seldom.happened(now, 5), 0U);
    now += milliseconds(1);
    EXPECT_EQ(seldom.happened(now), 7U);
    EXPECT_EQ(seldom.happened(now), 0U);
}

}  // namespace
}  // namespace mempool
