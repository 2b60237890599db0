// SPDX-License-Identifier: MIT
#include "channel/queue.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace mempool;

namespace {

constexpr std::size_t much = 1 << 20;
constexpr milliseconds at_once{0};
constexpr milliseconds for_long{600'000};

Queue::Push push(Queue &queue, std::string_view data) {
    std::uint64_t id = 0;
    return queue.push(data, id);
}

std::vector<std::string> drain(Queue &queue, std::size_t limit, milliseconds gather = at_once) {
    std::vector<Transaction> taken;
    queue.drain(taken, limit, gather);
    std::vector<std::string> data;
    for (const Transaction &transaction : taken) data.emplace_back(transaction.data);
    return data;
}

using Texts = std::vector<std::string>;

struct Told final : RoomListener {
    void room() noexcept override { ++times; }
    std::atomic<int> times = 0;
};

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

// ---- waiting for room ----

namespace {

/// A producer that waits in line, on a thread of its own.
class Waiting {
public:
    Waiting(Queue &queue, Texts data, Instant deadline = never)
        : data_(std::move(data)),
          thread_([this, &queue, deadline] { result_ = queue.push_until(data_, first_, deadline); }) {}
    Queue::Push result() {
        if (thread_.joinable()) thread_.join();
        return result_;
    }
    std::uint64_t first() const { return first_; }

private:
    Texts data_;
    std::uint64_t first_ = 0;
    Queue::Push result_ = Queue::Push::timeout;
    std::thread thread_;
};

/// Until somebody stands in line: then a push that would fit is refused. The queue must have room for one.
void until_in_line(Queue &queue) {
    for (;;) {
        std::vector<std::string> none;
        std::uint64_t first = 0;
        if (queue.push(none, first) == Queue::Push::full) return;
        std::this_thread::yield();
    }
}

}  // namespace

TEST(Queue, full_submit_waits_fifo) {
    Queue queue(1, much);
    push(queue, "a");
    Waiting first(queue, {"b"});
    until_in_line(queue);
    EXPECT_EQ(drain(queue, 1), Texts{"a"}) << "the freed slot goes to the one that waits";
    EXPECT_EQ(first.result(), Queue::Push::accepted);
    EXPECT_EQ(first.first(), 2U);
    EXPECT_EQ(drain(queue, 1), Texts{"b"});
}

TEST(Queue, full_vs_closed_no_barging) {
    Queue queue(3, much);
    for (const char *text : {"a", "b", "c"}) push(queue, text);
    Waiting wants_two(queue, {"d", "e"});
    until_in_line(queue);
    EXPECT_EQ(drain(queue, 1), Texts{"a"});
    EXPECT_EQ(push(queue, "x"), Queue::Push::full) << "there is a slot, but it is not for who came later";
    EXPECT_EQ(drain(queue, 1), Texts{"b"});
    EXPECT_EQ(wants_two.result(), Queue::Push::accepted);
    EXPECT_EQ(drain(queue, 9), (Texts{"c", "d", "e"}));
    for (const char *text : {"a", "b", "c"}) push(queue, text);
    Waiting too_late(queue, {"f"});
    until_in_line(queue);
    queue.close();
    EXPECT_EQ(too_late.result(), Queue::Push::closed);
    EXPECT_EQ(push(queue, "x"), Queue::Push::closed) << "closed wins over full";
}

TEST(Queue, cancelled_waiter_passes_slot) {
    Queue queue(2, much);
    for (const char *text : {"a", "b"}) push(queue, text);
    Waiting gives_up(queue, {"c", "d"}, Clock::now() + milliseconds(1000));
    until_in_line(queue);
    Waiting second(queue, {"e"});
    EXPECT_EQ(drain(queue, 1), Texts{"a"}) << "one slot, which is too little for the first in line";
    EXPECT_EQ(gives_up.result(), Queue::Push::timeout);
    EXPECT_EQ(second.result(), Queue::Push::accepted) << "it passes its place on";
    EXPECT_EQ(drain(queue, 9), (Texts{"b", "e"}));
}

TEST(Queue, who_gives_up_tells_of_the_room_that_it_leaves) {
    Queue queue(2, much);
    push(queue, "a");
    Waiting gives_up(queue, {"b", "c"}, Clock::now() + milliseconds(1000));
    until_in_line(queue);
    const auto told = std::make_shared<Told>();
    for (int times = 0; times < 2; ++times) queue.when_room(told);
    EXPECT_EQ(told->times, 0) << "there is a place, but not for who came later";
    EXPECT_EQ(gives_up.result(), Queue::Push::timeout);
    EXPECT_EQ(told->times, 1);
    queue.close();
    EXPECT_EQ(told->times, 1);
}

TEST(Queue, batch_reservation_all_or_nothing) {
    Queue queue(3, much);
    push(queue, "a");
    Texts three{"x", "y", "z"};
    std::uint64_t first = 0;
    EXPECT_EQ(queue.push(three, first), Queue::Push::full);
    EXPECT_EQ(three, (Texts{"x", "y", "z"})) << "nothing was taken";
    Texts two{"b", "c"};
    EXPECT_EQ(queue.push(two, first), Queue::Push::accepted);
    EXPECT_EQ(first, 2U);
    EXPECT_EQ(drain(queue, 9), (Texts{"a", "b", "c"}));
    Texts four{"1", "2", "3", "4"};
    EXPECT_EQ(queue.push_until(four, first, never), Queue::Push::never_fits)
        << "more than the capacity fails without waiting";
}

TEST(Queue, last_slot_wakes_closer) {
    Queue queue(1, much);
    push(queue, "a");
    std::thread consumer([&queue] {
        EXPECT_EQ(drain(queue, 1), Texts{"a"});
        while (!drain(queue, 1).empty()) {
        }
    });
    Waiting waiting(queue, {"b"});
    EXPECT_EQ(waiting.result(), Queue::Push::accepted);
    queue.close();
    consumer.join();
    EXPECT_EQ(queue.length(), 0U);
}

TEST(Queue, length_exact_at_block_edges_and_close) {
    Queue queue(1000, much);
    for (std::size_t count = 1; count <= 600; ++count) {
        push(queue, "x");
        ASSERT_EQ(queue.length(), count);
    }
    for (std::size_t left = 600; left-- > 0;) {
        ASSERT_EQ(drain(queue, 1).size(), 1U);
        ASSERT_EQ(queue.length(), left);
    }
    push(queue, "x");
    queue.close();
    EXPECT_EQ(queue.length(), 1U);
}

TEST(Queue, timeout_outcomes) {
    Queue queue(1, much);
    Texts data{"a"};
    std::uint64_t id = 0;
    EXPECT_EQ(queue.push_until(data, id, Clock::now()), Queue::Push::accepted)
        << "no time is enough where there is room";
    data = {"b"};
    EXPECT_EQ(queue.push_until(data, id, Clock::now()), Queue::Push::timeout);
    EXPECT_EQ(queue.push_until(data, id, Clock::now() + milliseconds(1)), Queue::Push::timeout);
    EXPECT_EQ(data, Texts{"b"}) << "nothing was taken";
    queue.close();
    EXPECT_EQ(queue.push_until(data, id, Clock::now()), Queue::Push::closed);
}

TEST(Queue, burst_memory_returns) {
    Queue queue(1 << 16, 1 << 30);
    for (int count = 0; count < 1 << 16; ++count) push(queue, std::string(100, 'x'));
    EXPECT_EQ(queue.bytes(), std::size_t{100} << 16);
    while (queue.length() > 0) drain(queue, 1 << 16);
    EXPECT_EQ(queue.bytes(), 0U);
}

TEST(Queue, who_waits_is_not_waited_for) {
    Queue queue(2, much);
    for (const char *text : {"a", "b"}) push(queue, text);
    Waiting waiting(queue, {"c"});
    until_in_line(queue);
    EXPECT_EQ(drain(queue, 1, for_long), Texts{"a"});
    EXPECT_EQ(waiting.result(), Queue::Push::accepted);
}

TEST(Queue, hurry_ends_the_gathering_of_what_was_accepted_before) {
    Queue queue(8, much);
    push(queue, "a");
    EXPECT_EQ(queue.hurry(), 1U);
    EXPECT_EQ(drain(queue, 9, for_long), Texts{"a"});
    std::thread hurrying([&queue] {
        push(queue, "b");
        queue.hurry();
    });
    EXPECT_EQ(drain(queue, 9, for_long), Texts{"b"});
    hurrying.join();
}

TEST(Queue, a_close_that_was_asked_for_refuses_at_once_and_loses_nothing) {
    Queue queue(8, much);
    push(queue, "a");
    queue.request_close();
    EXPECT_EQ(push(queue, "b"), Queue::Push::closed);
    Texts late{"c"};
    std::uint64_t id = 0;
    EXPECT_EQ(queue.push_until(late, id, never), Queue::Push::closed);
    EXPECT_EQ(drain(queue, 9, for_long), Texts{"a"}) << "it is not gathered any longer";
    EXPECT_EQ(drain(queue, 9, for_long), Texts{});
}

TEST(Queue, a_close_that_was_asked_for_wakes_the_consumer) {
    Queue empty(8, much);
    std::thread asking([&empty] { empty.request_close(); });
    EXPECT_EQ(drain(empty, 9, for_long), Texts{});
    asking.join();
    Queue gathering(8, much);
    push(gathering, "a");
    asking = std::thread([&gathering] { gathering.request_close(); });
    EXPECT_EQ(drain(gathering, 9, for_long), Texts{"a"});
    asking.join();
}

TEST(Queue, a_close_that_was_asked_for_is_told_to_who_stands_in_line_at_the_next_drain) {
    Queue queue(2, much);
    for (const char *text : {"a", "b"}) push(queue, text);
    Waiting waiting(queue, {"c", "d"});
    until_in_line(queue);
    queue.request_close();
    EXPECT_EQ(drain(queue, 1), Texts{"a"});
    EXPECT_EQ(waiting.result(), Queue::Push::closed);
    EXPECT_EQ(drain(queue, 9), Texts{"b"});
    EXPECT_EQ(drain(queue, 9), Texts{});
}

TEST(Queue, after_awaiting_a_drain_finds_what_it_wants) {
    Queue queue(8, much);
    std::thread producer([&queue] {
        for (const char *text : {"a", "b"}) push(queue, text);
    });
    EXPECT_TRUE(queue.await(2, for_long));
    EXPECT_EQ(queue.length(), 2U);
    EXPECT_EQ(drain(queue, 2, for_long), (Texts{"a", "b"}));
    producer.join();
    queue.close();
    EXPECT_FALSE(queue.await(2, for_long));
    EXPECT_EQ(drain(queue, 2, for_long), Texts{});
}

TEST(Queue, waiting_producers_lose_nothing_and_keep_their_order) {
    constexpr int producers = 8;
    constexpr int each = 5'000;
    Queue queue(64, much);
    std::vector<std::thread> threads;
    for (int producer = 0; producer < producers; ++producer)
        threads.emplace_back([&queue, producer] {
            for (int count = 0; count < each; ++count) {
                Texts data{std::to_string(producer) + " " + std::to_string(count)};
                std::uint64_t id = 0;
                EXPECT_EQ(queue.push_until(data, id, never), Queue::Push::accepted);
            }
        });
    std::map<int, int> expected;
    for (int drained = 0; drained < producers * each;) {
        std::vector<Transaction> taken;
        drained += static_cast<int>(queue.drain(taken, 16, at_once));
        for (const Transaction &transaction : taken) {
            const std::size_t space = transaction.data.find(' ');
            const std::string data(transaction.data);
            EXPECT_EQ(std::stoi(data.substr(space + 1)), expected[std::stoi(data.substr(0, space))]++);
        }
    }
    for (std::thread &thread : threads) thread.join();
    EXPECT_EQ(queue.length(), 0U);
}

TEST(Queue, producers_keep_their_order) {
    constexpr int producers = 4;
    constexpr int each = 250'000;  // 1,000,000 in all
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
            const std::string data(transaction.data);
            EXPECT_EQ(std::stoi(data.substr(space + 1)), expected[std::stoi(data.substr(0, space))]++);
        }
    }
    for (std::thread &thread : threads) thread.join();
    EXPECT_EQ(queue.length(), 0U);
}
