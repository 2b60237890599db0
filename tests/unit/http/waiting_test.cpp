// SPDX-License-Identifier: MIT
/// An HTTP request that waits for an outcome watches it for just so long. The network side with its real thread, and outcomes that are settled
/// by hand.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "http/listener.hpp"
#include "unit/pool/wire_client.hpp"

using namespace mempool;
using mempool::test::WireClient;

namespace {

class Waiting : public ::testing::Test {
protected:
    Waiting() {
        intake_.open();
        std::vector<http::ListenSocket> places(1);
        EXPECT_TRUE(places[0].listen_on("127.0.0.1", 0).ok());
        port = places[0].port();
        const http::Session::Limits limits{
            milliseconds(5000), milliseconds(5000), milliseconds(5000), milliseconds(1000), 1000, 1000, 1000};
        connections_.emplace(shard, services_, limits, std::make_shared<http::Budget>(1000), counts_);
        listener_.emplace(shard, std::vector{&*connections_}, std::move(places), http::Listener::Crowd{100, 0}, counts_,
                          log_);
        network_ = std::thread([this] { shard.run(); });
    }
    ~Waiting() override { stop(); }

    void stop() {
        if (!network_.joinable()) return;
        shard.cut();
        network_.join();
    }
    void until_watched(std::size_t count) const {
        const Instant limit = Clock::now() + milliseconds(10'000);
        while (outcomes.watched() != count && Clock::now() < limit) std::this_thread::yield();
        EXPECT_EQ(outcomes.watched(), count);
    }

private:
    Queue queue_{10, 1000};
    Intake intake_{queue_, 100, 10, 1000};
    Idempotency keys_{1};
    WakeFd bell_;
    Log log_{LogLevel::off, bell_};
    Ring ring_{10, 1000, "e0"};
    http::Counts counts_;
    std::atomic<bool> draining_{false};

protected:
    Outcomes outcomes{10};
    Shard shard{"mempool", ring_, {{milliseconds(1000), {}, 1 << 16, 1 << 20}, 0}, log_};
    std::uint16_t port = 0;

private:
    const http::Services services_{intake_,
                                   keys_,
                                   outcomes,
                                   draining_,
                                   false,
                                   false,
                                   "mempool",
                                   {},
                                   http::WhoMayAsk("", "", ""),
                                   http::SlowRule("lag", "lag"),
                                   ""};
    std::optional<http::Connections> connections_;
    std::optional<http::Listener> listener_;
    std::thread network_;
};

constexpr std::string_view submission = "POST /tx?wait=60 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\na";

}  // namespace

TEST_F(Waiting, whose_time_is_up_watches_no_more) {
    WireClient client(port);
    client.send("POST /tx?wait=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\na");
    until_watched(1);
    EXPECT_TRUE(client.read_answer().starts_with("HTTP/1.1 202"));
    EXPECT_EQ(outcomes.watched(), 0U);
    client.send("GET /tx/1?wait=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    until_watched(1);
    EXPECT_NE(client.read_answer().find("pending"), std::string::npos);
    EXPECT_EQ(outcomes.watched(), 0U);
}

TEST_F(Waiting, who_is_cut_watches_no_more) {
    WireClient client(port);
    client.send(submission);
    until_watched(1);
    stop();
    EXPECT_EQ(outcomes.watched(), 0U);
}

TEST_F(Waiting, who_is_told_is_told_once) {
    WireClient client(port);
    client.send(submission);
    until_watched(1);
    outcomes.settle(1, 1, 1, {});
    EXPECT_NE(client.read_answer().find(R"({"id":"1","status":"applied","batch":"1"})"), std::string::npos);
    EXPECT_EQ(outcomes.watched(), 0U);
    client.send("GET /tx/1?wait=60 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_NE(client.read_answer().find("applied"), std::string::npos);
}
