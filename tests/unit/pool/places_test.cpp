// SPDX-License-Identifier: MIT
/// Where a pool listens: a port, a unix socket and a handed-over descriptor, each by itself and all at once; and its route prefix.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "http/listen_socket.hpp"
#include "pool/pool.hpp"
#include "unit/pool/server.hpp"

using namespace mempool;
using namespace mempool::test;

namespace {

/// A name for a unix socket, which nobody has.
std::string fresh_path() {
    static int count = 0;
    return testing::TempDir() + "places." + std::to_string(getpid()) + "." + std::to_string(++count);
}

using Settings = std::vector<std::pair<const char *, std::string>>;

std::shared_ptr<Pool> pool_with(const Settings &settings) {
    Options options;
    for (const auto &[name, value] : settings) {
        const Status status = options.set_text(name, value);
        EXPECT_TRUE(status.ok()) << status.detail();
    }
    std::shared_ptr<Pool> pool;
    EXPECT_TRUE(Pool::open(options, pool).ok());
    return pool;
}

/// A pool that runs; stopped at its end.
struct Running {
    explicit Running(const Settings &settings) : pool(pool_with(settings)) {
        const Status status = pool->start();
        EXPECT_TRUE(status.ok()) << status.detail();
        EXPECT_TRUE(pool->port(port).ok());
    }
    ~Running() { EXPECT_TRUE(pool->stop(-1).ok()); }

    std::shared_ptr<Pool> pool;
    std::int32_t port = 0;
};

/// The answer to a request on a connection of its own.
template <class Where>
std::string ask(const Where &where, const std::string &request) {
    WireClient client(where);
    client.send(request);
    return client.read_answer();
}

/// A page of another machine's name that posts to this one.
std::string post_to_host(std::string_view host, std::string_view origin) {
    return "POST /tx HTTP/1.1\r\nHost: " + std::string(host) + "\r\nOrigin: " + std::string(origin) +
           "\r\nContent-Length: 1\r\n\r\nx";
}

}  // namespace

TEST(Places, a_unix_socket_alone_has_no_port) {
    const std::string path = fresh_path();
    {
        const Running running({{"listen_host", ""}, {"listen_unix", path}});
        EXPECT_EQ(running.port, 0);
        EXPECT_EQ(status_of(ask(path, post("x"))), 202);
    }
    EXPECT_FALSE(std::filesystem::exists(path)) << "gone with the pool";
}

TEST(Places, a_handed_over_port_alone_is_the_pools_port) {
    http::ListenSocket mine;
    ASSERT_TRUE(mine.listen_on("127.0.0.1", 0).ok());
    {
        const Running running({{"listen_host", ""}, {"listen_fd", std::to_string(mine.fd())}});
        EXPECT_EQ(running.port, mine.port());
        EXPECT_EQ(status_of(ask(running.port, post("x"))), 202);
    }
    WireClient waits(mine.port());  // in the backlog, which is the host's still: for the next pool on it
    waits.send(get("/healthz"));
    const Running next({{"listen_host", ""}, {"listen_fd", std::to_string(mine.fd())}});
    EXPECT_EQ(status_of(waits.read_answer()), 200);
}

TEST(Places, all_at_once_have_one_queue_and_one_stream) {
    http::ListenSocket mine;
    ASSERT_TRUE(mine.listen_on("::1", 0).ok());
    const std::string path = fresh_path();
    const Running running({{"listen_port", "0"},
                           {"listen_unix", path},
                           {"listen_fd", std::to_string(mine.fd())},
                           {"batch_interval_ms", "0"}});
    EXPECT_NE(running.port, mine.port()) << "the port of listen_port comes first";
    WireClient by_port(running.port);
    WireClient by_path(path);
    for (WireClient *client : {&by_port, &by_path}) EXPECT_TRUE(client->upgrade().starts_with("HTTP/1.1 101"));
    EXPECT_EQ(body_of(ask(path, post("x"))), R"({"id":"1","status":"pending","durability":"memory"})");
    for (WireClient *client : {&by_port, &by_path}) EXPECT_EQ(client->read_frame(), "text:batch applied 1/1 txs");
    EXPECT_EQ(body_of(ask(running.port, post("x"))), R"({"id":"2","status":"pending","durability":"memory"})");
    for (WireClient *client : {&by_port, &by_path}) {
        EXPECT_EQ(client->read_frame(), "text:batch applied 1/1 txs");
        client->vanish();
    }
}

