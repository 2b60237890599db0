// SPDX-License-Identifier: MIT
/// A shard with one client, on a pair of connected sockets.
#include "fanout/shard.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>

#include <new>
#include <string>
#include <thread>
#include <utility>

#include "unit/fanout/answering_inbox.hpp"
#include "unit/pool/wire_client.hpp"
#include "unit/websocket/client_frames.hpp"

using namespace mempool;
using namespace mempool::test;

namespace {

/// Has something to say to a client when the shard drains, and no memory for it the first time; meanwhile the client's socket has news.
class ForgetfulTenant final : public Tenant {
public:
    ForgetfulTenant(Shard &shard, const AnsweringInbox &inbox, const WireClient &client)
        : shard_(shard), inbox_(inbox), client_(client) {}
    Instant expire(Instant) override { return never; }
    void drain(Instant) override {
        if (std::exchange(has_no_memory_, false)) {
            client_.send(websocket::test::ping("meanwhile"));
            throw std::bad_alloc();
        }
        shard_.tell(inbox_.speakers.back(), [](std::string &out) { append_answer(out, "before you go"); });
    }
    void cut() override {}
    bool empty() const override { return true; }

private:
    Shard &shard_;
    const AnsweringInbox &inbox_;
    const WireClient &client_;
    bool has_no_memory_ = true;
};

/// The shard's thread, which ends with its test, whatever that finds.
class Running {
public:
    explicit Running(Shard &shard) : shard_(shard), thread_([&shard] { shard.run(); }) {}
    ~Running() {
        shard_.cut();
        thread_.join();
    }
    Running(const Running &) = delete;
    Running &operator=(const Running &) = delete;

private:
    Shard &shard_;
    std::thread thread_;
};

}  // namespace

TEST(Shard, what_a_tenant_tells_at_a_drain_is_heard_before_the_close_though_it_had_no_memory_at_first) {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ASSERT_EQ(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    WireClient client(Connected{ends[1]});
    Ring ring(10, 1 << 20, "e0");
    WakeFd bell;
    Log log(LogLevel::off, bell);
    AnsweringInbox inbox;
    Shard shard("mempool", ring, {{milliseconds(1000), {}, 1 << 16, 1 << 20}, 0}, log);
    ForgetfulTenant tenant(shard, inbox, client);
    shard.set_inbox(&inbox);
    shard.add_tenant(tenant);
    shard.attach(ends[0], Joining{{Format::json, Slow::lag}}, "", {});
    const Running network(shard);
    EXPECT_TRUE(client.read_frame().starts_with(R"(text:{"type":"hello")"));
    client.send(websocket::test::text("hello"));
    EXPECT_EQ(client.read_frame(), R"(text:{"type":"answer","of":"hello"})");
    ring.close();
    for (const char *turn : {"one", "two"}) {  // after two of its turns the shard has seen that the ring is closed
        client.send(websocket::test::ping(turn));
        EXPECT_EQ(client.read_frame(), std::string("pong:") + turn);
    }
    shard.drain();
    std::string frame = client.read_frame();
    if (frame == "pong:meanwhile") frame = client.read_frame();
    ASSERT_EQ(frame, R"(text:{"type":"answer","of":"before you go"})");
    EXPECT_TRUE(client.read_frame().starts_with(R"(text:{"type":"draining")"));
    EXPECT_EQ(client.read_frame(), "close:1001");
    client.send(websocket::test::frame(websocket::test::fin | 8, websocket::test::big_endian(1001, 2)));
    EXPECT_EQ(client.read_all(), "");
}
