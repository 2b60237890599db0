// SPDX-License-Identifier: MIT
#include "channel/queue.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <thread>
#include <vector>

using namespace mempool;

namespace {

constexpr std::size_t much = 1 << 20;
constexpr milliseconds at_once{0};
constexpr milliseconds for_long{600'000};

Queue::Push push(Queue &queue, std::string data) {
    std::uint64_t id = 0;
    return queue.push(std::move(data), id);
}

std::vector<std::string> drain(Queue &queue, std::size_t limit, milliseconds gather = at_once) {
    std::vector<Transaction> taken;
    queue.drain(taken, limit, gather);
    std::vector<std::string> data;
    for (Transaction &transaction : taken) data.push_back(std::move(transaction.data));
    return data;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST(Queue, capacity_is_exact) {
    Queue queue(2, much);
    EXPECT_EQ(push(queue, "a"), Queue::Push::accepted);
    EXPECT_EQ(push(queue, "b"), Queue::Push::accepted);
    EXPECT_EQ(push(queue, "c"), Queue::Push::full);
    EXPECT_EQ(drain(queue, 1), Texts{"a"});
    EXPECT_EQ(push(queue, "d"), Queue::Push::accepted);
    EXPECT_EQ(drain(queue, 9), (Texts{"b", "d"}));
}

TEST(Queue, its_bytes_are_a_limit_too_and_come_back_when_drained) {
    Queue queue(100, 10);
    EXPECT_EQ(push(queue, "123456"), Queue::Push::accepted);
    EXPECT_EQ(push(queue, "12345"), Queue::Push::full_bytes);
    EXPECT_EQ(push(queue, "1234"), Queue::Push::accepted);
    EXPECT_EQ(drain(queue, 9), (Texts{"123456", "1234"}));
    EXPECT_EQ(push(queue, "1234567890"), Queue::Push::accepted);
}

TEST(Queue, ids_are_one_two_three_in_queue_order) {
    Queue queue(2, much);
    std::uint64_t id = 0;
    queue.push("a", id);
    EXPECT_EQ(id, 1U);
    queue.push("b", id);
    EXPECT_EQ(id, 2U);
    EXPECT_EQ(queue.push("refused", id), Queue::Push::full);
    EXPECT_EQ(queue.last_id(), 2U) << "a refused one takes no id";
    std::vector<Transaction> taken;
    queue.drain(taken, 9, at_once);
    EXPECT_EQ(taken.at(0).id, 1U);
    EXPECT_EQ(taken.at(1).id, 2U);
}

TEST(Queue, drain_limits_append) {
    Queue queue(8, much);
    for (const char *text : {"a", "b", "c"}) push(queue, text);
    std::vector<Transaction> taken;
    EXPECT_EQ(queue.drain(taken, 0, at_once), 0U) << "limit 0 returns at once";
    EXPECT_EQ(queue.drain(taken, 2, at_once), 2U);
    EXPECT_EQ(queue.drain(taken, 2, at_once), 1U) << "it appends";
    EXPECT_EQ(taken.size(), 3U);
}

TEST(Queue, close_then_drain_then_end) {
    Queue queue(8, much);
    push(queue, "a");
    queue.close();
    EXPECT_EQ(push(queue, "b"), Queue::Push::closed);
    EXPECT_EQ(drain(queue, 9), Texts{"a"});
    EXPECT_EQ(drain(queue, 9), Texts{});
    EXPECT_EQ(drain(queue, 9), Texts{}) << "repeatably";
}

TEST(Queue, closed_wins_over_full) {
    Queue queue(1, much);
    push(queue, "a");
    queue.close();
    EXPECT_EQ(push(queue, "b"), Queue::Push::closed);
}

TEST(Queue, a_full_batch_is_not_waited_for) {
    Queue queue(8, much);
    for (const char *text : {"a", "b", "c"}) push(queue, text);
    EXPECT_EQ(drain(queue, 2, for_long), (Texts{"a", "b"}));
}

TEST(Queue, a_full_queue_is_not_waited_for) {
    Queue queue(2, much);
    for (const char *text : {"a", "b"}) push(queue, text);
    EXPECT_EQ(drain(queue, 9, for_long), (Texts{"a", "b"}));
}

TEST(Queue, a_queue_full_by_bytes_is_not_waited_for) {
    Queue queue(100, 4);
    push(queue, "abc");
    EXPECT_EQ(push(queue, "de"), Queue::Push::full_bytes);
    EXPECT_EQ(drain(queue, 9, for_long), Texts{"abc"});
}

TEST(Queue, close_ends_the_gathering) {
    Queue queue(8, much);
    push(queue, "a");
    std::thread closer([&queue] { queue.close(); });
    EXPECT_EQ(drain(queue, 9, for_long), Texts{"a"});
    closer.join();
}

TEST(Queue, gathering_ends_some_time_after_the_first_came) {
    Queue queue(8, much);
    push(queue, "a");
    EXPECT_EQ(drain(queue, 9, milliseconds(1)), Texts{"a"});
}

TEST(Queue, the_first_wakes_the_consumer) {
    Queue queue(8, much);
    std::thread producer([&queue] { push(queue, "a"); });
    EXPECT_EQ(drain(queue, 9), Texts{"a"});
    producer.join();
}

TEST(Queue, closing_an_empty_one_wakes_the_consumer) {
    Queue queue(8, much);
    std::thread closer([&queue] { queue.close(); });
    EXPECT_EQ(drain(queue, 9), Texts{});
    closer.join();
}

TEST(Queue, producers_keep_their_order) {
    constexpr int producers = 4;
    constexpr int each = 20000;
    Queue queue(64, much);
    std::vector<std::thread> threads;
    for (int producer = 0; producer < producers; ++producer)
        threads.emplace_back([&queue, producer] {
            for (int count = 0; count < each;)
                if (push(queue, std::to_string(producer) + " " + std::to_string(count)) == Queue::Push::accepted)
                    ++count;
                else
                    std::this_thread::yield();
        });
    std::map<int, int> expected;
    std::uint64_t id = 0;
    for (int drained = 0; drained < producers * each;) {
        std::vector<Transaction> taken;
        drained += static_cast<int>(queue.drain(taken, 16, at_once));
        for (const Transaction &transaction : taken) {
            EXPECT_EQ(transaction.id, ++id);
            const std::size_t space = transaction.data.find(' ');
            const int producer = std::stoi(transaction.data.substr(0, space));
            EXPECT_EQ(std::stoi(transaction.data.substr(space + 1)), expected[producer]++);
        }
    }
    for (std::thread &thread : threads) thread.join();
    EXPECT_EQ(queue.length(), 0U);
}
