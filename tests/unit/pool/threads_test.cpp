// SPDX-License-Identifier: MIT
/// A pool with several network threads, by real sockets: who is served where, and that nobody can tell from what he hears.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "unit/pool/server.hpp"
#include "unit/pool/submitter.hpp"
#include "unit/websocket/client_frames.hpp"

using namespace mempool;
using namespace mempool::test;
namespace frames = mempool::websocket::test;

namespace {

using Clients = std::vector<std::unique_ptr<WireClient>>;

bool is_connection_of(int fd, std::int32_t port) {
    sockaddr_in own{};
    sockaddr_in peer{};
    socklen_t size = sizeof own;
    if (getsockname(fd, reinterpret_cast<sockaddr *>(&own), &size) != 0) return false;
    size = sizeof peer;
    return getpeername(fd, reinterpret_cast<sockaddr *>(&peer), &size) == 0 && own.sin_port == htons(port);
}

/// How many of the server's connections each epoll set of this process watches, sorted, without those that watch none. A network thread
/// has two sets: one for its clients of the stream, one, Asio's, for all else.
std::vector<std::size_t> spread(std::int32_t port) {
    std::vector<std::size_t> all;
    for (const auto &entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
        std::ifstream info(entry.path());
        std::size_t watched = 0;
        for (std::string word; info >> word;)
            if (int fd = 0; word == "tfd:" && info >> fd && is_connection_of(fd, port)) ++watched;
        if (watched > 0) all.push_back(watched);
    }
    std::ranges::sort(all);
    return all;
}

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

void join(Clients &clients, const Server &server, int count) {
    for (; count > 0; --count) {
        clients.push_back(std::make_unique<WireClient>(server.port));
        ASSERT_EQ(status_of(clients.back()->upgrade()), 101);
    }
}

std::string keyed(std::string_view body, std::string_view key) {
    return post(body, "Idempotency-Key: " + std::string(key) + "\r\n");
}

}  // namespace

TEST(Threads, clients_are_spread_evenly_and_a_new_one_goes_where_the_fewest_are) {
    for (const int threads : {2, 4}) {
        Server server({{"io_threads", threads}});
        const std::vector<std::size_t> even(static_cast<std::size_t>(threads), 5);
        Clients clients;
        join(clients, server, 5 * threads);
        EXPECT_EQ(spread(server.port), even);
        for (std::size_t count = 1; count < clients.size(); count += static_cast<std::size_t>(threads))
            clients[count]->vanish();  // all of one thread's
        server.wait_for_listeners(static_cast<std::size_t>(5 * (threads - 1)));
        EXPECT_EQ(spread(server.port).size(), even.size() - 1);
        join(clients, server, 5);
        EXPECT_EQ(spread(server.port), even);
    }
}

TEST(Threads, connections_that_are_no_clients_are_spread_too) {
    Server server({{"io_threads", 4}});
    Clients idle;
    for (int count = 0; count < 8; ++count) {
        idle.push_back(std::make_unique<WireClient>(server.port));
        idle.back()->send(get("/healthz"));
        ASSERT_EQ(status_of(idle.back()->read_answer()), 200);
    }
    EXPECT_EQ(spread(server.port), (std::vector<std::size_t>{2, 2, 2, 2}));
    EXPECT_EQ(server.pool->stats()[Counter::connections], 8U);
    EXPECT_EQ(server.pool->stats()[Counter::connections_accepted], 8U);
}

