// SPDX-License-Identifier: MIT
/// A submission over HTTP during which the n-th allocation of the network thread fails: it is accepted whole or not at all, and who asks
/// again with the same key gets the ids that he would have got. Replaces operator new, hence an executable of its own.
#include <gtest/gtest.h>

#include <pthread.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

#include "unit/pool/server.hpp"

namespace {

std::atomic<int> failing_network{-1};  // so many of the network thread's pass, then one fails; -1: none
std::atomic<int> failed{0};

bool fails_now() {
    if (failing_network < 0) return false;
    std::array<char, 16> name{};
    pthread_getname_np(pthread_self(), name.data(), name.size());
    if (std::string_view(name.data()) != "mempool-net" || failing_network-- != 0) return false;
    ++failed;
    return true;
}

}  // namespace

// Not inlined: g++ 12 would see free() of what some other `new` returned, and warn (-Wmismatched-new-delete).
[[gnu::noinline]] void *operator new(std::size_t bytes) {
    if (!fails_now())
        if (void *memory = std::malloc(bytes > 0 ? bytes : 1)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void *memory) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void *memory, std::size_t) noexcept {
    std::free(memory);
}

using namespace mempool;
using namespace mempool::test;

namespace {

std::string request(std::string_view path, std::string_view type, std::string_view body) {
    return "POST " + std::string(path) +
           " HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k\r\nContent-Type: " + std::string(type) +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

void fail_each(const std::string &asked, std::uint64_t transactions, const std::string &answered) {
    for (int n = 0;; ++n) {
        SCOPED_TRACE("allocation " + std::to_string(n));
        failed = 0;
        Server server({{"batch_interval_ms", 0},
                       {"header_timeout_ms", 300},
                       {"body_timeout_ms", 300},
                       {"close_timeout_ms", 100}});
        WireClient client(server.port);
        client.send(get("/healthz"));
        ASSERT_EQ(status_of(client.read_answer()), 200);
        failing_network = n;
        client.send(asked);
        const std::string first = client.read_answer();
        failing_network = -1;
        const std::uint64_t accepted = server.pool->stats()[Counter::accepted];
        EXPECT_TRUE(accepted == 0 || accepted == transactions) << accepted;
        if (status_of(first) == 202) {
            EXPECT_EQ(body_of(first), answered);
            EXPECT_EQ(accepted, transactions);
        }
        if (status_of(first) == 503) {
            EXPECT_EQ(accepted, 0U);
        }
        WireClient again(server.port);
        again.send(asked);
        EXPECT_EQ(body_of(again.read_answer()), answered);
        EXPECT_EQ(server.pool->stats()[Counter::accepted], transactions);
        if (failed == 0) {
            EXPECT_GT(n, 5);
            break;
        }
    }
}

const std::string first_long(100, 'a');  // never in a string's own bytes
const std::string second_long(100, 'b');
constexpr std::string_view both = R"({"ids":["1","2"],"status":"pending","durability":"memory"})";

}  // namespace

TEST(SubmissionWithoutMemory, of_one) {
    fail_each(request("/tx", "text/plain", first_long), 1, R"({"id":"1","status":"pending","durability":"memory"})");
}

TEST(SubmissionWithoutMemory, of_lines) {
    fail_each(request("/txs", "application/x-ndjson", first_long + "\n" + second_long), 2, std::string(both));
}

TEST(SubmissionWithoutMemory, of_strings) {
    fail_each(request("/txs", "application/json", "[\"" + first_long + "\",\"" + second_long + "\"]"), 2,
              std::string(both));
}
