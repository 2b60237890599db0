// SPDX-License-Identifier: MIT
#include "base/bell.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <thread>
#include <vector>

using namespace mempool;

TEST(Bell, a_ring_before_the_wait_is_not_lost_and_many_are_one) {
    Bell bell;
    for (int count = 0; count < 1000; ++count) bell.ring();
    bell.wait();
    EXPECT_FALSE(bell.wait_until(Clock::now()));
}

TEST(Bell, a_deadline_that_has_passed_still_takes_a_ring) {
    Bell bell;
    bell.ring();
    EXPECT_TRUE(bell.wait_until(Clock::now() - milliseconds(1)));
    EXPECT_FALSE(bell.wait_until(Clock::now() - milliseconds(1)));
    EXPECT_FALSE(bell.wait_until(Instant{} - milliseconds(1500)));
}

TEST(Bell, a_wait_lasts_until_its_deadline) {
    Bell bell;
    const Instant until = Clock::now() + milliseconds(20);
    EXPECT_FALSE(bell.wait_until(until));
    EXPECT_GE(Clock::now(), until);
}

TEST(Bell, what_was_written_before_a_ring_is_seen_after_the_wait) {
    Bell there;
    Bell back;
    int written = 0;  // plain: the bells alone order it
    constexpr int rounds = 20'000;
    std::thread ringer([&] {
        for (int round = 1; round <= rounds; ++round) {
            written = round;
            there.ring();
            back.wait();
        }
    });
    for (int round = 1; round <= rounds; ++round) {
        if (round % 2 == 0)
            there.wait();
        else
            EXPECT_TRUE(there.wait_until(never));
        ASSERT_EQ(written, round);
        back.ring();
    }
    ringer.join();
}

TEST(Bell, no_ring_of_many_threads_is_lost) {
    Bell bell;
    std::atomic<int> done{0};
    constexpr int ringers = 4;
    constexpr int each = 20'000;
    std::vector<std::thread> threads;
    for (int ringer = 0; ringer < ringers; ++ringer)
        threads.emplace_back([&] {
            for (int count = 0; count < each; ++count) {
                done.fetch_add(1);
                bell.ring();
            }
        });
    while (done.load() < ringers * each) bell.wait();  // for ever, if the last ring could be lost
    for (std::thread &thread : threads) thread.join();
}

namespace {
Bell *rung_by_signal;
}

TEST(Bell, a_signal_handler_rings_for_the_thread_that_it_interrupts) {
    Bell bell;
    rung_by_signal = &bell;
    struct sigaction action {};
    struct sigaction before {};
    action.sa_handler = [](int) { rung_by_signal->ring(); };
    ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
    const pthread_t sleeper = pthread_self();
    std::thread sender([&] { pthread_kill(sleeper, SIGUSR1); });
    // Interrupted, or rung before it began. In slices, as ThreadSanitizer runs a handler only between two of its calls, and not before
    // a wait that it does not know to be one.
    while (!bell.wait_until(Clock::now() + milliseconds(10))) std::this_thread::yield();
    sender.join();
    sigaction(SIGUSR1, &before, nullptr);
}
