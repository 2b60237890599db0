// SPDX-License-Identifier: MIT
#include "http/rate.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

using namespace mempool;
using namespace mempool::http;

namespace {

constexpr std::uint64_t seed = 0x5eed;
const Instant start{std::chrono::hours(1)};

std::uint64_t key(const char *address) {
    sockaddr_storage peer{};
    if (inet_pton(AF_INET, address, &reinterpret_cast<sockaddr_in &>(peer).sin_addr) == 1)
        peer.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, address, &reinterpret_cast<sockaddr_in6 &>(peer).sin6_addr) == 1)
        peer.ss_family = AF_INET6;
    return rate_key(peer);
}

/// How many of so many connections come in, all at that instant.
int admitted(ConnectionRate &rate, std::uint64_t from, int connections, Instant now) {
    int count = 0;
    for (int i = 0; i < connections; ++i) count += rate.take(from, now);
    return count;
}

}  // namespace

TEST(ConnectionRate, a_burst_of_the_rate_comes_in_and_no_more) {
    for (const int per_second : {1, 3, 100, 1'000'000}) {
        ConnectionRate rate(static_cast<std::uint32_t>(per_second), seed);
        EXPECT_EQ(admitted(rate, 1, per_second + 10, start), per_second);
    }
}

TEST(ConnectionRate, a_second_later_the_whole_burst_is_there_again) {
    ConnectionRate rate(10, seed);
    for (int second = 0; second < 5; ++second)
        EXPECT_EQ(admitted(rate, 1, 1000, start + std::chrono::seconds(second)), 10) << second;
}

TEST(ConnectionRate, in_between_one_comes_in_for_each_share_of_the_second) {
    ConnectionRate rate(10, seed);
    EXPECT_EQ(admitted(rate, 1, 10, start), 10);
    EXPECT_EQ(admitted(rate, 1, 5, start + milliseconds(99)), 0);
    EXPECT_EQ(admitted(rate, 1, 5, start + milliseconds(100)), 1);
    EXPECT_EQ(admitted(rate, 1, 5, start + milliseconds(350)), 2);
}

TEST(ConnectionRate, who_is_refused_is_not_put_off_by_asking_again) {
    ConnectionRate rate(1, seed);
    EXPECT_TRUE(rate.take(1, start));
    for (int ms = 0; ms < 1000; ++ms) EXPECT_FALSE(rate.take(1, start + milliseconds(ms)));
    EXPECT_TRUE(rate.take(1, start + milliseconds(1000)));
}

TEST(ConnectionRate, addresses_do_not_share) {
    ConnectionRate rate(2, seed);
    EXPECT_EQ(admitted(rate, key("127.0.0.1"), 100, start), 2);
    EXPECT_EQ(admitted(rate, key("127.0.0.2"), 100, start), 2);
    EXPECT_EQ(admitted(rate, key("::1"), 100, start), 2);
}

TEST(ConnectionRate, an_ipv6_network_of_64_bits_is_one_address) {
    EXPECT_EQ(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff:ffff:ffff:ffff"));
    EXPECT_NE(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
    EXPECT_EQ(key("::ffff:10.0.0.1"), key("10.0.0.1"));
    EXPECT_NE(key("10.0.0.1"), key("10.0.0.2"));
    EXPECT_NE(key("::1"), 0u);
}

TEST(ConnectionRate, zero_is_no_limit_and_a_unix_socket_has_none) {
    ConnectionRate off(0, seed);
    EXPECT_EQ(admitted(off, 1, 1000, start), 1000);
    ConnectionRate rate(1, seed);
    sockaddr_storage unix_peer{};
    unix_peer.ss_family = AF_UNIX;
    EXPECT_EQ(admitted(rate, rate_key(unix_peer), 1000, start), 1000);
}

TEST(ConnectionRate, a_flood_of_addresses_lets_everybody_in_and_does_not_free_who_floods) {
    ConnectionRate rate(4, seed);
    const std::uint64_t flooding = key("127.0.0.1");
    EXPECT_EQ(admitted(rate, flooding, 100, start), 4);
    constexpr std::uint64_t addresses = 10 * ConnectionRate::rows * ConnectionRate::ways;
    for (std::uint64_t other = 1; other <= addresses; ++other) ASSERT_TRUE(rate.take(other << 8, start)) << other;
    EXPECT_EQ(admitted(rate, flooding, 100, start), 0)
        << "others have more of their burst left, and are forgotten first";
}
