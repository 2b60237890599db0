// SPDX-License-Identifier: MIT
/// The n-th allocation of a call fails, for n = 0, 1, 2 ... until the call passes untouched; once with only that one failing, once with
/// all that follow. The call answers NO_MEMORY, or what it would have answered; after NO_MEMORY nothing has changed and the same call
/// then does what it should. Replaces operator new, hence an executable of its own; the shared library allocates with it too.
#include <dirent.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mempool.h"
#include "unit/pool/failing_allocations.hpp"

using namespace mempool_test;

// Not ours: Asio's io_context loses its registry where the service that it makes next has no memory.
#pragma GCC visibility push(default)
extern "C" const char *__lsan_default_suppressions();
extern "C" const char *__lsan_default_suppressions() {
    return "leak:boost::asio::execution_context::execution_context";
}
#pragma GCC visibility pop

namespace {

constexpr std::int64_t patience_ms = 20'000;
constexpr int allocations_max = 2000;  // no call here needs more: the loops end

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
const Settings network = {{"listen_host", "127.0.0.1"}, {"listen_port", "0"}};
const std::string long_text(100, 'x');  // never in a string's own bytes

std::int32_t reject_all(void *, mempool_batch *batch) {
    std::size_t count = 0;
    mempool_batch_count(batch, &count);
    for (std::size_t index = 0; index < count; ++index) mempool_batch_reject(batch, index, long_text.c_str());
    return 0;
}

void count_destroy(void *user) {
    ++*static_cast<std::atomic<int> *>(user);
}

void hear_nothing(void *, const mempool_event *) {}

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

std::unique_ptr<World> running() {
    return std::make_unique<World>();
}

int descriptors() {
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

}  // namespace

TEST(AllocationFailure, reaches_the_library) {
    EXPECT_GT(fail_each(
                  running, [](World &world) { return mempool_subscribe(world.pool, nullptr, &world.fresh); },
                  MEMPOOL_OK, [](World &) {}),
              0);
}

TEST(AllocationFailure, of_a_configuration) {
    const auto call = [](World &) {
        mempool_config *config = nullptr;
        mempool_status status = mempool_config_new(&config);
        if (status == MEMPOOL_OK)
            status = mempool_config_set_text(config, "listen_host", "0000:0000:0000:0000:0000:0000:0000:0001");
        mempool_config_free(config);
        return status;
    };
    EXPECT_GT(fail_each(running, call, MEMPOOL_OK, [](World &) {}), 0);
}

TEST(AllocationFailure, of_open) {
    const Config with_network(network);
    const auto call = [&](World &) {
        mempool *pool = nullptr;
        const mempool_status status = mempool_open(with_network.config, &pool);
        EXPECT_EQ(pool != nullptr, status == MEMPOOL_OK);
        mempool_release(pool);
        return status;
    };
    EXPECT_GT(fail_each(running, call, MEMPOOL_OK, [](World &) {}), 3);
}

TEST(AllocationFailure, of_set_apply) {
    const auto make = [] { return std::make_unique<World>(Settings{}, false); };
    const auto call = [](World &world) {
        return mempool_set_apply(world.pool, reject_all, &world.destroyed, count_destroy);
    };
    EXPECT_GT(fail_each(make, call, MEMPOOL_OK, [](World &world) { world.destroys = 1; }), 1);
}

class AllocationFailureOfStart : public testing::TestWithParam<bool> {};

TEST_P(AllocationFailureOfStart, leaves_the_pool_open) {
    const auto make = [] {
        auto world = std::make_unique<World>(GetParam() ? network : Settings{}, false);
        std::uint64_t registration = 0;
        EXPECT_EQ(mempool_on_event(world->pool, nullptr, hear_nothing, &world->destroyed, count_destroy, &registration),
                  MEMPOOL_OK);
        world->destroys = 1;
        return world;
    };
    const auto after = [](World &world) {
        std::int32_t port = -1;
        EXPECT_EQ(mempool_port(world.pool, &port), MEMPOOL_OK);
        EXPECT_EQ(port != 0, GetParam());
        world.settled("works");
    };
    EXPECT_GT(fail_each(
                  make, [](World &world) { return mempool_start(world.pool); }, MEMPOOL_OK, after),
              2);
}

INSTANTIATE_TEST_SUITE_P(Pool, AllocationFailureOfStart, testing::Bool(),
                         [](const auto &each) { return each.param ? "with_a_network" : "in_process"; });

TEST(AllocationFailure, of_submit) {
    const auto call = [](World &world) {
        return mempool_submit(world.pool, long_text.data(), long_text.size(), nullptr, &world.id);
    };
    const auto after = [](World &world) {
        EXPECT_EQ(world.id, 1U);
        EXPECT_EQ(mempool_flush(world.pool, patience_ms), MEMPOOL_OK);
        EXPECT_EQ(world.settled("next"), 2U) << "no id was lost";
    };
    EXPECT_GT(fail_each(running, call, MEMPOOL_OK, after), 0);
}

TEST(AllocationFailure, of_submit_wait) {
    const auto call = [](World &world) {
        return mempool_submit_wait(world.pool, long_text.data(), long_text.size(), nullptr, patience_ms, &world.id);
    };
    EXPECT_GT(fail_each(running, call, MEMPOOL_OK, [](World &world) { EXPECT_EQ(world.id, 1U); }), 0);
}

TEST(AllocationFailure, of_submit_many) {
    const auto call = [](World &world) {
        std::array<mempool_bytes, 20> many;
        many.fill({long_text.data(), long_text.size()});
        return mempool_submit_many(world.pool, many.data(), many.size(), nullptr, &world.id);
    };
    const auto after = [](World &world) {
        EXPECT_EQ(world.id, 1U);
        EXPECT_EQ(world.settled("next"), 21U) << "all or none";
    };
    EXPECT_GT(fail_each(running, call, MEMPOOL_OK, after), 20);
}

TEST(AllocationFailure, of_a_refusal) {
    const auto make = [] { return std::make_unique<World>(Settings{}, false); };
    const auto call = [](World &world) { return mempool_submit(world.pool, "x", 1, nullptr, &world.id); };
    fail_each(make, call, MEMPOOL_STATE, [](World &) {});
}

TEST(AllocationFailure, of_publish) {
    const auto call = [](World &world) {
        std::size_t listeners = 0;
        return mempool_publish(world.pool, long_text.data(), long_text.size(), nullptr, &listeners);
    };
    EXPECT_GT(fail_each(running, call, MEMPOOL_OK, [](World &world) { EXPECT_EQ(world.state()[1], 1U); }), 0);
}

TEST(AllocationFailure, of_subscribe) {
    const auto call = [](World &world) { return mempool_subscribe(world.pool, nullptr, &world.receiver); };
    const auto after = [](World &world) {
        EXPECT_EQ(world.state()[5], 1U) << "listeners";
        world.publish("heard");
        EXPECT_EQ(mempool_receiver_next(world.receiver, patience_ms, &world.event), MEMPOOL_OK);
    };
    EXPECT_GT(fail_each(running, call, MEMPOOL_OK, after), 0);
}

namespace {

std::unique_ptr<World> listening(const Settings &settings = {}) {
    auto world = std::make_unique<World>(settings);
    EXPECT_EQ(mempool_subscribe(world->pool, nullptr, &world->receiver), MEMPOOL_OK);
    return world;
}

mempool_status next_event(World &world) {
    const mempool_status status = mempool_receiver_next(world.receiver, 0, &world.event);
    EXPECT_EQ(world.event != nullptr, status == MEMPOOL_OK || status == MEMPOOL_LAGGED) << "answered " << status;
    return status;
}

}  // namespace

TEST(AllocationFailure, of_resubscribe_and_a_descriptor) {
    const auto call = [](World &world) {
        std::int32_t fd = -1;
        if (const mempool_status status = mempool_receiver_fd(world.receiver, &fd); status != MEMPOOL_OK) return status;
        return mempool_receiver_resubscribe(world.receiver, &world.fresh);
    };
    EXPECT_GT(fail_each([] { return listening(); }, call, MEMPOOL_OK, [](World &) {}), 1);
}

TEST(AllocationFailure, of_receiver_next_loses_no_event) {
    const auto batch = [] {
        auto world = listening();
        for (int number = 0; number < 3; ++number) world->settled(long_text);
        return world;
    };
    const auto message = [] {
        auto world = listening();
        world->publish(long_text);
        return world;
    };
    EXPECT_GT(fail_each(batch, next_event, MEMPOOL_OK,
                        [](World &world) { EXPECT_EQ(world.heard(), "batch applied 1/1 txs"); }),
              0);
    EXPECT_GT(fail_each(message, next_event, MEMPOOL_OK, [](World &world) { EXPECT_EQ(world.heard(), long_text); }), 0);
}

TEST(AllocationFailure, of_receiver_next_loses_no_lag) {
    const auto make = [] {
        auto world = listening({{"ring_capacity", "2"}});
        for (int number = 0; number < 5; ++number) world->publish(long_text);
        return world;
    };
    EXPECT_GT(fail_each(make, next_event, MEMPOOL_LAGGED, [](World &world) { EXPECT_EQ(world.heard(), "lagged 3"); }),
              0);
}

TEST(AllocationFailure, of_receiver_next_that_times_out) {
    fail_each([] { return listening(); }, next_event, MEMPOOL_TIMEOUT, [](World &) {});
}

TEST(AllocationFailure, of_on_event) {
    const auto call = [](World &world) {
        return mempool_on_event(world.pool, nullptr, hear_nothing, &world.destroyed, count_destroy, &world.id);
    };
    const auto after = [](World &world) {
        world.destroys = 1;
        EXPECT_EQ(world.state()[5], 1U) << "listeners";
    };
    EXPECT_GT(fail_each(running, call, MEMPOOL_OK, after), 3);
    EXPECT_GT(fail_each([] { return std::make_unique<World>(Settings{}, false); }, call, MEMPOOL_OK, after), 2);
}

TEST(AllocationFailure, of_off_event) {
    const auto make = [] {
        auto world = running();
        EXPECT_EQ(mempool_on_event(world->pool, nullptr, hear_nothing, &world->destroyed, count_destroy, &world->id),
                  MEMPOOL_OK);
        world->destroys = 1;
        return world;
    };
    fail_each(
        make, [](World &world) { return mempool_off_event(world.pool, world.id); }, MEMPOOL_OK, [](World &) {});
}

TEST(AllocationFailure, of_tx_wait) {
    const auto make = [] {
        auto world = std::make_unique<World>(Settings{}, false);
        EXPECT_EQ(mempool_set_apply(world->pool, reject_all, nullptr, nullptr), MEMPOOL_OK);
        EXPECT_EQ(mempool_start(world->pool), MEMPOOL_OK);
        world->id = world->settled("x");
        return world;
    };
    const auto call = [](World &world) {
        mempool_outcome outcome{};
        outcome.struct_size = sizeof outcome;
        const mempool_status status = mempool_tx_wait(world.pool, world.id, patience_ms, &outcome);
        if (status == MEMPOOL_OK) {
            EXPECT_EQ(outcome.reason, long_text);
        }
        return status;
    };
    EXPECT_GT(fail_each(make, call, MEMPOOL_OK, [](World &) {}), 0);
}

TEST(AllocationFailure, of_flush_and_stats) {
    const auto call = [](World &world) {
        mempool_stats stats{};
        stats.struct_size = sizeof stats;
        if (const mempool_status status = mempool_stats_read(world.pool, &stats); status != MEMPOOL_OK) return status;
        return mempool_flush(world.pool, patience_ms);
    };
    fail_each(running, call, MEMPOOL_OK, [](World &) {});
}

TEST(AllocationFailure, of_stop_and_release) {
    const auto with_network = [] { return std::make_unique<World>(network); };
    const auto stop = [](World &world) { return mempool_stop(world.pool, patience_ms); };
    const auto release = [](World &world) {
        mempool_release(std::exchange(world.pool, nullptr));
        return MEMPOOL_OK;
    };
    fail_each(running, stop, MEMPOOL_OK, [](World &) {});
    fail_each(with_network, stop, MEMPOOL_OK, [](World &) {});
    fail_each([] { return std::make_unique<World>(Settings{}, false); }, release, MEMPOOL_OK, [](World &) {});
}

namespace {

/// Lets the rest of its tick, and the drain after it, fail at one allocation of the batch thread.
struct Doomed {
    int n = 0;
    bool throws = false;
};

std::int32_t doom_the_tick(void *user, mempool_batch *batch) {
    const Doomed &doomed = *static_cast<Doomed *>(user);
    armed = false;  // what the last one left
    reject_all(nullptr, batch);
    left = doomed.n;
    for_good = false;
    fired = false;
    armed = true;
    return doomed.throws ? 7 : 0;  // "apply failed with 7" takes memory too
}

}  // namespace

TEST(AllocationFailure, of_the_batch_thread_loses_nothing) {
    constexpr std::uint64_t count = 6;
    for (const bool throws : {false, true})
        for (int n = 0; n < 60; ++n) {
            SCOPED_TRACE("allocation " + std::to_string(n));
            Doomed doomed{n, throws};
            World world({{"queue_capacity", "2"}, {"batch_max", "2"}}, false);
            ASSERT_EQ(mempool_set_apply(world.pool, doom_the_tick, &doomed, nullptr), MEMPOOL_OK);
            ASSERT_EQ(mempool_start(world.pool), MEMPOOL_OK);
            std::uint64_t accepted = 0;
            for (std::uint64_t number = 0; number < count; ++number) {
                const mempool_status status =
                    mempool_submit_wait(world.pool, long_text.data(), long_text.size(), nullptr, patience_ms, nullptr);
                EXPECT_TRUE(status == MEMPOOL_OK || status == MEMPOOL_NO_MEMORY) << status;
                if (status == MEMPOOL_OK) ++accepted;
            }
            ASSERT_EQ(mempool_flush(world.pool, patience_ms), MEMPOOL_OK);
            mempool_stats stats{};
            stats.struct_size = sizeof stats;
            ASSERT_EQ(mempool_stats_read(world.pool, &stats), MEMPOOL_OK);
            EXPECT_EQ(stats.accepted, accepted);
            EXPECT_EQ(stats.rejected, accepted);
            EXPECT_EQ(stats.events, stats.batches);
        }
}
