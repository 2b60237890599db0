// SPDX-License-Identifier: MIT
/// Where the network thread has no memory, or Asio none for what it is handed: that takes it by aligned_alloc, which is replaced here
/// beside operator new, hence an executable of its own. A thread fails Asio's allocations on itself, or all of the network thread.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "unit/pool/failing_allocations.hpp"
#include "unit/pool/server.hpp"

namespace {

thread_local int failing = 0;  // so many more of Asio's fail on this thread
std::atomic<int> failed{0};    // so many did, on any thread

bool asio_fails_now() {
    if (failing == 0) return mempool_test::fails_on_network_thread();
    --failing;
    ++failed;
    return true;
}

}  // namespace

extern "C" void *aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
    if (asio_fails_now()) return nullptr;
    void *memory = nullptr;
    return posix_memalign(&memory, std::max(alignment, sizeof(void *)), bytes) == 0 ? memory : nullptr;
}

using namespace mempool;
using namespace mempool::test;
using mempool_test::FailingNetwork;
using mempool_test::network_failed;

namespace {

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::string asks(std::string_view path, std::string_view headers) {
    return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers) + "\r\n";
}

}  // namespace

TEST(NetworkWithoutMemory, the_batch_thread_waits_until_it_can_tell_the_network_thread) {
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

TEST(NetworkWithoutMemory, a_pool_that_is_let_go_drains_by_itself_though_its_clients_cannot_be_cut) {
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

TEST(NetworkWithoutMemory, the_nth_allocation_of_the_network_thread_costs_a_connection_and_not_the_listener) {
    for (int n = 0;; ++n) {
        SCOPED_TRACE("allocation " + std::to_string(n));
        Server server({{"close_timeout_ms", 100}, {"header_timeout_ms", 300}});
        WireClient before(server.port);
        before.send(get("/healthz"));
        ASSERT_EQ(status_of(before.read_answer()), 200);
        {
            const FailingNetwork failing_network(n);
            std::vector<std::unique_ptr<WireClient>> meanwhile;
            for (int count = 0; count < 4; ++count) {
                meanwhile.push_back(std::make_unique<WireClient>(server.port));
                meanwhile.back()->send(get("/healthz"));
            }
            for (const auto &client : meanwhile) EXPECT_FALSE(client->read_answer().ends_with("(silence)"));
        }
        WireClient after(server.port);
        after.send(get("/healthz"));
        ASSERT_EQ(status_of(after.read_answer()), 200);
        if (network_failed == 0) break;
    }
}

TEST(NetworkWithoutMemory, the_nth_allocation_of_an_upgrade_leaves_no_descriptor) {
    std::string origin = "http://";  // an allowed one, so long that what is said of it takes memory
    for (int label = 0; label < 20; ++label) origin += "abcdefgh.";
    for (const std::string &request : {asks("/events/mempool", "Origin: " + origin + "localhost\r\n"),
                                       asks("/ws/mempool", "Origin: " + origin +
                                                               "localhost\r\nUpgrade: websocket\r\nConnection: "
                                                               "Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")})
        for (int n = 0;; ++n) {
            SCOPED_TRACE("allocation " + std::to_string(n) + " of " + request.substr(0, request.find('\r')));
            Server server({{"header_timeout_ms", 300}});
            {
                WireClient first(server.port);  // what the first connection takes for good
                first.send(get("/healthz"));
                ASSERT_EQ(status_of(first.read_answer()), 200);
            }
            while (server.pool->stats()[Counter::connections] > 0) std::this_thread::yield();
            const std::size_t before = open_descriptors();
            {
                WireClient client(server.port);
                const FailingNetwork failing_network(n);
                client.send(request);
                EXPECT_EQ(client.read_until("\r\n\r\n").find("(silence)"), std::string::npos);
            }
            const Instant limit = Clock::now() + milliseconds(5000);
            const auto is_left = [&] {
                return open_descriptors() > before || server.pool->stats()[Counter::connections] > 0;
            };
            while (is_left() && Clock::now() < limit) std::this_thread::yield();
            EXPECT_EQ(open_descriptors(), before);
            EXPECT_EQ(server.pool->stats()[Counter::connections], 0U);
            WireClient after(server.port);
            after.send(get("/healthz"));
            ASSERT_EQ(status_of(after.read_answer()), 200);
            EXPECT_EQ(server.pool->stats()[Counter::connections], 1U) << "none was counted as gone twice";
            if (network_failed == 0 || HasFailure()) break;
        }
}

TEST(NetworkWithoutMemory, the_nth_allocation_of_the_network_thread_holds_no_stop) {
    for (int n = 0;; ++n) {
        SCOPED_TRACE("allocation " + std::to_string(n));
        Server server({{"close_timeout_ms", 100}});
        WireClient idle(server.port);
        idle.send(get("/healthz"));
        ASSERT_EQ(status_of(idle.read_answer()), 200);
        WireClient listener(server.port);
        listener.upgrade();
        std::thread closer([&listener] {
            for (std::string frame = listener.read_frame(); frame.starts_with("text:");) frame = listener.read_frame();
        });
        const Instant before = Clock::now();
        {
            const FailingNetwork failing_network(n);
            EXPECT_TRUE(server.pool->stop(60'000).ok());
        }
        EXPECT_LT(Clock::now() - before, milliseconds(10'000)) << "it was cut, or waited for the keep-alive's end";
        EXPECT_EQ(idle.read_all(), "");
        closer.join();
        if (network_failed == 0) break;
    }
}
