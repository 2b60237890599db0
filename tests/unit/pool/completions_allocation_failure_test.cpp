// SPDX-License-Identifier: MIT
/// The n-th allocation fails (allocation_failure_test.cpp) in the calls of a completion queue: a place that was reserved comes back, what
/// is ready stays ready, and each outcome arrives once. And one call that must not allocate at all.
#include <gtest/gtest.h>

#include <array>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "mempool.h"
#include "unit/pool/failing_world.hpp"

using namespace mempool_test;

namespace {

/// A World with a completion queue of two places.
struct Reading : World {
    explicit Reading(const Settings &settings = {}, bool started = true) : World(settings, started) {
        EXPECT_EQ(mempool_completions_open(pool, 2, &completions), MEMPOOL_OK);
    }
    ~Reading() { mempool_completions_close(completions); }

    mempool_status submit(std::uint64_t user_data) {
        mempool_submit_options options{};
        options.struct_size = sizeof options;
        options.completions = completions;
        options.user_data = user_data;
        return mempool_submit(pool, long_text.data(), long_text.size(), &options, &id);
    }
    mempool_status next(std::int64_t timeout_ms = patience_ms) {
        std::size_t count = 0;
        taken = {};
        taken.struct_size = sizeof taken;
        const mempool_status status = mempool_completions_next(completions, &taken, 1, timeout_ms, &count);
        EXPECT_EQ(count, status == MEMPOOL_OK ? 1U : 0U);
        return status;
    }

    mempool_completions *completions = nullptr;
    mempool_completion taken{};
};

std::unique_ptr<Reading> reading() {
    return std::make_unique<Reading>();
}

/// Rejects, so that each outcome has a reason in memory of its own.
std::unique_ptr<Reading> rejecting() {
    auto world = std::make_unique<Reading>(Settings{}, false);
    EXPECT_EQ(mempool_set_apply(world->pool, reject_all, nullptr, nullptr), MEMPOOL_OK);
    EXPECT_EQ(mempool_start(world->pool), MEMPOOL_OK);
    return world;
}

}  // namespace

TEST(AllocationFailureOfCompletions, open) {
    const auto call = [](World &world) {
        mempool_completions *completions = nullptr;
        const mempool_status status = mempool_completions_open(world.pool, 8, &completions);
        EXPECT_EQ(completions != nullptr, status == MEMPOOL_OK);
        mempool_completions_close(completions);
        return status;
    };
    EXPECT_GT(fail_each(running, call, MEMPOOL_OK, [](World &) {}), 1);
}

TEST(AllocationFailureOfCompletions, submit_gives_its_place_back) {
    const auto after = [](Reading &world) {
        EXPECT_EQ(world.id, 1U);
        EXPECT_EQ(world.submit(8), MEMPOOL_OK) << "the second place is there: no failure kept it";
        EXPECT_EQ(world.submit(9), MEMPOOL_FULL);
        for (const std::uint64_t expected : {7U, 8U}) {
            EXPECT_EQ(world.next(), MEMPOOL_OK);
            EXPECT_EQ(world.taken.user_data, expected);
        }
    };
    EXPECT_GT(fail_each(
                  reading, [](Reading &world) { return world.submit(7); }, MEMPOOL_OK, after),
              1);
}

