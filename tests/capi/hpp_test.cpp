// SPDX-License-Identifier: MIT
/// mempool.hpp, the C++ wrapper, seen by a program that links what ships.
#include <mempool.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace mempoolpp;
using namespace std::chrono_literals;

constexpr Milliseconds patience = 20s;

Config on_any_port() {
    Config config;
    config.set("listen_port", 0).set("batch_interval_ms", 0);
    return config;
}

void reject_what_does_not_pay(Batch batch) {
    for (const Tx tx : batch)
        if (tx.data().substr(0, 3) != "pay") tx.reject("unknown verb");
}

mempool_status status_of(const std::function<void()> &call) {
    try {
        call();
    } catch (const Error &error) {
        EXPECT_FALSE(error.detail().empty());
        return error.status();
    }
    return MEMPOOL_OK;
}

TEST(Hpp, two_of_three_are_applied) {
    Config config = on_any_port();
    const Pool pool(config.set("batch_max", 3).set("batch_interval_ms", "60000"));
    std::promise<std::string> heard;
    pool.set_apply(reject_what_does_not_pay);
    pool.on_event([&](const EventView &event) { heard.set_value(std::string(event.text())); });
    Receiver receiver = pool.subscribe();
    pool.start();
    EXPECT_EQ(pool.state(), State::running);
    EXPECT_GT(pool.port(), 0);

    const auto bob = pool.submit("pay bob 5"), robbery = pool.submit("rob bob 5"), eve = pool.submit("pay eve 1");
    EXPECT_EQ(pool.tx_wait(bob, patience).status, Outcome::applied);
    const Outcome rejected = pool.tx_wait(robbery, patience);
    EXPECT_EQ(rejected.status, Outcome::rejected);
    EXPECT_EQ(rejected.reason, "unknown verb");
    EXPECT_EQ(pool.tx_status(eve).status, Outcome::applied);

    const std::optional<Event> event = receiver.next(patience);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->kind(), MEMPOOL_EVENT_BATCH);
    EXPECT_EQ(event->text(), "batch applied 2/3 txs");
    ASSERT_EQ(event->rejected().size(), 1U);
    EXPECT_EQ(event->rejected()[0].id, robbery);
    auto text = heard.get_future();
    ASSERT_EQ(text.wait_for(patience), std::future_status::ready);
    EXPECT_EQ(text.get(), "batch applied 2/3 txs");

    pool.stop();
    EXPECT_EQ(pool.state(), State::stopped);
    EXPECT_FALSE(receiver.next(patience));
    EXPECT_TRUE(receiver.closed());
}

TEST(Hpp, a_callback_may_ask_for_a_stop) {
    const Pool pool(on_any_port());
    std::promise<State> state;
    pool.set_apply([&](Batch) {
        EXPECT_EQ(status_of([&] { pool.stop(); }), MEMPOOL_REENTRANT);
        pool.request_stop();
        state.set_value(pool.state());
    });
    pool.start();
    const std::uint64_t id = pool.submit("pay");
    EXPECT_EQ(state.get_future().get(), State::draining);
    EXPECT_EQ(pool.tx_wait(id, patience).status, Outcome::applied);
    EXPECT_EQ(status_of([&] { pool.submit("late"); }), MEMPOOL_CLOSED);
    pool.stop(patience);
    EXPECT_EQ(pool.state(), State::stopped);
}

TEST(Hpp, what_apply_throws_rejects_the_batch_and_the_pool_lives) {
    const Pool pool(on_any_port());
    pool.set_apply([](Batch batch) {
        if (batch[0].data() == "std") throw std::runtime_error("the ledger is closed");
        if (batch[0].data() == "int") throw 7;
    });
    pool.start();
    EXPECT_EQ(pool.tx_wait(pool.submit("std"), patience).reason, "the ledger is closed");
    EXPECT_EQ(pool.tx_wait(pool.submit("int"), patience).status, Outcome::rejected);
    EXPECT_EQ(pool.tx_wait(pool.submit("pay"), patience).status, Outcome::applied);
}

TEST(Hpp, a_status_is_thrown_with_its_detail) {
    Config config;
    EXPECT_EQ(status_of([&] { config.set("listen_port", 65536); }), MEMPOOL_INVALID);
    EXPECT_EQ(status_of([&] { config.set("listen_prot", 3000); }), MEMPOOL_NOT_FOUND);
    EXPECT_EQ(config.get_int("listen_port"), 3000);
    EXPECT_EQ(config.get_text("listen_host"), "127.0.0.1");
    const Pool pool(on_any_port());
    EXPECT_EQ(status_of([&] { pool.submit("pay"); }), MEMPOOL_STATE);
    pool.start();
    EXPECT_EQ(status_of([&] { pool.submit(""); }), MEMPOOL_INVALID);
    EXPECT_EQ(status_of([&] { (void)pool.tx_status(1); }), MEMPOOL_NOT_FOUND);
    EXPECT_EQ(status_of([&] { pool.off_event(99); }), MEMPOOL_NOT_FOUND);
    check_version();
    EXPECT_GE(options().size(), 14U);
}

TEST(Hpp, copies_are_the_same_pool_and_a_borrowed_one_joins_it) {
    Pool first(on_any_port());
    first.start();
    const Pool second = first;
    const Pool third = Pool::borrow(first.get());
    const auto id = second.submit("pay bob 5");
    EXPECT_EQ(third.tx_wait(id, patience).status, Outcome::applied);
    const Pool moved = std::move(first);
    EXPECT_EQ(moved.tx_status(id).id, id);
    moved.stop();
    EXPECT_EQ(second.state(), State::stopped);
}

TEST(Hpp, an_event_outlives_its_receiver_and_tells_lag) {
    const Pool pool(on_any_port().set("ring_capacity", 1));
    pool.start();
    std::vector<Event> events;
    {
        Receiver receiver = pool.subscribe();
        EXPECT_EQ(pool.publish("one"), 1U);
        pool.publish("two");
        pool.publish(std::string_view("\0\xff", 2), true);
        while (std::optional<Event> event = receiver.next(0ms)) events.push_back(std::move(*event));
        EXPECT_FALSE(receiver.closed());
    }
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[0].missed(), 2U);
    EXPECT_EQ(events[1].data(), std::string_view("\0\xff", 2));
    EXPECT_TRUE(events[1].binary());
}

TEST(Hpp, what_a_callback_captured_is_destroyed_once_it_is_off) {
    const Pool pool(on_any_port());
    pool.start();
    std::promise<void> called, gone;
    auto told = std::shared_ptr<void>(nullptr, [&](void *) { gone.set_value(); });
    const auto registration = pool.on_event([&, told = std::move(told)](const EventView &) { called.set_value(); });
    pool.publish("hello");
    ASSERT_EQ(called.get_future().wait_for(patience), std::future_status::ready);
    auto destroyed = gone.get_future();
    pool.off_event(registration);
    ASSERT_EQ(destroyed.wait_for(patience), std::future_status::ready);
    pool.stop();
}

}  // namespace
