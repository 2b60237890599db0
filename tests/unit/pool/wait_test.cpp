// SPDX-License-Identifier: MIT
/// `POST /tx?wait=`: the outcome as the answer, over real sockets.
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>

#include "unit/pool/server.hpp"

using namespace mempool;
using namespace mempool::test;

namespace {

std::string post_and_wait(std::string_view body, std::string_view seconds = "30") {
    return "POST /tx?wait=" + std::string(seconds) +
           " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           std::string(body);
}

/// An apply that waits until the test lets it.
struct Gated {
    std::promise<void> entered;
    std::promise<void> opened;
    std::shared_future<void> open = opened.get_future().share();

    Apply apply() {
        return [this, first = true](Batch &) mutable {
            if (std::exchange(first, false)) entered.set_value();
            open.wait();
        };
    }
};

}  // namespace

TEST(Wait, the_answer_is_the_outcome) {
    Server server({{"batch_interval_ms", 0}});
    WireClient client(server.port);
    client.send(post_and_wait("good"));
    std::string answer = client.read_answer();
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_EQ(body_of(answer), R"({"id":"1","status":"applied","batch":"1"})");
    client.send(post_and_wait("bad"));
    answer = client.read_answer();
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_EQ(body_of(answer), R"({"id":"2","status":"rejected","reason":"it is \"bad\"","batch":"2"})");
}

TEST(Wait, a_preference_is_kept_and_a_wrong_query_is_400_with_nothing_queued) {
    Server server({{"batch_interval_ms", 0}});
    WireClient client(server.port);
    client.send(post("good", "Prefer: respond-async, wait=20\r\n"));
    EXPECT_EQ(status_of(client.read_answer()), 200);
    client.send(post_and_wait("good", "61"));
    EXPECT_EQ(status_of(client.read_answer()), 400);
    EXPECT_EQ(server.pool->stats()[Counter::accepted], 1U);
}

TEST(Wait, many_wait_for_one_batch_and_each_gets_its_own) {
    Server server({{"batch_interval_ms", 50}});
    std::vector<std::unique_ptr<WireClient>> clients;
    for (int count = 0; count < 100; ++count) {
        clients.push_back(std::make_unique<WireClient>(server.port));
        clients.back()->send(post_and_wait(count % 2 == 0 ? "good" : "bad"));
    }
    for (std::size_t count = 0; count < clients.size(); ++count) {
        const std::string body = body_of(clients[count]->read_answer());
        EXPECT_NE(body.find(count % 2 == 0 ? "applied" : "rejected"), std::string::npos) << body;
    }
}

TEST(Wait, what_is_pipelined_behind_it_is_answered_after_it) {
    Server server({{"batch_interval_ms", 0}});
    WireClient client(server.port);
    client.send(post_and_wait("good") + post_and_wait("bad") + get("/healthz"));
    EXPECT_NE(client.read_answer().find("applied"), std::string::npos);
    EXPECT_NE(client.read_answer().find("rejected"), std::string::npos);
    EXPECT_EQ(status_of(client.read_answer()), 200);
}

TEST(Wait, past_its_time_it_is_202_and_a_later_outcome_is_nobodys) {
    Gated gated;
    Server server({{"batch_interval_ms", 0}}, gated.apply());
    WireClient client(server.port);
    const Instant before = Clock::now();
    client.send(post_and_wait("good", "1"));
    const std::string answer = client.read_answer();
    EXPECT_EQ(status_of(answer), 202);
    EXPECT_GE(Clock::now() - before, milliseconds(1000));
    EXPECT_NE(answer.find("Location: /tx/1\r\n"), std::string::npos);
    client.send(post_and_wait("good", "30"));
    gated.opened.set_value();
    EXPECT_EQ(body_of(client.read_answer()).find(R"({"id":"2","status":"applied")"), 0U);
}

TEST(Wait, who_has_gone_meanwhile_is_no_trouble) {
    Gated gated;
    Server server({{"batch_interval_ms", 0}}, gated.apply());
    for (int count = 0; count < 50; ++count) {
        WireClient client(server.port);
        client.send(post_and_wait("good"));
        if (count == 0) gated.entered.get_future().wait();
        client.vanish();
    }
    gated.opened.set_value();
    WireClient client(server.port);
    client.send(post_and_wait("good"));
    EXPECT_EQ(status_of(client.read_answer()), 200);
}

TEST(Wait, anybody_may_wait_for_an_outcome_by_its_id) {
    Gated gated;
    Server server({{"batch_interval_ms", 0}}, gated.apply());
    std::uint64_t id = 0;
    ASSERT_TRUE(server.pool->submit("good", 4, id).ok());
    gated.entered.get_future().wait();
    WireClient first(server.port);
    WireClient second(server.port);
    for (WireClient *client : {&first, &second}) client->send(get("/tx/1?wait=30"));
    WireClient impatient(server.port);
    impatient.send(get("/tx/1?wait=1"));
    const std::string late = impatient.read_answer();
    EXPECT_EQ(status_of(late), 200);
    EXPECT_EQ(body_of(late), R"({"id":"1","status":"pending"})");
    gated.opened.set_value();
    for (WireClient *client : {&first, &second})
        EXPECT_EQ(body_of(client->read_answer()), R"({"id":"1","status":"applied","batch":"1"})");
    first.send(get("/tx/1?wait=30") + get("/tx/9?wait=30") + get("/tx/x?wait=30") + get("/tx/1?wait=x"));
    EXPECT_EQ(status_of(first.read_answer()), 200);
    EXPECT_EQ(status_of(first.read_answer()), 404);
    EXPECT_EQ(status_of(first.read_answer()), 404);
    EXPECT_EQ(status_of(first.read_answer()), 400);
}

TEST(Wait, a_stop_answers_who_waits_with_the_outcome) {
    Gated gated;
    Server server({{"batch_interval_ms", 0}}, gated.apply());
    WireClient client(server.port);
    client.send(post_and_wait("good"));
    gated.entered.get_future().wait();
    std::thread stopper([&server] { EXPECT_TRUE(server.pool->stop(-1).ok()); });
    gated.opened.set_value();
    EXPECT_NE(body_of(client.read_answer()).find("applied"), std::string::npos);
    EXPECT_EQ(client.read_all(), "");
    stopper.join();
}
