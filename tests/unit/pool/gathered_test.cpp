// SPDX-License-Identifier: MIT
/// Answers to pipelined requests gather in one write: that each comes whole, in order, and no later than it can.
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>

#include "unit/pool/server.hpp"

using namespace mempool;
using namespace mempool::test;

namespace {

std::string post_to(std::string_view target, std::string_view more = "") {
    return "POST " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n" + std::string(more) +
           "\r\na";
}

std::string accepted(int id) {
    return R"({"id":")" + std::to_string(id) + R"(","status":"pending","durability":"memory"})";
}

}  // namespace

TEST(Gathered, more_than_a_turn_has_room_for_come_whole_and_in_order_wherever_they_are_cut) {
    constexpr int count = 1000;
    for (const std::size_t piece : {std::size_t{97}, std::size_t{8192}, std::size_t{1} << 20}) {
        SCOPED_TRACE(piece);
        Server server;
        WireClient client(server.port);
        std::string requests;
        for (int each = 0; each < count; ++each) requests += post("GET / HTTP/1.1\r\n\r\n" + std::to_string(each));
        std::thread sender([&] {
            for (std::size_t at = 0; at < requests.size(); at += piece)
                client.send(std::string_view(requests).substr(at, piece));
        });
        for (int id = 1; id <= count; ++id) {
            const std::string answer = client.read_answer();
            EXPECT_EQ(status_of(answer), 202);
            EXPECT_EQ(body_of(answer), accepted(id));
            if (HasFailure()) break;
        }
        sender.join();
    }
}

TEST(Gathered, an_answer_does_not_wait_for_a_request_that_is_not_whole) {
    Server server;
    WireClient client(server.port);
    const std::string next = post("three");
    for (std::size_t cut = 1; cut < next.size(); cut += 7) {
        client.send(post("one") + post("two") + next.substr(0, cut));
        EXPECT_EQ(status_of(client.read_answer()), 202);
        EXPECT_EQ(status_of(client.read_answer()), 202) << cut;
        client.send(next.substr(cut));
        EXPECT_EQ(status_of(client.read_answer()), 202);
    }
}

TEST(Gathered, what_comes_before_a_wait_is_told_while_that_waits) {
    std::promise<void> heard;
    Server server({{"batch_interval_ms", 0}}, [go = heard.get_future().share()](Batch &) { go.wait(); });
    WireClient client(server.port);
    client.send(post("one") + post_to("/tx?wait=60") + post("three") + post_to("/tx", "Prefer: wait=60\r\n") +
                post("five"));
    EXPECT_EQ(body_of(client.read_answer()), accepted(1));
    heard.set_value();
    EXPECT_EQ(body_of(client.read_answer()).find(R"({"id":"2","status":"applied")"), 0U);
    EXPECT_EQ(body_of(client.read_answer()), accepted(3));
    EXPECT_EQ(body_of(client.read_answer()).find(R"({"id":"4","status":"applied")"), 0U);
    EXPECT_EQ(body_of(client.read_answer()), accepted(5));
}

TEST(Gathered, a_close_or_a_refusal_in_the_middle_is_the_last_answer) {
    const struct {
        std::string last;
        std::uint64_t accepted;
    } rows[] = {{post_to("/tx", "Connection: close\r\n"), 3},
                {"nonsense\r\n\r\n", 2},
                {"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", 2}};
    for (const auto &[last, all_accepted] : rows) {
        SCOPED_TRACE(last);
        Server server;
        WireClient client(server.port);
        client.send(post("one") + post("two") + last + post("never"));
        EXPECT_EQ(body_of(client.read_answer()), accepted(1));
        EXPECT_EQ(body_of(client.read_answer()), accepted(2));
        EXPECT_NE(client.read_answer().find("Connection: close\r\n"), std::string::npos);
        EXPECT_EQ(client.read_all(), "");
        EXPECT_EQ(server.pool->stats()[Counter::accepted], all_accepted);
    }
}

TEST(Gathered, one_hundred_continue_and_an_upgrade_come_behind_it) {
    Server server;
    WireClient client(server.port);
    // In one piece each: what is asked there is whole when its turn comes.
    client.send(post("one") + post_to("/tx", "Expect: 100-continue\r\n") + post("three"));
    EXPECT_EQ(body_of(client.read_answer()), accepted(1));
    EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_EQ(body_of(client.read_answer()), accepted(2));
    EXPECT_EQ(body_of(client.read_answer()), accepted(3));
    client.send(post("four") +
                "GET /ws/mempool HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    EXPECT_EQ(body_of(client.read_answer()), accepted(4));
    EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
}

TEST(Gathered, who_reads_late_gets_every_byte) {
    constexpr int count = 400;
    Server server;
    WireClient client(server.port, 4096);
    std::string requests;
    for (int each = 0; each < count; ++each) requests += get("/") + post("x");
    std::thread sender([&] { client.send(requests); });
    std::string page;
    for (int id = 1; id <= count; ++id) {
        const std::string body = body_of(client.read_answer());
        if (id == 1) page = body;
        EXPECT_GT(body.size(), 1000U);
        EXPECT_EQ(body, page);
        EXPECT_EQ(body_of(client.read_answer()), accepted(id));
        if (HasFailure()) break;
    }
    sender.join();
}