TEST(Threads, each_client_hears_every_event_in_one_order_and_every_counter_is_exact) {
    for (const int threads : {2, 4}) {
        constexpr int each = 200;
        Server server({{"io_threads", threads}});
        Clients clients;
        join(clients, server, 12);
        std::vector<std::thread> hosts;
        for (const char *name : {"a", "b"})
            hosts.emplace_back([&server, name] {
                for (int number = 0; number < each; ++number) server.publish(name + std::to_string(number));
            });
        for (std::thread &host : hosts) host.join();
        std::vector<std::string> first;
        for (const auto &client : clients) {
            std::vector<std::string> heard;
            while (heard.size() < 2 * each) heard.push_back(client->read_frame());
            if (first.empty()) first = heard;
            ASSERT_EQ(heard, first);
        }
        EXPECT_EQ(std::set(first.begin(), first.end()).size(), 2U * each);
        // What was sent is counted a moment after it can be read.
        while (server.pool->stats()[Counter::events_sent] < 12U * 2 * each) std::this_thread::yield();
        const Counters stats = server.pool->stats();
        EXPECT_EQ(stats[Counter::events_sent], 12U * 2 * each);
        EXPECT_EQ(stats[Counter::events_missed], 0U);
        EXPECT_EQ(stats[Counter::clients_text], 12U);
        EXPECT_EQ(stats[Counter::connections], 12U);
        WireClient asks(server.port);  // whichever thread answers
        asks.send(get("/stats"));
        EXPECT_NE(asks.read_answer().find("\"events_sent\":" + std::to_string(12 * 2 * each)), std::string::npos);
    }
}

TEST(Threads, max_connections_counts_those_of_all_threads) {
    Server server({{"io_threads", 4}, {"max_connections", 6}});
    Clients clients;
    join(clients, server, 6);
    WireClient beyond(server.port);
    EXPECT_EQ(status_of(beyond.read_until("}")), 503);
    clients.front()->vanish();
    server.wait_for_listeners(5);
    join(clients, server, 1);
    EXPECT_EQ(server.pool->stats()[Counter::connections_refused_max], 1U);
}

