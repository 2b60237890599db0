// SPDX-License-Identifier: MIT
/// The n-th allocation of a call fails, for n = 0, 1, 2 ... until the call passes untouched; once with only that one failing, once with
/// all that follow. The call answers NO_MEMORY, or what it would have answered; after NO_MEMORY nothing has changed and the same call
/// then does what it should. Replaces operator new, hence an executable of its own; the shared library allocates with it too.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mempool.h"
#include "unit/pool/failing_world.hpp"

using namespace mempool_test;

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

TEST(AllocationFailure, of_set_log) {
    const auto make = [] { return std::make_unique<World>(Settings{}, false); };
    const auto call = [](World &world) {
        return mempool_set_log(
            world.pool, [](void *, const mempool_log_view *) {}, &world.destroyed, count_destroy);
    };
    EXPECT_GT(fail_each(make, call, MEMPOOL_OK, [](World &world) { world.destroys = 1; }), 1);
}

TEST(AllocationFailure, of_metrics_text) {
    const auto call = [](World &world) {
        std::size_t needed = 0;
        static char text[64 * 1024];
        const mempool_status status = mempool_metrics_text(world.pool, text, sizeof text, &needed);
        EXPECT_EQ(needed > 0, status == MEMPOOL_OK);
        return status;
    };
    EXPECT_GT(fail_each(running, call, MEMPOOL_OK, [](World &) {}), 0);
}

class AllocationFailureOfStart : public testing::TestWithParam<bool> {};

TEST_P(AllocationFailureOfStart, leaves_the_pool_open) {
    const std::string path = testing::TempDir() + "without_memory." + std::to_string(getpid());
    Settings everywhere = network;
    everywhere.push_back({"listen_unix", path.c_str()});
    const auto make = [&] {
        auto world = std::make_unique<World>(GetParam() ? everywhere : Settings{}, false);
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

TEST(AllocationFailure, of_a_start_that_is_refused) {
    const std::string file = testing::TempDir() + "no_socket." + std::to_string(getpid());
    std::ofstream(file) << "precious";
    const Settings settings = {{"listen_unix", file.c_str()}};
    const auto make = [&] { return std::make_unique<World>(settings, false); };
    EXPECT_GT(fail_each(
                  make, [](World &world) { return mempool_start(world.pool); }, MEMPOOL_ADDRESS_IN_USE, [](World &) {}),
              1);
    EXPECT_EQ(std::remove(file.c_str()), 0);
}

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
    static const std::string no_copy(1'000, 'x');  // beyond what is copied into a page: each takes memory of its own
    const auto call = [](World &world) {
        std::array<mempool_bytes, 20> many;
        many.fill({long_text.data(), long_text.size()});
        for (std::size_t index = 0; index < many.size(); index += 2) many[index] = {no_copy.data(), no_copy.size()};
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
