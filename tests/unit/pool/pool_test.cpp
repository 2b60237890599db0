// SPDX-License-Identifier: MIT
#include "pool/pool.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "unit/fanout/refused_call.hpp"
#include "unit/pool/failing_descriptors.hpp"
#include "unit/pool/failing_threads.hpp"

using namespace mempool;

namespace {

std::shared_ptr<Pool> open_pool(std::initializer_list<std::pair<const char *, const char *>> settings) {
    Options options;
    EXPECT_TRUE(options.set_text("listen_host", "").ok());
    for (const auto &[name, value] : settings) EXPECT_TRUE(options.set_text(name, value).ok()) << name;
    std::shared_ptr<Pool> pool;
    EXPECT_TRUE(Pool::open(options, pool).ok());
    return pool;
}

std::uint64_t submit(Pool &pool, const std::string &data) {
    std::uint64_t id = 0;
    const Status status = pool.submit(data.data(), data.size(), id);
    EXPECT_TRUE(status.ok()) << status.detail();
    return id;
}

Code code_of(Pool &pool, const std::string &data) {
    std::uint64_t id = 0;
    return pool.submit(data.data(), data.size(), id).code();
}

}  // namespace

TEST(Pool, goes_one_way) {
    const auto pool = open_pool({});
    EXPECT_EQ(pool->state(), Pool::State::open);
    EXPECT_EQ(code_of(*pool, "x"), Code::state);
    ASSERT_TRUE(pool->start().ok());
    EXPECT_EQ(pool->state(), Pool::State::running);
    EXPECT_EQ(pool->start().code(), Code::state);
    EXPECT_EQ(pool->set_apply([](Batch &) {}).code(), Code::state);
    ASSERT_TRUE(pool->stop(-1).ok());
    EXPECT_EQ(pool->state(), Pool::State::stopped);
    EXPECT_EQ(code_of(*pool, "x"), Code::closed);
    EXPECT_TRUE(pool->stop(-1).ok()) << "stopped already";
    EXPECT_EQ(pool->start().code(), Code::state);
}

TEST(Pool, stopping_one_that_never_started_ends_it) {
    const auto pool = open_pool({});
    const auto receiver = pool->subscribe();
    ASSERT_TRUE(pool->stop(-1).ok());
    EXPECT_EQ(pool->state(), Pool::State::stopped);
    EXPECT_EQ(receiver->next(never).kind, Heard::Kind::closed);
}

TEST(Pool, what_was_accepted_is_applied_before_stop_returns) {
    const auto pool = open_pool({{"batch_interval_ms", "60000"}});
    ASSERT_TRUE(pool->start().ok());
    const std::uint64_t id = submit(*pool, "x");
    ASSERT_TRUE(pool->stop(-1).ok());
    Outcome outcome;
    ASSERT_TRUE(pool->tx_status(id, outcome).ok());
    EXPECT_EQ(outcome.kind, Outcome::Kind::applied);
}

TEST(Pool, a_callback_hears_all_and_is_let_go_at_the_end) {
    const auto pool = open_pool({{"batch_interval_ms", "0"}});
    std::vector<std::string> heard;
    auto kept = std::make_shared<int>(0);
    const std::weak_ptr<int> watched = kept;
    std::uint64_t registration = 0;
    ASSERT_TRUE(pool->on_event([&heard, kept = std::move(kept)](
                                   const Heard &each) { heard.push_back(event_text(*each.event)); },
                               registration)
                    .ok());
    ASSERT_TRUE(pool->start().ok());
    std::size_t listeners = 0;
    ASSERT_TRUE(pool->publish("news", false, listeners).ok());
    EXPECT_EQ(listeners, 1U);
    submit(*pool, "x");
    ASSERT_TRUE(pool->stop(-1).ok());
    EXPECT_EQ(heard, (std::vector<std::string>{"news", "batch applied 1/1 txs"}));
    EXPECT_TRUE(watched.expired());
}

TEST(Pool, a_callback_may_end_itself) {
    const auto pool = open_pool({});
    int calls = 0;
    std::uint64_t registration = 0;
    ASSERT_TRUE(pool->start().ok());
    ASSERT_TRUE(pool->on_event(
                        [&](const Heard &) {
                            ++calls;
                            EXPECT_TRUE(pool->off_event(registration).ok());
                            EXPECT_EQ(pool->stop(0).code(), Code::reentrant);
                        },
                        registration)
                    .ok());
    std::size_t listeners = 0;
    ASSERT_TRUE(pool->publish("a", false, listeners).ok());
    ASSERT_TRUE(pool->publish("b", false, listeners).ok());
    ASSERT_TRUE(pool->stop(-1).ok());
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(pool->off_event(registration).code(), Code::not_found);
}

