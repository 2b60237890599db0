// SPDX-License-Identifier: MIT
#include "batch/idempotency.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "channel/queue.hpp"

using namespace mempool;

namespace {

/// A queue for ten, and who submits to it by keys.
struct Door {
    explicit Door(std::size_t capacity) : keys(capacity) { intake.open(); }

    /// The first id; "again 1" where it was told before; else the code's name.
    std::string submit(std::string_view key, std::vector<std::string> transactions) {
        Idempotency::Submitted submitted;
        const Status status = keys.submit(intake, key, transactions, submitted);
        if (!status.ok()) return code_name(static_cast<std::int32_t>(status.code()));
        return (submitted.repeated ? "again " : "") + std::to_string(submitted.first);
    }
    void drain() {
        std::vector<Transaction> out;
        queue.drain(out, 10, milliseconds(0));
    }

    Queue queue{10, 1000};
    Intake intake{queue, 20, 10, 1000};
    Idempotency keys;
};

}  // namespace

TEST(Idempotency, the_same_key_with_the_same_transactions_gets_the_same_ids_and_queues_nothing) {
    Door door(10);
    EXPECT_EQ(door.submit("a", {"pay"}), "1");
    EXPECT_EQ(door.submit("b", {"pay", "rob"}), "2");
    EXPECT_EQ(door.submit("c", {"pay"}), "4");
    for (int count = 0; count < 3; ++count) {
        EXPECT_EQ(door.submit("a", {"pay"}), "again 1");
        EXPECT_EQ(door.submit("b", {"pay", "rob"}), "again 2");
    }
    EXPECT_EQ(door.queue.length(), 4u);
    EXPECT_EQ(door.keys.kept(), 3u);
}

TEST(Idempotency, with_other_transactions_it_is_a_conflict) {
    Door door(10);
    ASSERT_EQ(door.submit("a", {"pay", "bob"}), "1");
    for (const std::vector<std::string> &others :
         {std::vector<std::string>{"pay"}, {"bob", "pay"}, {"paybob"}, {"payb", "ob"}, {"pay", "bob", "x"}})
        EXPECT_EQ(door.submit("a", others), "MEMPOOL_CONFLICT");
    EXPECT_EQ(door.submit("a", {"pay", "bob"}), "again 1");
    EXPECT_EQ(door.queue.length(), 2u);
}

TEST(Idempotency, without_a_key_or_switched_off_every_submission_is_a_new_one) {
    Door door(10);
    EXPECT_EQ(door.submit("", {"pay"}), "1");
    EXPECT_EQ(door.submit("", {"pay"}), "2");
    EXPECT_EQ(door.keys.kept(), 0u);
    Door off(0);
    EXPECT_EQ(off.submit("a", {"pay"}), "1");
    EXPECT_EQ(off.submit("a", {"rob"}), "2");
    EXPECT_EQ(off.keys.kept(), 0u);
}

TEST(Idempotency, the_oldest_key_goes_first_and_no_more_are_kept_than_the_capacity) {
    Door door(2);
    EXPECT_EQ(door.submit("a", {"pay"}), "1");
    EXPECT_EQ(door.submit("b", {"pay"}), "2");
    EXPECT_EQ(door.submit("a", {"pay"}), "again 1");  // to be asked for again makes nobody younger
    EXPECT_EQ(door.submit("c", {"pay"}), "3");
    EXPECT_EQ(door.keys.kept(), 2u);
    EXPECT_EQ(door.submit("b", {"pay"}), "again 2");
    EXPECT_EQ(door.submit("a", {"pay"}), "4");
    EXPECT_EQ(door.submit("c", {"pay"}), "again 3");
    EXPECT_EQ(door.submit("b", {"pay"}), "5");
    EXPECT_EQ(door.keys.kept(), 2u);
}

TEST(Idempotency, a_refused_submission_keeps_no_key_and_drives_nobody_out) {
    Door door(1);
    ASSERT_EQ(door.submit("a", {"pay"}), "1");
    EXPECT_EQ(door.submit("b", std::vector<std::string>(10, "x")), "MEMPOOL_FULL");
    EXPECT_EQ(door.submit("b", {std::string(21, 'x')}), "MEMPOOL_TOO_LARGE");
    EXPECT_EQ(door.submit("b", {""}), "MEMPOOL_INVALID");
    EXPECT_EQ(door.keys.kept(), 1u);
    EXPECT_EQ(door.submit("a", {"pay"}), "again 1");
    door.drain();
    EXPECT_EQ(door.submit("b", {"now other ones"}), "2");
    EXPECT_EQ(door.submit("a", {"pay"}), "3");
}

TEST(Idempotency, however_often_a_key_is_refused_nobody_is_the_older_for_it) {
    Door door(2);
    ASSERT_EQ(door.submit("a", {"pay"}), "1");
    for (int count = 0; count < 5; ++count) EXPECT_EQ(door.submit("b", {""}), "MEMPOOL_INVALID");
    EXPECT_EQ(door.submit("c", {"pay"}), "2");
    EXPECT_EQ(door.keys.kept(), 2u);
    EXPECT_EQ(door.submit("a", {"pay"}), "again 1");
    EXPECT_EQ(door.submit("c", {"pay"}), "again 2");
}

TEST(Idempotency, what_was_accepted_is_told_again_though_the_queue_is_full_or_closed) {
    Door door(10);
    ASSERT_EQ(door.submit("a", std::vector<std::string>(10, "x")), "1");
    EXPECT_EQ(door.submit("b", {"pay"}), "MEMPOOL_FULL");
    EXPECT_EQ(door.submit("a", std::vector<std::string>(10, "x")), "again 1");
    door.intake.close();
    EXPECT_EQ(door.submit("b", {"pay"}), "MEMPOOL_CLOSED");
    EXPECT_EQ(door.submit("a", std::vector<std::string>(10, "x")), "again 1");
    EXPECT_EQ(door.submit("a", {"x"}), "MEMPOOL_CONFLICT");
}

TEST(Idempotency, a_key_has_1_to_255_bytes) {
    EXPECT_TRUE(Idempotency::check_key("k").ok());
    EXPECT_TRUE(Idempotency::check_key(std::string(255, '\xff')).ok());
    EXPECT_EQ(Idempotency::check_key("").code(), Code::invalid);
    EXPECT_EQ(Idempotency::check_key(std::string(256, 'k')).code(), Code::invalid);
}

TEST(Idempotency, of_several_threads_with_the_same_key_one_is_served_and_the_others_are_told_what_it_was_given) {
    constexpr int keys = 2000;
    Queue queue(keys * 2, 1 << 20);
    Intake intake(queue, 20, keys * 2, 1 << 20);
    intake.open();
    Idempotency idempotency(keys);
    std::vector<std::vector<std::uint64_t>> told(3);
    std::vector<std::thread> threads;
    for (auto &each : told)
        threads.emplace_back([&] {
            for (int key = 0; key < keys; ++key) {
                std::string pay = "pay";
                Idempotency::Submitted submitted;
                EXPECT_TRUE(idempotency.submit(intake, std::to_string(key), {&pay, 1}, submitted).ok());
                each.push_back(submitted.first);
            }
        });
    for (std::thread &thread : threads) thread.join();
    EXPECT_EQ(told[0], told[1]);
    EXPECT_EQ(told[0], told[2]);
    EXPECT_EQ(std::set(told[0].begin(), told[0].end()).size(), static_cast<std::size_t>(keys));
    EXPECT_EQ(queue.length(), static_cast<std::size_t>(keys));
}
