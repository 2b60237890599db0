// SPDX-License-Identifier: MIT
/// A stop where Asio has no memory for what it is handed. It takes it by aligned_alloc, which is replaced here, hence an executable of its
/// own; a thread fails its own allocations only.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>

#include "unit/pool/server.hpp"

namespace {

thread_local int failing = 0;  // so many more fail
std::atomic<int> failed{0};    // so many did, on any thread

}  // namespace

extern "C" void *aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
    if (failing > 0) {
        --failing;
        ++failed;
        return nullptr;
    }
    void *memory = nullptr;
    return posix_memalign(&memory, std::max(alignment, sizeof(void *)), bytes) == 0 ? memory : nullptr;
}

using namespace mempool;
using namespace mempool::test;

TEST(StopWithoutMemory, the_batch_thread_waits_until_it_can_tell_the_network_thread) {
    failed = 0;
    Server server({{"batch_interval_ms", 0}, {"close_timeout_ms", 100}}, [](Batch &) { failing = 3; });
    WireClient client(server.port);
    client.upgrade();
    std::uint64_t id = 0;
    ASSERT_TRUE(server.pool->submit("one", 3, id).ok());
    EXPECT_EQ(client.read_frame(), "text:batch applied 1/1 txs");
    std::thread closer([&client] {
        EXPECT_TRUE(client.read_frame().starts_with("text:draining "));
        EXPECT_EQ(client.read_frame(), "close:1001");
    });
    EXPECT_TRUE(server.pool->stop(10'000).ok());
    closer.join();
    EXPECT_EQ(failed, 3);
}

TEST(StopWithoutMemory, a_pool_that_is_let_go_drains_by_itself_though_its_clients_cannot_be_cut) {
    Options options;
    ASSERT_TRUE(options.set_integer("listen_port", 0).ok());
    ASSERT_TRUE(options.set_integer("close_timeout_ms", 100).ok());
    std::shared_ptr<Pool> pool;
    ASSERT_TRUE(Pool::open(options, pool).ok());
    ASSERT_TRUE(pool->start().ok());
    std::int32_t port = 0;
    ASSERT_TRUE(pool->port(port).ok());
    WireClient client(port);
    client.upgrade();
    failing = 1;
    failed = 0;
    pool->abandon();
    failing = 0;
    EXPECT_EQ(failed, 1);
    EXPECT_TRUE(client.read_frame().starts_with("text:draining "));
    EXPECT_EQ(client.read_frame(), "close:1001");
    EXPECT_FALSE(client.read_all().ends_with("(silence)"));
    while (pool->state() != Pool::State::stopped) std::this_thread::yield();
}