TEST(Pool, apply_is_told_what_it_can_not_wait_for) {
    const auto pool = open_pool({{"batch_interval_ms", "0"}});
    std::vector<Code> codes;
    ASSERT_TRUE(pool->set_apply([&](Batch &batch) {
                        Outcome outcome;
                        codes.push_back(pool->stop(0).code());
                        codes.push_back(pool->tx_wait(batch.transactions()[0].id, -1, outcome).code());
                        codes.push_back(pool->tx_status(batch.transactions()[0].id, outcome).code());
                        batch.reject(0, "no");
                    })
                    .ok());
    ASSERT_TRUE(pool->start().ok());
    Outcome outcome;
    ASSERT_TRUE(pool->tx_wait(submit(*pool, "x"), -1, outcome).ok());
    EXPECT_EQ(outcome.reason, "no");
    EXPECT_EQ(codes, (std::vector{Code::reentrant, Code::reentrant, Code::ok}));
    ASSERT_TRUE(pool->stop(-1).ok());
}

TEST(Pool, a_host_that_does_not_return_gets_timeout_and_a_second_stop_waits_again) {
    const auto pool = open_pool({{"batch_interval_ms", "0"}});
    std::promise<void> entered;
    std::promise<void> leave;
    ASSERT_TRUE(pool->set_apply([&](Batch &) {
                        entered.set_value();
                        leave.get_future().wait();
                    })
                    .ok());
    ASSERT_TRUE(pool->start().ok());
    const std::uint64_t id = submit(*pool, "x");
    entered.get_future().wait();
    EXPECT_EQ(pool->stop(0).code(), Code::timeout);
    EXPECT_EQ(pool->state(), Pool::State::draining);
    EXPECT_EQ(code_of(*pool, "y"), Code::closed);
    leave.set_value();
    ASSERT_TRUE(pool->stop(-1).ok());
    Outcome outcome;
    ASSERT_TRUE(pool->tx_status(id, outcome).ok());
    EXPECT_EQ(outcome.kind, Outcome::Kind::applied);
}

TEST(Pool, one_that_is_abandoned_applies_what_it_accepted_and_ends_by_itself) {
    std::promise<std::size_t> applied;
    std::weak_ptr<Pool> watched;
    {
        auto pool = open_pool({{"batch_interval_ms", "60000"}, {"listen_host", "127.0.0.1"}, {"listen_port", "0"}});
        ASSERT_TRUE(pool->set_apply([&](Batch &batch) { applied.set_value(batch.transactions().size()); }).ok());
        ASSERT_TRUE(pool->start().ok());
        submit(*pool, "x");
        submit(*pool, "y");
        watched = pool;
        pool->abandon();
    }
    EXPECT_EQ(applied.get_future().get(), 2U);
    while (!watched.expired()) std::this_thread::yield();
}

TEST(Pool, one_that_was_never_started_ends_who_waits_and_lets_the_host_go) {
    for (const bool stopped : {true, false}) {
        SCOPED_TRACE(stopped ? "stopped" : "abandoned");
        const auto pool = open_pool({});
        auto theirs = std::make_shared<int>();
        ASSERT_TRUE(pool->set_apply([theirs](Batch &) {}).ok());
        std::uint64_t registration = 0;
        ASSERT_TRUE(pool->on_event([theirs](const Heard &) {}, registration).ok());
        const auto completions = pool->open_completions(1);
        const auto receiver = pool->subscribe();
        const std::weak_ptr<int> watched = theirs;
        theirs.reset();
        if (stopped) {
            ASSERT_TRUE(pool->stop(-1).ok());
        } else {
            pool->abandon();
        }
        EXPECT_EQ(pool->state(), Pool::State::stopped);
        EXPECT_TRUE(watched.expired());
        EXPECT_EQ(receiver->next(Instant::min()).kind, Heard::Kind::closed);
        EXPECT_TRUE(completions->ended());
        EXPECT_EQ(pool->on_event([](const Heard &) {}, registration).code(), Code::closed);
    }
}

TEST(Pool, a_port_in_use_leaves_nothing_started_and_names_the_way_out) {
    const auto first = open_pool({{"listen_host", "127.0.0.1"}, {"listen_port", "0"}});
    ASSERT_TRUE(first->start().ok());
    std::int32_t port = 0;
    ASSERT_TRUE(first->port(port).ok());
    const auto second = open_pool({{"listen_host", "127.0.0.1"}, {"listen_port", std::to_string(port).c_str()}});
    const Status status = second->start();
    EXPECT_EQ(status.code(), Code::address_in_use);
    EXPECT_EQ(status.detail(),
              "listen_port " + std::to_string(port) + " is in use on 127.0.0.1; choose another, or 0 for a free one");
    EXPECT_EQ(second->state(), Pool::State::open);
    ASSERT_TRUE(first->stop(-1).ok());
    ASSERT_TRUE(second->start().ok()) << "the port is free again, and so is the pool";
    ASSERT_TRUE(second->stop(-1).ok());
}

