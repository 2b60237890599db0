// SPDX-License-Identifier: MIT
#include "base/brief_lock.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

using namespace mempool;

TEST(BriefLock, lets_one_in_at_a_time) {
    constexpr int threads = 8;
    constexpr int each = 50'000;
    BriefLock lock;
    long entered = 0;  // not atomic: what the lock guards
    std::vector<std::thread> all;
    for (int thread = 0; thread < threads; ++thread)
        all.emplace_back([&] {
            for (int count = 0; count < each; ++count) {
                const std::lock_guard held(lock);
                ++entered;
            }
        });
    for (std::thread &thread : all) thread.join();
    EXPECT_EQ(entered, long{threads} * each);
}

TEST(BriefLock, wakes_all_who_fell_asleep_for_it) {
    constexpr int threads = 4;
    BriefLock lock;
    std::atomic<int> started = 0;
    int passed = 0;
    lock.lock();
    std::vector<std::thread> all;
    for (int thread = 0; thread < threads; ++thread)
        all.emplace_back([&] {
            ++started;
            const std::lock_guard held(lock);
            ++passed;
        });
    while (started < threads) std::this_thread::yield();
    for (int turn = 0; turn < 10'000; ++turn) std::this_thread::yield();  // far longer than anybody spins
    EXPECT_EQ(passed, 0);
    lock.unlock();
    for (std::thread &thread : all) thread.join();
    EXPECT_EQ(passed, threads);
}
