// SPDX-License-Identifier: MIT
/// An HTTP request that waits for an outcome watches it for just so long. The network side with its real thread, and outcomes that are settled
/// by hand.
#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "http/listener.hpp"
#include "unit/http/plain_host.hpp"
#include "unit/pool/wire_client.hpp"

using namespace mempool;
using mempool::test::WireClient;

namespace {

class Waiting : public ::testing::Test {
protected:
    Waiting() {
        host_.intake.open();
        std::vector<http::ListenSocket> places(1);
        EXPECT_TRUE(places[0].listen_on("127.0.0.1", 0).ok());
        port = places[0].port();
        connections_.emplace(shard, host_.services, host_.limits, std::make_shared<http::Budget>(1000), counts_);
        listener_.emplace(shard, std::vector{&*connections_}, std::move(places), http::Listener::Crowd{100, 0}, counts_,
                          host_.log);
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
    http::test::PlainHost host_;
    http::Counts counts_;

protected:
    Outcomes &outcomes = host_.outcomes;
    Shard shard{"mempool", host_.ring, {{milliseconds(1000), {}, 1 << 16, 1 << 20}, 0}, host_.log};
    std::uint16_t port = 0;

private:
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