// Asio's own exceptions are none of the standard library's: one that left start() would leave the pool starting for ever.
TEST(Pool, a_start_without_descriptors_is_refused_at_each_of_them_and_leaves_the_pool_open) {
    int refused = 0;
    for (const auto &[all, threads] : {std::pair(false, "1"), std::pair(true, "1"), std::pair(true, "3")}) {
        bool fired = true;
        for (int n = 0; fired; ++n) {
            ASSERT_LT(n, 64);
            SCOPED_TRACE("descriptor " + std::to_string(n) + (all ? " and all after it, " : " alone, ") + threads +
                         " network threads");
            const auto pool = open_pool({{"listen_host", "127.0.0.1"}, {"listen_port", "0"}, {"io_threads", threads}});
            Status status;
            {
                const test::FailingDescriptors failing(n, all);
                status = pool->start();
                fired = test::descriptors_fired;
            }
            if (!status.ok()) {  // Asio can do without some of its own
                ++refused;
                EXPECT_TRUE(fired);
                EXPECT_EQ(status.code(), Code::system) << status.detail();
                EXPECT_EQ(pool->state(), Pool::State::open);
                ASSERT_TRUE(pool->start().ok()) << "with descriptors it can be started after all";
            }
            ASSERT_TRUE(pool->stop(-1).ok());
        }
    }
    EXPECT_GE(refused, 6) << "the listening socket, the shard's wake, Asio's epoll set, the seats' epoll set";
}

TEST(Pool, where_io_uring_is_refused_a_pool_does_without_or_says_so_when_it_has_to) {
    std::thread([] {
        if (!test::refuse_from_now_on(SYS_io_uring_setup, EPERM)) GTEST_SKIP() << "no filters of system calls here";
        for (const char *uring : {"auto", "off"}) {
            const auto pool = open_pool({{"listen_host", "127.0.0.1"}, {"listen_port", "0"}, {"uring", uring}});
            EXPECT_TRUE(pool->start().ok()) << uring;
            EXPECT_TRUE(pool->stop(-1).ok());
        }
        const auto pool = open_pool({{"listen_host", "127.0.0.1"}, {"listen_port", "0"}, {"uring", "on"}});
        const Status status = pool->start();
        EXPECT_EQ(status.code(), Code::system);
        EXPECT_NE(status.detail().find("set it to auto"), std::string::npos) << status.detail();
        EXPECT_NE(status.detail().find("Operation not permitted"), std::string::npos) << status.detail();
        EXPECT_EQ(pool->state(), Pool::State::open);
    }).join();
}

TEST(Pool, a_start_without_one_of_its_threads_is_refused_and_leaves_the_pool_open) {
    int refused = 0;
    for (bool fired = true; fired;) {
        SCOPED_TRACE("thread " + std::to_string(refused));
        const auto pool = open_pool({{"listen_host", "127.0.0.1"}, {"listen_port", "0"}, {"io_threads", "3"}});
        Status status;
        {
            const test::FailingThreads failing(refused);
            status = pool->start();
            fired = failing.fired();
        }
        if (fired) {
            ++refused;
            EXPECT_EQ(status.code(), Code::system) << status.detail();
            EXPECT_EQ(pool->state(), Pool::State::open);
            ASSERT_TRUE(pool->start().ok()) << "with threads it can be started after all";
        }
        ASSERT_TRUE(pool->stop(-1).ok());
    }
    EXPECT_EQ(refused, 4) << "the batch thread and three of the network";
}

TEST(Pool, sizes_are_checked_before_anything_is_queued) {
    const auto pool = open_pool({{"tx_max_bytes", "4"}, {"message_max_bytes", "125"}});
    ASSERT_TRUE(pool->start().ok());
    EXPECT_EQ(code_of(*pool, ""), Code::invalid);
    EXPECT_EQ(code_of(*pool, "12345"), Code::too_large);
    std::size_t listeners = 0;
    EXPECT_EQ(pool->publish(std::string(126, 'x'), false, listeners).code(), Code::too_large);
    EXPECT_EQ(pool->publish("\xff", false, listeners).code(), Code::invalid);
    EXPECT_TRUE(pool->publish("\xff", true, listeners).ok());
    ASSERT_TRUE(pool->stop(-1).ok());
}

TEST(Pool, a_transaction_that_could_never_be_queued_is_refused_at_open) {
    Options options;
    ASSERT_TRUE(options.set_integer("tx_max_bytes", 1 << 20).ok());
    ASSERT_TRUE(options.set_integer("queue_bytes", 1 << 19).ok());
    std::shared_ptr<Pool> pool;
    EXPECT_EQ(Pool::open(options, pool).code(), Code::invalid);
}

TEST(Pool, epochs_differ) {
    EXPECT_NE(*open_pool({})->epoch(), *open_pool({})->epoch());
    EXPECT_EQ(open_pool({})->epoch()->find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789"), std::string::npos);
}