TEST(Places, each_has_its_own_rule_of_who_may_ask) {
    const std::string path = fresh_path();
    const Running running({{"listen_port", "0"}, {"listen_unix", path}});
    const std::string foreign = post_to_host("app.example", "https://app.example");
    EXPECT_EQ(status_of(ask(running.port, foreign)), 403);
    EXPECT_EQ(status_of(ask(path, foreign)), 202);
    EXPECT_EQ(status_of(ask(path, post_to_host("app.example", "https://evil.example"))), 403);
    EXPECT_EQ(status_of(ask(path, post_to_host("app.example", "http://localhost"))), 403);
    EXPECT_EQ(status_of(ask(running.port, post_to_host("localhost", "http://localhost"))), 202);
}

TEST(Places, clients_of_a_unix_socket_are_not_counted_as_one_address) {
    const std::string path = fresh_path();
    const Running running({{"listen_port", "0"}, {"listen_unix", path}, {"rate_limit_connections", "1"}});
    for (int count = 0; count < 5; ++count) EXPECT_EQ(status_of(ask(path, get("/healthz"))), 200);
    EXPECT_EQ(status_of(ask(running.port, get("/healthz"))), 200);
    EXPECT_EQ(status_of(ask(running.port, get("/healthz"))), 429);
}

TEST(Places, where_one_cannot_be_had_nothing_listens_and_the_pool_can_be_started_again) {
    const std::string path = fresh_path();
    http::ListenSocket mine;
    ASSERT_TRUE(mine.listen_on("127.0.0.1", 0).ok());
    const auto pool = pool_with({{"listen_host", ""}, {"listen_unix", path}, {"listen_fd", std::to_string(mine.fd())}});
    mine.stop();
    const Status status = pool->start();
    EXPECT_EQ(status.code(), Code::invalid);
    EXPECT_NE(status.detail().find("is no open descriptor"), std::string::npos) << status.detail();
    EXPECT_EQ(pool->state(), Pool::State::open);
    EXPECT_FALSE(std::filesystem::exists(path));

    auto holder = std::make_unique<Running>(Settings{{"listen_host", ""}, {"listen_unix", path}});
    const auto second = pool_with({{"listen_port", "0"}, {"listen_unix", path}});
    EXPECT_EQ(second->start().code(), Code::address_in_use);
    EXPECT_EQ(status_of(ask(path, get("/healthz"))), 200) << "who holds it is untouched";
    holder.reset();
    EXPECT_TRUE(second->start().ok());
    EXPECT_EQ(status_of(ask(path, get("/healthz"))), 200);
    EXPECT_TRUE(second->stop(-1).ok());
}

TEST(Prefix, every_route_lies_below_it_and_nothing_elsewhere) {
    const Running running({{"listen_port", "0"}, {"route_prefix", "/live/"}, {"batch_interval_ms", "0"}});
    const std::string accepted =
        ask(running.port, "POST /live/tx?wait=0 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx");
    EXPECT_EQ(status_of(accepted), 202);
    EXPECT_NE(accepted.find("\r\nLocation: /live/tx/1\r\n"), std::string::npos) << accepted;
    EXPECT_EQ(status_of(ask(running.port, get("/live/tx/1?wait=5"))), 200);
    EXPECT_EQ(status_of(ask(running.port, get("/live/healthz"))), 200);
    EXPECT_EQ(status_of(ask(running.port, get("/live/"))), 200);
    EXPECT_EQ(status_of(ask(running.port, get("/live/ws/mempool"))), 426);
    for (const char *path :
         {"/", "/tx/1", "/healthz", "/ws/mempool", "/lively/healthz", "/live/live/healthz", "/LIVE/"})
        EXPECT_EQ(status_of(ask(running.port, get(path))), 404) << path;
    EXPECT_EQ(status_of(ask(running.port, post("x"))), 404);
    const std::string lost = ask(running.port, get("/"));
    EXPECT_NE(lost.find("POST /live/tx"), std::string::npos) << lost;
}

TEST(Prefix, without_its_slash_it_leads_to_the_page) {
    const Running running({{"listen_port", "0"}, {"route_prefix", "/live"}});
    const std::string moved = ask(running.port, get("/live"));
    EXPECT_EQ(status_of(moved), 308);
    EXPECT_NE(moved.find("\r\nLocation: /live/\r\n"), std::string::npos) << moved;
    const Running without_a_page({{"listen_port", "0"}, {"route_prefix", "/live"}, {"dashboard", "off"}});
    EXPECT_EQ(status_of(ask(without_a_page.port, get("/live"))), 404);
}