TEST(AllocationFailureOfCompletions, submit_many_gives_its_places_back) {
    static const std::string no_copy(1'000, 'x');  // beyond what is copied into a page: each takes memory of its own
    const auto call = [](Reading &world) {
        mempool_submit_options options{};
        options.struct_size = sizeof options;
        options.completions = world.completions;
        std::array<mempool_bytes, 2> many;
        many.fill({no_copy.data(), no_copy.size()});
        return mempool_submit_many(world.pool, many.data(), many.size(), &options, &world.id);
    };
    const auto after = [](Reading &world) {
        for (const std::uint64_t expected : {1U, 2U}) {
            EXPECT_EQ(world.next(), MEMPOOL_OK);
            EXPECT_EQ(world.taken.id, expected);
        }
        EXPECT_EQ(world.next(0), MEMPOOL_TIMEOUT);
    };
    EXPECT_GT(fail_each(reading, call, MEMPOOL_OK, after), 3);
}

TEST(AllocationFailureOfCompletions, next_loses_no_outcome) {
    const auto make = [] {
        auto world = rejecting();
        EXPECT_EQ(world->submit(7), MEMPOOL_OK);
        EXPECT_EQ(mempool_flush(world->pool, patience_ms), MEMPOOL_OK);
        return world;
    };
    const auto after = [](Reading &world) {
        EXPECT_EQ(world.taken.user_data, 7U);
        EXPECT_EQ(world.taken.reason, long_text);
        EXPECT_EQ(world.next(0), MEMPOOL_TIMEOUT) << "and gives none twice";
    };
    EXPECT_GT(fail_each(
                  make, [](Reading &world) { return world.next(); }, MEMPOOL_OK, after),
              0);
}

TEST(AllocationFailureOfCompletions, a_descriptor) {
    const auto call = [](Reading &world) {
        std::int32_t fd = -1;
        return mempool_completions_fd(world.completions, &fd);
    };
    EXPECT_GT(fail_each(reading, call, MEMPOOL_OK, [](Reading &) {}), 0);
}

namespace {

/// Its queue is full, and apply does not return until let().
struct FullQueue : Reading {
    FullQueue() : Reading({{"queue_capacity", "1"}, {"batch_max", "1"}}, false) {
        EXPECT_EQ(mempool_set_apply(pool, wait_inside, this, nullptr), MEMPOOL_OK);
        EXPECT_EQ(mempool_start(pool), MEMPOOL_OK);
        EXPECT_EQ(mempool_submit(pool, "x", 1, nullptr, nullptr), MEMPOOL_OK);
        {
            std::unique_lock lock(mutex);
            changed.wait(lock, [&] { return entered; });
        }
        EXPECT_EQ(mempool_submit(pool, "y", 1, nullptr, nullptr), MEMPOOL_OK);
        EXPECT_EQ(mempool_submit(pool, "z", 1, nullptr, nullptr), MEMPOOL_FULL);
    }
    ~FullQueue() {
        let();
        EXPECT_EQ(mempool_flush(pool, patience_ms), MEMPOOL_OK);  // apply uses what goes now
    }
    void let() {
        const std::lock_guard lock(mutex);
        open = true;
        changed.notify_all();
    }
    static std::int32_t wait_inside(void *user, mempool_batch *) {
        auto &self = *static_cast<FullQueue *>(user);
        std::unique_lock lock(self.mutex);
        self.entered = true;
        self.changed.notify_all();
        self.changed.wait(lock, [&] { return self.open; });
        return 0;
    }

    std::mutex mutex;
    std::condition_variable changed;
    bool entered = false;
    bool open = false;
};

}  // namespace

TEST(AllocationFailureOfCompletions, arm_room_is_told_once) {
    const auto after = [](FullQueue &world) {
        EXPECT_EQ(world.next(0), MEMPOOL_TIMEOUT) << "there is no room yet";
        world.let();
        EXPECT_EQ(world.next(), MEMPOOL_OK);
        EXPECT_EQ(world.taken.kind, MEMPOOL_COMPLETION_ROOM);
        EXPECT_EQ(world.next(0), MEMPOOL_TIMEOUT);
    };
    EXPECT_GT(
        fail_each([] { return std::make_unique<FullQueue>(); },
                  [](FullQueue &world) { return mempool_completions_arm_room(world.completions); }, MEMPOOL_OK, after),
        0);
}

TEST(AllocationFailure, request_stop_allocates_nothing) {
    const auto call = [](World &world) { return mempool_request_stop(world.pool); };
    EXPECT_EQ(fail_each(running, call, MEMPOOL_OK, [](World &) {}), 0);
    EXPECT_EQ(fail_each([] { return std::make_unique<World>(network); }, call, MEMPOOL_OK, [](World &) {}), 0);
}
