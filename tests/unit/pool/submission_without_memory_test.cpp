// SPDX-License-Identifier: MIT
/// A submission over HTTP or the WebSocket during which the n-th allocation of the network thread fails: it is accepted whole or not at
/// all, and who asks again with the same key gets the ids that he would have got. Replaces operator new, hence an executable of its own.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "unit/pool/failing_allocations.hpp"
#include "unit/pool/server.hpp"
#include "unit/pool/submitter.hpp"

using namespace mempool;
using namespace mempool::test;
using mempool_test::FailingNetwork;
using mempool_test::network_failed;

namespace {

std::string request(std::string_view path, std::string_view type, std::string_view body) {
    return "POST " + std::string(path) +
           " HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k\r\nContent-Type: " + std::string(type) +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

void fail_each(const std::string &asked, std::uint64_t transactions, const std::string &answered) {
    for (int n = 0;; ++n) {
        SCOPED_TRACE("allocation " + std::to_string(n));
        Server server({{"batch_interval_ms", 0},
                       {"header_timeout_ms", 300},
                       {"body_timeout_ms", 300},
                       {"close_timeout_ms", 100}});
        WireClient client(server.port);
        client.send(get("/healthz"));
        ASSERT_EQ(status_of(client.read_answer()), 200);
        std::string first;
        {
            const FailingNetwork failing_network(n);
            client.send(asked);
            first = client.read_answer();
        }
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
        if (network_failed == 0) {
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

namespace {

constexpr int allocations_max = 2000;  // no submission needs more: the loops end
const std::string keyed =
    R"({"type":"tx","data":")" + first_long + R"(","ref":")" + first_long.substr(40) + R"(","key":"k","wait":true})";

/// What a client is told until two of its transactions are done with, or it is at its end.
std::string told_of_two(Submitter &client) {
    std::string all;
    for (int done = 0; done < 2;) {
        const std::string frame = client.next();
        if (!frame.starts_with("text:")) return all + frame;  // the ending, or a close
        if (frame.find(R"("type":"outcome")") != std::string::npos ||
            frame.find(R"("type":"refused")") != std::string::npos)
            ++done;
        all += frame.substr(5) + "\n";
    }
    return all + "(done)";
}

std::size_t count_of(std::string_view wanted, std::string_view in) {
    std::size_t count = 0;
    for (std::size_t at = in.find(wanted); at != std::string_view::npos; at = in.find(wanted, at + 1)) ++count;
    return count;
}

}  // namespace

TEST(SubmissionWithoutMemory, over_the_websocket_with_a_key_and_its_repetition) {
    for (int n = 0; n <= allocations_max; ++n) {
        SCOPED_TRACE("allocation " + std::to_string(n));
        Server server({{"batch_interval_ms", 0}, {"close_timeout_ms", 100}});
        Submitter bystander(server);
        std::string told;
        {
            Submitter client(server);
            {
                const FailingNetwork failing_network(n);
                client.says(keyed);
                client.says(keyed);
                told = told_of_two(client);
            }
            EXPECT_FALSE(told.ends_with("(silence)")) << told;
            if (told.ends_with("(done)")) {
                EXPECT_EQ(count_of(R"("type":"accepted")", told), count_of(R"("type":"outcome")", told)) << told;
                EXPECT_EQ(count_of(R"("type":"accepted")", told), count_of(R"("id":"1"})", told)) << told;
            }
            if (told.find(R"("type":"accepted")") != std::string::npos) {
                EXPECT_EQ(server.pool->stats()[Counter::accepted], 1U) << told;
            }
            EXPECT_LE(server.pool->stats()[Counter::accepted], 1U) << told;
        }
        bystander.says(keyed);
        EXPECT_TRUE(bystander.reads("accepted").ends_with(R"("id":"1"})"));
        EXPECT_NE(bystander.reads("outcome").find(R"("id":"1","status":"applied")"), std::string::npos);
        bystander.says(R"({"type":"tx","data":"another","wait":true})");
        EXPECT_EQ(bystander.reads("accepted"), R"(text:{"type":"accepted","id":"2"})");
        EXPECT_TRUE(bystander.reads("outcome").starts_with(R"(text:{"type":"outcome","id":"2","status":"applied")"));
        EXPECT_EQ(server.pool->stats()[Counter::accepted], 2U);
        if (testing::Test::HasFailure() || network_failed == 0) {
            EXPECT_GT(n, 10) << told;
            return;
        }
    }
    ADD_FAILURE() << "it never passed untouched";
}

TEST(SubmissionWithoutMemory, a_stop_tells_the_outcomes_of_all_but_one_before_it_says_goodbye) {
    constexpr std::size_t clients = 3;
    for (int n = 0; n <= allocations_max; ++n) {
        SCOPED_TRACE("allocation " + std::to_string(n));
        auto server = std::make_unique<Server>(std::initializer_list<std::pair<const char *, std::int64_t>>{
            {"batch_interval_ms", 60'000}, {"close_timeout_ms", 100}});
        std::vector<std::unique_ptr<Submitter>> all;
        for (std::size_t count = 0; count < clients; ++count) {
            all.push_back(std::make_unique<Submitter>(*server));
            all.back()->says(R"({"type":"tx","data":"a","wait":true})");
            ASSERT_TRUE(all.back()->reads("accepted").starts_with("text:"));
        }
        std::size_t told = 0;
        {
            const FailingNetwork failing_network(n);
            std::thread stopping([&] { EXPECT_TRUE(server->pool->stop(60'000).ok()); });
            for (const auto &client : all) {
                const std::string outcome = client->reads("outcome");
                EXPECT_FALSE(outcome.ends_with("(silence)"));
                if (outcome.starts_with("text:")) ++told;
            }
            stopping.join();
        }
        EXPECT_GE(told, clients - 1);
        if (testing::Test::HasFailure() || network_failed == 0) {
            EXPECT_EQ(told, clients);
            return;
        }
    }
    ADD_FAILURE() << "it never passed untouched";
}
