// SPDX-License-Identifier: MIT
/// Newcomers on their way to a network thread that runs when the test lets it, or not at all. What one sees of them is the other end of
/// each socket.
#include "http/connections.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>

#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "unit/http/plain_host.hpp"
#include "unit/pool/wire_client.hpp"

using namespace mempool;
using mempool::test::Connected;
using mempool::test::WireClient;

namespace {

constexpr std::string_view question = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

class Handover : public ::testing::Test {
protected:
    Handover() {
        connections.emplace(shard, host_.services, host_.limits, std::make_shared<http::Budget>(1000), counts);
    }
    ~Handover() override { end(); }

    /// The client at the other end of a newcomer.
    http::Newcomer comes(std::unique_ptr<WireClient> &client) {
        int ends[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        EXPECT_EQ(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
        client = std::make_unique<WireClient>(Connected{ends[1]});
        return {ends[0], http::Reach::unix_socket};
    }
    std::unique_ptr<WireClient> handed_over() {
        std::unique_ptr<WireClient> client;
        http::Newcomer newcomer = comes(client);
        EXPECT_TRUE(connections->hand_over(newcomer));
        EXPECT_EQ(newcomer.socket(), -1) << "it is the other thread's now";
        return client;
    }
    void run() {
        network_ = std::thread([this] { shard.run(); });
    }
    void join() { network_.join(); }
    void end() {
        if (!network_.joinable()) return;
        shard.cut();
        join();
    }

private:
    http::test::PlainHost host_;

protected:
    http::Counts counts;
    Shard shard{"mempool", host_.ring, {{milliseconds(1000), {}, 1 << 16, 1 << 20}, 0}, host_.log};
    std::optional<http::Connections> connections;

private:
    std::thread network_;
};

}  // namespace

TEST_F(Handover, more_than_are_taken_in_at_once_are_all_served_and_counted_from_the_first_moment) {
    std::vector<std::unique_ptr<WireClient>> clients;
    for (int count = 0; count < 200; ++count) {
        clients.push_back(handed_over());
        clients.back()->send(question);
    }
    EXPECT_EQ(connections->held(), 200U) << "nobody has seen them yet";
    run();
    for (const auto &client : clients) EXPECT_TRUE(client->read_answer().starts_with("HTTP/1.1 200"));
    EXPECT_EQ(connections->held(), 200U);
    clients.push_back(handed_over());
    clients.back()->send(question);
    EXPECT_TRUE(clients.back()->read_answer().starts_with("HTTP/1.1 200")) << "and who comes later";
    clients.clear();
    const Instant limit = Clock::now() + milliseconds(10'000);
    while (connections->held() > 0 && Clock::now() < limit) std::this_thread::yield();
    EXPECT_EQ(connections->held(), 0U);
    EXPECT_EQ(counts.admitted.get(), 201U);
}

TEST_F(Handover, one_that_comes_just_before_a_drain_is_ended_by_it_and_nobody_is_taken_any_more) {
    const auto before = handed_over();
    shard.drain();
    run();
    join();  // it ends by itself
    EXPECT_EQ(before->read_all(), "");
    std::unique_ptr<WireClient> after;
    {
        http::Newcomer newcomer = comes(after);
        EXPECT_FALSE(connections->hand_over(newcomer));
        EXPECT_GE(newcomer.socket(), 0) << "it is still the caller's";
    }
    EXPECT_EQ(after->read_all(), "") << "who ends it";
    EXPECT_EQ(connections->held(), 0U);
}

TEST_F(Handover, those_that_come_just_before_a_cut_are_cut) {
    std::vector<std::unique_ptr<WireClient>> clients;
    for (int count = 0; count < 100; ++count) clients.push_back(handed_over());
    shard.cut();
    run();
    join();
    for (const auto &client : clients) EXPECT_EQ(client->read_all(), "");
    EXPECT_EQ(connections->held(), 0U);
}

TEST_F(Handover, whom_nobody_took_ends_with_the_connections) {
    const auto client = handed_over();
    connections.reset();  // as where the pool's start fails at a later step
    EXPECT_EQ(client->read_all(), "");
}
