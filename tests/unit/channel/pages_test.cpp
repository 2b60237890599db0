// SPDX-License-Identifier: MIT
/// The queue's transactions as they lie in its pages: of every size, claimed or not, drained at once or in pieces, or not at all.
#include "channel/pages.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "channel/queue.hpp"

using namespace mempool;

namespace {

constexpr milliseconds at_once{0};
constexpr std::size_t much = std::size_t{1} << 30;

/// Sizes at which something changes: a word's end, the last that is copied, the first that is not.
const std::vector<std::size_t> edges{1, 7, 8, 9, 32, 255, copied_max_bytes, copied_max_bytes + 1, 5'000, 70'000};

std::string text_of(std::uint64_t number, std::size_t size) {
    std::string text = std::to_string(number);
    text.resize(size, static_cast<char>('a' + number % 26));
    return text;
}

}  // namespace

TEST(Pages, what_was_pushed_comes_out_byte_by_byte_in_order_over_many_pages) {
    Queue queue(10'000, much);
    const auto completions = std::make_shared<Completions>(10'000);
    std::vector<std::string> expected;
    for (std::uint64_t number = 0; number < 1'000; ++number) {
        expected.push_back(text_of(number, edges[number % edges.size()]));
        std::uint64_t id = 0;
        const Claim claim = number % 3 == 0 ? Claim{completions, number} : Claim{};
        ASSERT_EQ(queue.push(expected.back(), id, claim), Queue::Push::accepted);
        ASSERT_EQ(id, number + 1);
    }
    for (std::uint64_t number = 0; number < expected.size();) {
        std::vector<Transaction> taken;
        queue.drain(taken, 1 + number % 77, at_once);
        for (const Transaction &each : taken) {
            ASSERT_EQ(each.id, number + 1);
            ASSERT_EQ(each.data, expected[number]);
            ASSERT_EQ(each.claim.completions, number % 3 == 0 ? completions : nullptr);
            ASSERT_EQ(each.claim.user_data, number % 3 == 0 ? number : 0);
            ++number;
        }
    }
    EXPECT_EQ(queue.length(), 0U);
    EXPECT_EQ(queue.bytes(), 0U);
    EXPECT_EQ(completions.use_count(), 1) << "no claim is left behind";
}

TEST(Pages, many_at_once_are_the_same_as_one_by_one) {
    Queue queue(10'000, much);
    std::vector<std::string> pushed;
    for (std::uint64_t number = 0; number < 500; ++number)
        pushed.push_back(text_of(number, edges[number % edges.size()]));
    const std::vector<std::string> expected = pushed;
    std::uint64_t first = 0;
    ASSERT_EQ(queue.push(pushed, first), Queue::Push::accepted);
    std::vector<std::string_view> views;
    for (const std::string &each : expected)
        if (each.size() <= copied_max_bytes) views.emplace_back(each);
    ASSERT_EQ(queue.push(views, first), Queue::Push::accepted);
    EXPECT_EQ(first, 501U);
    std::vector<Transaction> taken;
    ASSERT_EQ(queue.drain(taken, 10'000, at_once), 500 + views.size());
    for (std::size_t at = 0; at < taken.size(); ++at)
        ASSERT_EQ(taken[at].data, at < 500 ? std::string_view(expected[at]) : views[at - 500]) << at;
}

TEST(Pages, a_long_transaction_is_moved_in_and_its_memory_goes_with_the_next_drain) {
    Queue queue(10, much);
    std::vector<std::string> one{std::string(100'000, 'x')};
    const char *const lies_at = one[0].data();
    std::uint64_t id = 0;
    ASSERT_EQ(queue.push(one, id), Queue::Push::accepted);
    ASSERT_EQ(queue.push("short", id), Queue::Push::accepted);
    std::vector<Transaction> taken;
    queue.drain(taken, 1, at_once);
    EXPECT_EQ(taken.at(0).data.data(), lies_at) << "not copied";
    queue.drain(taken, 1, at_once);
    EXPECT_EQ(taken.at(1).data, "short");
    // That the first one's memory is gone by now, and is not freed twice, is seen by the sanitizers.
}

TEST(Pages, what_nobody_drained_ends_with_the_queue) {
    const auto completions = std::make_shared<Completions>(10'000);
    for (const std::size_t drained : {0, 1, 250, 999}) {
        Queue queue(10'000, much);
        for (std::uint64_t number = 0; number < 1'000; ++number) {
            std::uint64_t id = 0;
            const std::string data = text_of(number, edges[number % edges.size()]);
            ASSERT_EQ(queue.push(data, id, {completions, number}), Queue::Push::accepted);
        }
        std::vector<Transaction> taken;
        ASSERT_EQ(queue.drain(taken, drained, at_once), drained);
    }
    EXPECT_EQ(completions.use_count(), 1);
}