TEST(Threads, stop_gives_the_clients_of_each_thread_the_last_event_and_close_1001) {
    Clients clients;
    Server server({{"io_threads", 4}, {"batch_interval_ms", 60'000}});
    join(clients, server, 20);
    std::uint64_t id = 0;
    ASSERT_TRUE(server.pool->submit("last", 4, id).ok());
    std::thread stopper([&server] { EXPECT_TRUE(server.pool->stop(-1).ok()); });
    for (const auto &client : clients) {
        EXPECT_EQ(client->read_frame(), "text:batch applied 1/1 txs");
        EXPECT_TRUE(client->read_frame().starts_with("text:draining "));
        EXPECT_EQ(client->read_frame(), "close:1001");
        client->send(frames::frame(frames::fin | 8, frames::big_endian(1001, 2)));
        EXPECT_EQ(client->read_all(), "");
    }
    stopper.join();
}

TEST(Threads, a_stop_whose_time_is_up_cuts_the_clients_of_each_thread) {
    Server server({{"io_threads", 4}, {"close_timeout_ms", 60'000}});
    Clients clients;
    join(clients, server, 8);  // who do not answer the close
    const Instant before = Clock::now();
    EXPECT_TRUE(server.pool->stop(200).ok());
    EXPECT_LT(Clock::now() - before, milliseconds(5000));
    for (const auto &client : clients) EXPECT_FALSE(client->read_all().ends_with("(silence)"));
}

// Some of them are on their way to their thread when that drains, or has ended.
TEST(Threads, whoever_connects_while_it_stops_is_answered_or_ended_and_leaves_nothing) {
    const std::size_t before = open_descriptors();
    for (int round = 0; round < 50; ++round) {
        Server server({{"io_threads", 4}});
        std::atomic<int> answered{0};
        std::vector<std::thread> hosts;
        for (int host = 0; host < 2; ++host)
            hosts.emplace_back([&, port = server.port] {
                try {
                    for (;;) {
                        WireClient client(port);
                        client.send(get("/healthz"));
                        const std::string answer = client.read_answer();
                        ASSERT_FALSE(answer.ends_with("(silence)")) << answer;
                        if (status_of(answer) == 200) ++answered;
                    }
                } catch (const std::runtime_error &) {
                    // it listens no more
                }
            });
        while (answered < 10) std::this_thread::yield();
        const Instant began = Clock::now();
        ASSERT_TRUE(server.pool->stop(60'000).ok());
        EXPECT_LT(Clock::now() - began, milliseconds(4000)) << "nobody holds it";
        for (std::thread &host : hosts) host.join();
        EXPECT_EQ(server.pool->stats()[Counter::connections], 0U);
    }
    EXPECT_EQ(open_descriptors(), before);
}

TEST(Threads, a_second_server_on_the_port_is_told_so) {
    const Server server({{"io_threads", 4}});
    Options options;
    ASSERT_TRUE(options.set_integer("listen_port", server.port).ok());
    ASSERT_TRUE(options.set_integer("io_threads", 4).ok());
    std::shared_ptr<Pool> second;
    ASSERT_TRUE(Pool::open(options, second).ok());
    EXPECT_EQ(second->start().code(), Code::address_in_use);
    EXPECT_TRUE(second->stop(-1).ok());
}

TEST(Threads, an_idempotency_key_holds_on_all_of_them_also_at_the_same_moment) {
    Server server({{"io_threads", 4}, {"batch_interval_ms", 0}});
    Clients clients;
    for (int count = 0; count < 4; ++count) clients.push_back(std::make_unique<WireClient>(server.port));
    constexpr int rounds = 200;
    for (int round = 0; round < rounds; ++round) {
        for (const auto &client : clients) client->send(keyed("pay", std::to_string(round)));
        std::set<std::string> bodies;
        for (const auto &client : clients) bodies.insert(body_of(client->read_answer()));
        EXPECT_EQ(bodies.size(), 1U) << "one id for all";
    }
    EXPECT_EQ(server.pool->stats()[Counter::accepted], static_cast<std::uint64_t>(rounds));
    for (const auto &client : clients) {
        client->send(keyed("pay more", "0"));
        EXPECT_EQ(status_of(client->read_answer()), 422);
    }
}

TEST(Threads, who_waits_for_an_outcome_is_told_on_each_of_them) {
    Server server({{"io_threads", 4}, {"batch_interval_ms", 20}});
    Clients clients;
    for (int count = 0; count < 4; ++count) {
        clients.push_back(std::make_unique<WireClient>(server.port));
        clients.back()->send("POST /tx?wait=30 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n" +
                             std::string(count % 2 == 0 ? "pay" : "bad"));
    }
    for (std::size_t count = 0; count < clients.size(); ++count) {
        const std::string body = body_of(clients[count]->read_answer());
        EXPECT_NE(body.find(count % 2 == 0 ? "\"applied\"" : "\"rejected\""), std::string::npos) << body;
    }
    std::vector<std::unique_ptr<Submitter>> submitters;
    for (int count = 0; count < 4; ++count) {
        submitters.push_back(std::make_unique<Submitter>(server));
        submitters.back()->says(R"({"type":"tx","data":"pay","ref":")" + std::to_string(count) + R"(","wait":true})");
    }
    EXPECT_EQ(spread(server.port), (std::vector<std::size_t>(8, 1)));
    for (int count = 0; count < 4; ++count) {
        const std::string outcome = submitters[static_cast<std::size_t>(count)]->reads("outcome");
        EXPECT_TRUE(outcome.starts_with(R"(text:{"type":"outcome","ref":")" + std::to_string(count))) << outcome;
        EXPECT_NE(outcome.find("\"applied\""), std::string::npos) << outcome;
    }
}

TEST(Threads, have_names_and_as_many_as_cores_where_the_host_leaves_it_to_us) {
    cpu_set_t cores;
    ASSERT_EQ(sched_getaffinity(0, sizeof cores, &cores), 0);
    const int here = CPU_COUNT(&cores);
    const Server one_a_core({{"io_threads", 0}});
    const Server three({{"io_threads", 3}});
    Clients answered;  // by each thread, which has its name by then
    join(answered, one_a_core, here);
    join(answered, three, 3);
    std::multiset<std::string> names;
    for (const auto &entry : std::filesystem::directory_iterator("/proc/self/task"))
        if (std::string name; std::getline(std::ifstream(entry.path() / "comm"), name)) names.insert(name);
    for (int thread = 0; thread <= std::max(here, 3); ++thread) {
        const std::size_t expected = (thread < here ? 1U : 0U) + (thread < 3 ? 1U : 0U);
        EXPECT_EQ(names.count(thread == 0 ? "mempool-net" : "mempool-net" + std::to_string(thread)), expected);
    }
    for (const auto &client : answered) client->vanish();
}
