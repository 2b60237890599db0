// SPDX-License-Identifier: MIT
/// Transactions over the WebSocket, through a whole pool on a real socket.
#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "unit/pool/server.hpp"
#include "unit/pool/submitter.hpp"
#include "unit/websocket/client_frames.hpp"

using namespace mempool;
using namespace mempool::test;
namespace frames = mempool::websocket::test;

namespace {

/// An apply that waits until it is let go on.
class Held {
public:
    Apply apply() {
        return [this](Batch &batch) {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return open_; });
            reject_bad(batch);
        };
    }
    void open() {
        const std::lock_guard lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool open_ = false;
};

}  // namespace

TEST(SocketSubmit, a_transaction_is_accepted_and_its_outcome_told_where_it_is_waited_for) {
    Server server({{"batch_interval_ms", 0}});
    Submitter client(server);
    client.says(R"({"type":"tx","data":"good","ref":"a1"})");
    EXPECT_EQ(client.reads("accepted"), R"(text:{"type":"accepted","ref":"a1","id":"1"})");
    client.says(R"({"type":"tx","data_base64":"YmFk","ref":"a2","wait":true})");
    EXPECT_EQ(client.reads("accepted"), R"(text:{"type":"accepted","ref":"a2","id":"2"})");
    const std::string outcome = client.reads("outcome");
    EXPECT_TRUE(outcome.starts_with(
        R"(text:{"type":"outcome","ref":"a2","id":"2","status":"rejected","reason":"it is \"bad\"","batch":")"))
        << outcome;
    EXPECT_EQ(server.pool->stats()[Counter::messages_ignored], 0U);
}

TEST(SocketSubmit, what_cannot_be_taken_is_refused_with_its_reason) {
    Server server({{"tx_max_bytes", 10}});
    Submitter client(server);
    const struct {
        const char *text;
        const char *answer;  // its beginning
    } rows[] = {
        {R"({"type":"tx","data":"","ref":"r"})", R"(text:{"type":"refused","ref":"r","error":"empty","detail":)"},
        {R"({"type":"tx","data":"12345678901","ref":"r"})", R"(text:{"type":"refused","ref":"r","error":"too_large")"},
        {R"({"type":"tx","data":1,"ref":"r"})", R"(text:{"type":"refused","ref":"r","error":"bad_request")"},
        {R"({"type":"tx","data":"a","key":"","ref":"r"})",
         R"(text:{"type":"refused","ref":"r","error":"bad_request","detail":"the idempotency key has 0 bytes)"},
        {"{", R"(text:{"type":"error","error":"bad_message","detail":")"},
    };
    for (const auto &row : rows) {
        client.says(row.text);
        const std::string answer = client.read_frame();
        EXPECT_TRUE(answer.starts_with(row.answer)) << row.text << ": " << answer;
    }
    EXPECT_EQ(server.pool->stats()[Counter::accepted], 0U);
}

