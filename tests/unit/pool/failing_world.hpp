// SPDX-License-Identifier: MIT
/// A pool for one run of one call, and the loop that lets each allocation of that call fail. Includes failing_allocations.hpp, which
/// replaces operator new: include it in one file of an executable only. One thread, but for the pools' own.
#pragma once

#include <dirent.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mempool.h"
#include "unit/pool/failing_allocations.hpp"

// Not ours: Asio's io_context loses its registry where the service that it makes next has no memory.
#pragma GCC visibility push(default)
extern "C" const char *__lsan_default_suppressions();
extern "C" const char *__lsan_default_suppressions() {
    return "leak:boost::asio::execution_context::execution_context";
}
#pragma GCC visibility pop

namespace mempool_test {

inline constexpr std::int64_t patience_ms = 20'000;
inline constexpr int allocations_max = 2000;  // no call here needs more: the loops end

struct Config {
    mempool_config *config = nullptr;
    explicit Config(const std::vector<std::array<const char *, 2>> &settings) {
        EXPECT_EQ(mempool_config_new(&config), MEMPOOL_OK);
        EXPECT_EQ(mempool_config_set_text(config, "listen_host", ""), MEMPOOL_OK);
        EXPECT_EQ(mempool_config_set_text(config, "batch_interval_ms", "0"), MEMPOOL_OK);
        for (const auto &[name, value] : settings)
            EXPECT_EQ(mempool_config_set_text(config, name, value), MEMPOOL_OK) << name;
    }
    ~Config() { mempool_config_free(config); }
    Config(const Config &) = delete;
    Config &operator=(const Config &) = delete;
};

using Settings = std::vector<std::array<const char *, 2>>;
inline const Settings network = {{"listen_host", "127.0.0.1"}, {"listen_port", "0"}};
inline const std::string long_text(100, 'x');  // never in a string's own bytes

inline std::int32_t reject_all(void *, mempool_batch *batch) {
    std::size_t count = 0;
    mempool_batch_count(batch, &count);
    for (std::size_t index = 0; index < count; ++index) mempool_batch_reject(batch, index, long_text.c_str());
    return 0;
}

inline void count_destroy(void *user) {
    ++*static_cast<std::atomic<int> *>(user);
}

inline void hear_nothing(void *, const mempool_event *) {}

/// A pool and one receiver on it, made for one run of a call.
struct World {
    explicit World(const Settings &settings = {}, bool started = true) {
        const Config config(settings);
        EXPECT_EQ(mempool_open(config.config, &pool), MEMPOOL_OK);
        if (started) {
            EXPECT_EQ(mempool_start(pool), MEMPOOL_OK) << mempool_error_detail();
        }
    }
    ~World() {
        if (event != nullptr) mempool_event_free(event);
        if (receiver != nullptr) mempool_receiver_close(receiver);
        if (fresh != nullptr) mempool_receiver_close(fresh);
        if (pool == nullptr) return;
        EXPECT_EQ(mempool_stop(pool, patience_ms), MEMPOOL_OK) << mempool_error_detail();
        mempool_release(pool);
        EXPECT_EQ(destroyed, destroys);
    }
    World(const World &) = delete;
    World &operator=(const World &) = delete;

    /// What a call that answers NO_MEMORY must leave as it was.
    std::vector<std::uint64_t> state() const {
        mempool_stats stats{};
        stats.struct_size = sizeof stats;
        std::int32_t state = -1;
        std::uint64_t lag = 0;
        EXPECT_EQ(mempool_stats_read(pool, &stats), MEMPOOL_OK);
        EXPECT_EQ(mempool_state(pool, &state), MEMPOOL_OK);
        if (receiver != nullptr) {
            EXPECT_EQ(mempool_receiver_lag(receiver, &lag), MEMPOOL_OK);
        }
        return {stats.accepted,
                stats.events,
                stats.refused,
                stats.queue_length,
                stats.queue_bytes,
                stats.listeners,
                static_cast<std::uint64_t>(state),
                lag,
                static_cast<std::uint64_t>(destroyed.load())};
    }
    std::uint64_t settled(const std::string &text) const {
        std::uint64_t given = 0;
        EXPECT_EQ(mempool_submit(pool, text.data(), text.size(), nullptr, &given), MEMPOOL_OK);
        EXPECT_EQ(mempool_flush(pool, patience_ms), MEMPOOL_OK);
        return given;
    }
    void publish(const std::string &text) const {
        EXPECT_EQ(mempool_publish(pool, text.data(), text.size(), nullptr, nullptr), MEMPOOL_OK);
    }
    std::string heard() const {
        const char *text = nullptr;
        std::size_t size = 0;
        if (event == nullptr || mempool_event_text(event, &text, &size) != MEMPOOL_OK) return "nothing";
        return {text, size};
    }

    mempool *pool = nullptr;
    mempool_receiver *receiver = nullptr;
    mempool_receiver *fresh = nullptr;
    mempool_event *event = nullptr;
    std::uint64_t id = 0;
    std::atomic<int> destroyed{0};
    int destroys = 0;  // expected at the end
};

inline std::unique_ptr<World> running() {
    return std::make_unique<World>();
}

inline int descriptors() {
    int count = 0;
    DIR *open = opendir("/proc/self/fd");
    while (readdir(open) != nullptr) ++count;
    closedir(open);
    return count;
}

/// make: the world before the call. call: under failing allocations; answers `expected` where it passes untouched. after: what must hold
/// then. Gives how many allocations the call makes.
template <class Make, class Call, class After>
int fail_each(Make make, Call call, mempool_status expected, After after) {
    int allocations = 0;
    for (const bool all : {false, true})
        for (int n = 0;; ++n) {
            SCOPED_TRACE("allocation " + std::to_string(n) + (all ? " and all after it" : " alone"));
            const int before_fds = descriptors();
            bool failed = false;
            {
                const auto world = make();
                const auto before = world->state();
                mempool_status status = MEMPOOL_OK;
                {
                    const Failing failing(n, all);
                    status = call(*world);
                    failed = fired;
                }
                if (status == MEMPOOL_NO_MEMORY && failed) {
                    EXPECT_EQ(world->state(), before);
                    status = call(*world);
                }
                EXPECT_EQ(status, expected) << mempool_error_detail();
                if (status == expected) after(*world);
            }
            EXPECT_EQ(descriptors(), before_fds);
            if (testing::Test::HasFailure() || n == allocations_max) {
                ADD_FAILURE() << "at this allocation";
                return allocations;
            }
            if (!failed) {
                allocations = n;
                break;
            }
        }
    return allocations;
}

}  // namespace mempool_test
