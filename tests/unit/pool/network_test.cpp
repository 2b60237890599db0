// SPDX-License-Identifier: MIT
/// A whole pool on a real socket, in one process, so that the sanitizers see the network side too.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "unit/pool/server.hpp"
#include "unit/websocket/client_frames.hpp"

using namespace mempool;
using namespace mempool::test;
namespace frames = mempool::websocket::test;

TEST(Network, a_transaction_is_accepted_and_its_outcome_can_be_asked_for) {
    Server server({{"batch_interval_ms", 0}});
    WireClient client(server.port);
    client.send(post("bad"));
    const std::string answer = client.read_answer();
    EXPECT_EQ(status_of(answer), 202);
    EXPECT_EQ(body_of(answer), R"({"id":"1","status":"pending","durability":"memory"})");
    EXPECT_NE(answer.find("Location: /tx/1\r\n"), std::string::npos);
    Outcome outcome;
    ASSERT_TRUE(server.pool->tx_wait(1, -1, outcome).ok());
    client.send(get("/tx/1"));
    EXPECT_EQ(body_of(client.read_answer()), R"({"id":"1","status":"rejected","reason":"it is \"bad\"","batch":"1"})");
}

TEST(Network, pipelined_requests_get_their_answers_in_order) {
    Server server;
    WireClient client(server.port);
    client.send(post("one") + post("two") + get("/nowhere") + get("/healthz"));
    EXPECT_NE(client.read_answer().find("/tx/1"), std::string::npos);
    EXPECT_NE(client.read_answer().find("/tx/2"), std::string::npos);
    EXPECT_EQ(status_of(client.read_answer()), 404);
    EXPECT_EQ(status_of(client.read_answer()), 200);
}

TEST(Network, a_request_byte_by_byte_is_the_same_request) {
    Server server;
    WireClient client(server.port);
    for (const char byte : post("slow")) client.send({&byte, 1});
    EXPECT_EQ(status_of(client.read_answer()), 202);
}