TEST(SocketSubmit, a_key_that_comes_again_has_its_id_and_its_outcome_again) {
    Server server({{"batch_interval_ms", 0}, {"outcomes_capacity", 2}});
    Submitter client(server);
    const std::string wait = R"({"type":"tx","data":"bad","key":"k","wait":true})";
    client.says(wait);
    EXPECT_EQ(client.reads("accepted"), R"(text:{"type":"accepted","id":"1"})");
    const std::string outcome = client.reads("outcome");
    EXPECT_TRUE(outcome.starts_with(R"(text:{"type":"outcome","id":"1","status":"rejected","reason":")")) << outcome;

    client.says(R"({"type":"tx","data":"bad","key":"k","ref":"again"})");
    EXPECT_EQ(client.reads("accepted"), R"(text:{"type":"accepted","ref":"again","id":"1"})");
    client.says(wait);
    EXPECT_EQ(client.reads("accepted"), R"(text:{"type":"accepted","id":"1"})");
    EXPECT_EQ(client.reads("outcome"), outcome);
    client.says(R"({"type":"tx","data":"other","key":"k"})");
    EXPECT_TRUE(client.reads("refused").starts_with(R"(text:{"type":"refused","error":"key_conflict","detail":")"));

    WireClient http(server.port);  // over another path too
    http.send("POST /tx HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k\r\nContent-Length: 3\r\n\r\nbad");
    EXPECT_NE(http.read_until("}").find(R"("id":"1")"), std::string::npos);

    for (int more = 0; more < 2; ++more) {
        client.says(R"({"type":"tx","data":"a","wait":true})");
        client.reads("outcome");
    }
    client.says(wait);
    EXPECT_EQ(client.reads("accepted"), R"(text:{"type":"accepted","id":"1"})");
    EXPECT_EQ(client.reads("outcome"), R"(text:{"type":"outcome","id":"1","status":"gone"})");
    EXPECT_EQ(server.pool->stats()[Counter::accepted], 3U);
}

TEST(SocketSubmit, a_key_that_comes_again_while_its_transaction_is_pending_hears_the_outcome_too) {
    Held held;
    Server server({{"batch_interval_ms", 0}}, held.apply());
    Submitter first(server);
    Submitter second(server);
    const std::string wait = R"({"type":"tx","data":"a","key":"k","wait":true})";
    first.says(wait);
    EXPECT_EQ(first.reads("accepted"), R"(text:{"type":"accepted","id":"1"})");
    second.says(wait);
    EXPECT_EQ(second.reads("accepted"), R"(text:{"type":"accepted","id":"1"})");
    held.open();
    for (Submitter *each : {&first, &second})
        EXPECT_TRUE(each->reads("outcome").starts_with(R"(text:{"type":"outcome","id":"1","status":"applied")"));
}

TEST(SocketSubmit, a_full_queue_is_told_at_once) {
    Held held;
    Server server({{"queue_capacity", 1}, {"batch_max", 1}, {"batch_interval_ms", 0}}, held.apply());
    Submitter client(server);
    std::string refused;
    int accepted = 0;
    while (refused.empty() && accepted < 10) {
        client.says(R"({"type":"tx","data":"a","ref":"r"})");
        const std::string answer = client.read_frame();
        if (answer.starts_with(R"(text:{"type":"accepted")"))
            ++accepted;
        else
            refused = answer;
    }
    EXPECT_TRUE(refused.starts_with(R"(text:{"type":"refused","ref":"r","error":"full","detail":")")) << refused;
    EXPECT_TRUE(refused.ends_with(R"(,"retry_in_ms":50})")) << refused;
    held.open();
}

TEST(SocketSubmit, so_many_outcomes_are_awaited_at_a_time_and_no_more) {
    Held held;
    Server server({{"batch_interval_ms", 0}}, held.apply());
    Submitter client(server);
    for (int count = 0; count < 64; ++count) {
        client.says(R"({"type":"tx","data":"a","wait":true})");
        ASSERT_EQ(client.read_frame(), R"(text:{"type":"accepted","id":")" + std::to_string(count + 1) + "\"}");
    }
    client.says(R"({"type":"tx","data":"a","wait":true})");
    EXPECT_TRUE(client.read_frame().starts_with(R"(text:{"type":"refused","error":"full","detail":"64 of your)"));
    client.says(R"({"type":"tx","data":"a"})");
    EXPECT_EQ(client.read_frame(), R"(text:{"type":"accepted","id":"65"})");
    held.open();
    for (int count = 0; count < 64; ++count)
        ASSERT_TRUE(
            client.reads("outcome").starts_with(R"(text:{"type":"outcome","id":")" + std::to_string(count + 1) + "\""));
    client.says(R"({"type":"tx","data":"a","wait":true})");
    EXPECT_EQ(client.reads("accepted"), R"(text:{"type":"accepted","id":"66"})");
    EXPECT_TRUE(client.reads("outcome").starts_with(R"(text:{"type":"outcome","id":"66")"));
}

TEST(SocketSubmit, the_outcome_of_one_who_left_is_nobodys) {
    Held held;
    Server server({{"batch_interval_ms", 0}}, held.apply());
    {
        Submitter gone(server);
        gone.says(R"({"type":"tx","data":"a","wait":true})");
        EXPECT_EQ(gone.read_frame(), R"(text:{"type":"accepted","id":"1"})");
    }
    server.wait_for_listeners(0);
    Submitter other(server);
    held.open();
    other.says(R"({"type":"tx","data":"b","wait":true})");
    EXPECT_EQ(other.reads("accepted"), R"(text:{"type":"accepted","id":"2"})");
    EXPECT_TRUE(other.reads("outcome").starts_with(R"(text:{"type":"outcome","id":"2")"));
}

TEST(SocketSubmit, a_stop_tells_every_outcome_before_it_says_goodbye) {
    auto server = std::make_unique<Server>(
        std::initializer_list<std::pair<const char *, std::int64_t>>{{"batch_interval_ms", 60'000}});
    Submitter client(*server);
    for (int count = 0; count < 10; ++count) {
        client.says(R"({"type":"tx","data":"a","wait":true})");
        client.read_frame();
    }
    std::thread stopping([&] { EXPECT_TRUE(server->pool->stop(-1).ok()); });
    for (int count = 0; count < 10; ++count)
        EXPECT_NE(client.reads("outcome").find(R"("status":"applied")"), std::string::npos);
    EXPECT_TRUE(client.reads("draining").starts_with(R"(text:{"type":"draining")"));
    EXPECT_EQ(client.read_frame(), "close:1001");
    client.send(frames::frame(frames::fin | 8, frames::big_endian(1001, 2)));
    EXPECT_EQ(client.read_all(), "");
    stopping.join();
}

TEST(SocketSubmit, a_stop_tells_more_outcomes_than_are_handed_out_at_once_before_it_says_goodbye) {
    constexpr int each = 64;
    auto server = std::make_unique<Server>(
        std::initializer_list<std::pair<const char *, std::int64_t>>{{"batch_interval_ms", 60'000}});
    std::vector<std::unique_ptr<Submitter>> clients;
    for (int count = 0; count < 15; ++count) {
        clients.push_back(std::make_unique<Submitter>(*server));
        for (int more = 0; more < each; ++more) clients.back()->says(R"({"type":"tx","data":"a","wait":true})");
        for (int more = 0; more < each; ++more)
            ASSERT_TRUE(clients.back()->read_frame().starts_with(R"(text:{"type":"accepted")"));
    }
    std::thread stopping([&] { EXPECT_TRUE(server->pool->stop(-1).ok()); });
    for (const auto &client : clients) {
        for (int more = 0; more < each; ++more) EXPECT_TRUE(client->reads("outcome").starts_with("text:"));
        EXPECT_TRUE(client->reads("draining").starts_with("text:"));
        EXPECT_EQ(client->read_frame(), "close:1001");
        client->send(frames::frame(frames::fin | 8, frames::big_endian(1001, 2)));
    }
    stopping.join();
}

TEST(SocketSubmit, what_is_no_submission_is_ignored_and_counted) {
    Server server;
    Submitter client(server);
    client.says(R"({"type":"subscribe"})");
    client.send(frames::binary(R"({"type":"tx","data":"a"})"));
    client.says("17");
    client.send(frames::ping("there"));
    EXPECT_EQ(client.read_frame(), "pong:there");
    EXPECT_EQ(server.pool->stats()[Counter::messages_ignored], 3U);
    WireClient text(server.port);
    text.upgrade();
    text.send(frames::text(R"({"type":"tx","data":"a"})") + frames::ping("there"));
    EXPECT_EQ(text.read_frame(), "pong:there");
    EXPECT_EQ(server.pool->stats()[Counter::messages_ignored], 4U);
    EXPECT_EQ(server.pool->stats()[Counter::accepted], 0U);
}