TEST(Network, what_is_refused_can_be_read_whole_and_ends_the_connection) {
    Server server({{"tx_max_bytes", 100}});
    const struct {
        const char *name;
        std::string bytes;
        int status;
    } rows[] = {
        {"too large, announced", post(std::string(300'000, 'x')), 413},
        {"too large, chunked",
         "POST /tx HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nc8\r\n" + std::string(200, 'x') +
             "\r\n0\r\n\r\n",
         413},
        {"a header beyond 16 KiB", "GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n", 431},
        {"a target beyond 8 KiB", get("/" + std::string(9'000, 'x')), 431},
        {"no HTTP at all", "\x16\x03\x01 hello\r\n\r\n", 400},
        {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 505},
        {"an old version of the protocol", "GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n", 200},
    };
    for (const auto &row : rows) {
        WireClient client(server.port);
        client.send(row.bytes);
        client.finish();
        const std::string answer = client.read_all();
        EXPECT_EQ(status_of(answer), row.status) << row.name << "\n" << answer;
        EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos) << row.name;
        EXPECT_FALSE(answer.ends_with("(reset)")) << row.name;
        EXPECT_EQ(answer.find("HTTP/1.1 ", 1), std::string::npos) << row.name << ": one answer only";
    }
}

TEST(Network, a_body_is_asked_for_where_the_client_waits_for_that) {
    Server server;
    WireClient client(server.port);
    client.send("POST /tx HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("pay");
    EXPECT_EQ(status_of(client.read_answer()), 202);
}

TEST(Network, a_header_that_does_not_come_in_time_is_408) {
    Server server({{"header_timeout_ms", 50}});
    WireClient client(server.port);
    client.send("GET / HT");
    EXPECT_EQ(status_of(client.read_all()), 408);
    WireClient silent(server.port);
    EXPECT_EQ(silent.read_all(), "") << "who said nothing is told nothing";
}

TEST(Network, a_body_that_does_not_come_in_time_is_408) {
    Server server({{"body_timeout_ms", 50}});
    WireClient client(server.port);
    client.send("POST /tx HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf");
    EXPECT_EQ(status_of(client.read_all()), 408);
}

TEST(Network, beyond_max_connections_is_503) {
    Server server({{"max_connections", 2}});
    WireClient first(server.port);
    WireClient second(server.port);
    EXPECT_EQ(status_of(first.upgrade()), 101);
    second.send(get("/healthz"));
    EXPECT_EQ(status_of(second.read_answer()), 200);
    WireClient third(server.port);
    const std::string answer = third.read_until("}");
    EXPECT_EQ(status_of(answer), 503);
    EXPECT_NE(answer.find("Retry-After: 1\r\n"), std::string::npos);
    EXPECT_NE(answer.find("\"connections\""), std::string::npos);
}

TEST(Network, a_client_hears_all_that_is_said_after_its_101) {
    Server server({{"batch_interval_ms", 0}});
    for (int round = 0; round < 50; ++round) {
        WireClient client(server.port);
        ASSERT_EQ(status_of(client.upgrade()), 101);
        EXPECT_GE(server.publish("now"), 1U) << "it counts from before its 101";
        EXPECT_EQ(client.read_frame(), "text:now");
    }
}

TEST(Network, frames_that_came_with_the_request_are_read) {
    Server server;
    WireClient client(server.port);
    client.send(
        "GET /ws/mempool HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n" +
        frames::ping("early"));
    client.read_until("\r\n\r\n");
    EXPECT_EQ(client.read_frame(), "pong:early");
}

TEST(Network, pings_are_answered_also_byte_by_byte) {
    Server server;
    WireClient client(server.port);
    client.upgrade();
    client.send(frames::ping("p"));
    EXPECT_EQ(client.read_frame(), "pong:p");
    for (const char byte : frames::ping("q")) client.send({&byte, 1});
    EXPECT_EQ(client.read_frame(), "pong:q");
    client.send(frames::text("a text client has nothing to say") + frames::ping("r"));
    EXPECT_EQ(client.read_frame(), "pong:r");
}

TEST(Network, a_close_is_answered_and_the_connection_ends) {
    Server server;
    WireClient client(server.port);
    client.upgrade();
    client.send(frames::frame(frames::fin | 8, frames::big_endian(1000, 2)));
    EXPECT_EQ(client.read_frame(), "close:1000");
    EXPECT_EQ(client.read_all(), "");
    server.wait_for_listeners(0);
}

TEST(Network, bad_frames_get_their_close_code) {
    Server server({{"message_max_bytes", 125}});
    const struct {
        const char *name;
        std::string bytes;
        const char *close;
    } rows[] = {
        {"unmasked", "\x81\x01x", "close:1002"},
        {"reserved opcode", frames::frame(frames::fin | 3, "x"), "close:1002"},
        {"not UTF-8", frames::text("\xff"), "close:1007"},
        {"too big", frames::header(frames::fin | 1, 126), "close:1009"},
        {"a close code that nobody may send", frames::frame(frames::fin | 8, frames::big_endian(1005, 2)),
         "close:1002"},
    };
    for (const auto &row : rows) {
        WireClient client(server.port);
        client.upgrade();
        client.send(row.bytes + std::string(10'000, 'z'));
        EXPECT_EQ(client.read_frame(), row.close) << row.name;
        EXPECT_EQ(client.read_all(), "") << row.name << ": the close can be read, no reset";
    }
    server.wait_for_listeners(0);
}

TEST(Network, a_client_that_vanishes_frees_its_seat) {
    Server server;
    std::vector<std::unique_ptr<WireClient>> clients;
    for (int count = 0; count < 20; ++count) {
        clients.push_back(std::make_unique<WireClient>(server.port));
        clients.back()->upgrade();
    }
    EXPECT_EQ(server.publish("all"), 20U);
    for (auto &client : clients) client->vanish();
    server.wait_for_listeners(0);
}

TEST(Network, one_that_does_not_read_is_told_exactly_what_it_missed_and_the_others_wait_for_nothing) {
    constexpr int said = 400;
    Server server({{"ring_capacity", 8}});
    WireClient slow(server.port, 4096);
    WireClient quick(server.port);
    slow.upgrade();
    quick.upgrade();
    const auto event = [](int number) { return std::to_string(number) + std::string(20'000, '.'); };
    for (int number = 1; number <= said; ++number) {
        server.publish(event(number));
        ASSERT_EQ(quick.read_frame(), "text:" + event(number));
    }
    int heard = 0;
    bool lagged = false;
    while (heard < said) {
        const std::string frame = slow.read_frame();
        if (frame.starts_with("text:lagged ")) {
            lagged = true;
            heard += std::stoi(frame.substr(12));
        } else {
            ASSERT_EQ(frame, "text:" + event(++heard));
        }
    }
    EXPECT_EQ(heard, said);
    EXPECT_TRUE(lagged) << "8 MB do not fit into what the kernel may hold";
}

// Whether its answer is written before the drain begins or after: both ways come up in a few dozen turns.
TEST(Network, a_keep_alive_client_that_has_just_had_its_answer_does_not_hold_a_stop) {
    for (int turn = 0; turn < 100; ++turn) {
        Server server({{"close_timeout_ms", 60'000}, {"batch_interval_ms", 0}});
        WireClient producer(server.port);
        producer.send(post("last"));
        ASSERT_EQ(status_of(producer.read_answer()), 202);
        const Instant before = Clock::now();
        ASSERT_TRUE(server.pool->stop(-1).ok());
        ASSERT_LT(Clock::now() - before, milliseconds(5000)) << "turn " << turn;
        ASSERT_EQ(producer.read_all(), "");
    }
}

TEST(Network, a_request_that_does_not_come_to_its_end_holds_a_stop_for_close_timeout_and_no_longer) {
    Server server({{"close_timeout_ms", 200}, {"header_timeout_ms", 60'000}});
    WireClient half(server.port);
    half.send("GET /healthz HTTP/1.1\r\nHost: local");
    WireClient whole(server.port);
    whole.send(get("/healthz"));
    EXPECT_EQ(status_of(whole.read_answer()), 200);  // so the half was read too, or will be
    const Instant before = Clock::now();
    EXPECT_TRUE(server.pool->stop(30'000).ok());
    EXPECT_LT(Clock::now() - before, milliseconds(10'000));
}

TEST(Network, stop_gives_every_client_the_last_event_and_close_1001) {
    std::vector<std::unique_ptr<WireClient>> clients;
    Server server({{"batch_interval_ms", 60'000}});
    for (int count = 0; count < 20; ++count) {
        clients.push_back(std::make_unique<WireClient>(server.port));
        clients.back()->upgrade();
    }
    WireClient producer(server.port);
    producer.send(post("last"));
    EXPECT_EQ(status_of(producer.read_answer()), 202);
    std::thread stopper([&server] { EXPECT_TRUE(server.pool->stop(-1).ok()); });
    for (auto &client : clients) {
        EXPECT_EQ(client->read_frame(), "text:batch applied 1/1 txs");
        const std::string draining = client->read_frame();
        EXPECT_TRUE(draining.starts_with("text:draining ")) << draining;
        const int reconnect_in_ms = std::stoi(draining.substr(14));
        EXPECT_GE(reconnect_in_ms, 500);
        EXPECT_LE(reconnect_in_ms, 5000);
        EXPECT_EQ(client->read_frame(), "close:1001");
        client->send(frames::frame(frames::fin | 8, frames::big_endian(1001, 2)));
        EXPECT_EQ(client->read_all(), "");
    }
    EXPECT_EQ(producer.read_all(), "");
    stopper.join();
}

TEST(Network, a_client_that_does_not_answer_the_close_is_cut_at_the_deadline) {
    Server server({{"close_timeout_ms", 50}});
    WireClient client(server.port);
    client.upgrade();
    ASSERT_TRUE(server.pool->stop(10'000).ok());
    EXPECT_TRUE(client.read_frame().starts_with("text:draining "));
    EXPECT_EQ(client.read_frame(), "close:1001");
}

TEST(Network, submissions_while_draining_are_503) {
    Server server({{"batch_interval_ms", 0}});
    std::atomic<bool> entered{false};
    std::atomic<bool> leave{false};
    Options options;
    ASSERT_TRUE(options.set_integer("listen_port", 0).ok());
    std::shared_ptr<Pool> pool;
    ASSERT_TRUE(Pool::open(options, pool).ok());
    ASSERT_TRUE(pool->set_apply([&](Batch &) {
                        entered = true;
                        while (!leave) std::this_thread::yield();
                    })
                    .ok());
    ASSERT_TRUE(pool->start().ok());
    std::int32_t port = 0;
    ASSERT_TRUE(pool->port(port).ok());
    WireClient client(port);
    client.send(post("x"));
    EXPECT_EQ(status_of(client.read_answer()), 202);
    while (!entered) std::this_thread::yield();
    std::thread stopper([&pool] { EXPECT_TRUE(pool->stop(-1).ok()); });
    while (pool->state() != Pool::State::draining) std::this_thread::yield();
    // The state is set before the queue is closed: the first answer of 503 is waited for.
    std::string answer;
    do {
        client.send(post("late"));
        answer = client.read_answer();
    } while (status_of(answer) == 202);
    EXPECT_EQ(status_of(answer), 503);
    EXPECT_NE(answer.find("\"draining\""), std::string::npos);
    for (const char *method : {"GET", "HEAD"}) {  // of the stream too, and a probe hears the same
        client.send(std::string(method) + " /events/mempool HTTP/1.1\r\nHost: localhost\r\n\r\n");
        const std::string header = client.read_until("\r\n\r\n");
        EXPECT_EQ(status_of(header), 503) << method;
        if (method == std::string_view("GET")) client.read_until("}");
    }
    leave = true;
    stopper.join();
}

TEST(Network, five_pools_side_by_side_share_nothing) {
    std::vector<std::unique_ptr<Server>> servers;
    for (int count = 0; count < 5; ++count) servers.push_back(std::make_unique<Server>());
    for (auto &server : servers) {
        WireClient client(server->port);
        client.upgrade();
        EXPECT_EQ(server->publish("mine"), 1U);
        EXPECT_EQ(client.read_frame(), "text:mine");
    }
}

// ---- who is still there (by a clock moved by hand: world_test) ----

TEST(Network, a_client_that_answers_its_pings_stays_and_one_that_does_not_is_given_up) {
    Server server({{"ping_interval_ms", 40}, {"pong_timeout_ms", 400}});
    WireClient lively(server.port);
    WireClient silent(server.port);
    lively.upgrade();
    silent.upgrade();
    EXPECT_EQ(silent.read_frame(), "ping:");
    while (server.pool->listeners() == 2) {
        ASSERT_EQ(lively.read_frame(), "ping:");
        lively.send(frames::pong(""));
    }
    EXPECT_EQ(server.publish("still here"), 1U);
    std::string frame = lively.read_frame();
    while (frame == "ping:") frame = lively.read_frame();
    EXPECT_EQ(frame, "text:still here");
    EXPECT_FALSE(silent.read_all().ends_with("(silence)"));
}

TEST(Network, a_client_whose_socket_takes_nothing_is_given_up_and_those_beside_it_hear_all) {
    Server server({{"ping_interval_ms", 0}, {"stall_timeout_ms", 100}});
    WireClient stalled(server.port, 4096);
    WireClient reading(server.port);
    stalled.upgrade();
    reading.upgrade();
    const std::string large(60'000, 'x');
    std::size_t said = 0;
    while (server.pool->listeners() == 2) {
        server.publish(large);
        ++said;
        ASSERT_EQ(reading.read_frame(), "text:" + large);
    }
    EXPECT_EQ(server.publish("last"), 1U);
    EXPECT_EQ(reading.read_frame(), "text:last");
}

TEST(Network, who_is_further_behind_than_the_lane_but_not_than_the_ring_misses_nothing) {
    Server server({{"lane_bytes", 65'536}, {"ring_capacity", 1000}});
    WireClient slow(server.port, 4096);
    WireClient fast(server.port);
    slow.upgrade();
    fast.upgrade();
    const std::string pad(20'000, '.');
    for (int count = 0; count < 1000; ++count) {  // 20 MB: neither the lane nor the kernel has room for it
        server.publish(std::to_string(count) + pad);
        ASSERT_EQ(fast.read_frame(), "text:" + std::to_string(count) + pad);
    }
    for (int count = 0; count < 1000; ++count) ASSERT_EQ(slow.read_frame(), "text:" + std::to_string(count) + pad);
}

TEST(Network, each_client_is_sent_or_misses_every_event_and_the_statistics_say_so) {
    Server server({{"ring_capacity", 4}});
    WireClient slow(server.port, 4096);
    WireClient fast(server.port);
    slow.upgrade();
    fast.upgrade();
    const std::string large(60'000, 'x');
    constexpr std::uint64_t events = 100;
    for (std::uint64_t count = 0; count < events; ++count) {
        server.publish(large);
        ASSERT_EQ(fast.read_frame(), "text:" + large);
    }
    std::uint64_t heard = 0;
    std::uint64_t missed = 0;
    while (heard + missed < events) {
        const std::string frame = slow.read_frame();
        if (frame.starts_with("text:lagged "))
            missed += std::stoull(frame.substr(12));
        else if (++heard; frame != "text:" + large)
            FAIL() << frame.substr(0, 100);
    }
    EXPECT_EQ(heard + missed, events);
    EXPECT_GT(missed, 0U);
    // What was sent is counted a moment after it can be read.
    while (server.pool->stats()[Counter::events_sent] < events + heard) std::this_thread::yield();
    const Counters stats = server.pool->stats();
    EXPECT_EQ(stats[Counter::events_sent], events + heard);
    EXPECT_EQ(stats[Counter::events_missed], missed);
}
