// SPDX-License-Identifier: MIT
/// A pool as a guest in its host's process, with clients on real sockets: what it answers while the host's apply does not return, and
/// that nothing of it is left when it has stopped.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "unit/pool/guest.hpp"

using namespace mempool_test;

namespace {

/// An apply that does not return until it is let.
struct Blocked {
    static std::int32_t apply(void *user, mempool_batch *batch) {
        auto &self = *static_cast<Blocked *>(user);
        if (self.calls++ == 0) {
            self.entered.set_value();
            self.let_go.wait();
        }
        std::size_t count = 0;
        EXPECT_EQ(mempool_batch_count(batch, &count), MEMPOOL_OK);
        self.applied += count;
        return 0;
    }
    std::promise<void> entered;
    std::promise<void> leave;
    std::shared_future<void> let_go = leave.get_future().share();
    int calls = 0;
    std::size_t applied = 0;  // batch thread, then after stop
};

}  // namespace

TEST(Life, while_apply_does_not_return_pings_are_answered_and_stop_answers_in_time) {
    Blocked blocked;
    std::vector<std::uint64_t> ids;
    {
        Guest guest({{"batch_interval_ms", 0}, {"batch_max", 2}}, Blocked::apply, &blocked);
        WireClient client(guest.port);
        EXPECT_TRUE(client.upgrade().starts_with("HTTP/1.1 101"));
        ids.push_back(guest.submit("first"));
        blocked.entered.get_future().wait();
        for (int count = 0; count < 5; ++count) ids.push_back(guest.submit("queued"));
        std::promise<std::chrono::milliseconds> took;
        std::thread stopper([&] {
            const auto began = std::chrono::steady_clock::now();
            EXPECT_EQ(mempool_stop(guest.pool, 1000), MEMPOOL_TIMEOUT);
            took.set_value(
                std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began));
        });
        ASSERT_TRUE(comes_true([&] { return guest.state() == MEMPOOL_DRAINING; }));
        for (int count = 0; count < 20; ++count) {
            client.send(frames::ping(std::to_string(count)));
            EXPECT_EQ(client.read_frame(), "pong:" + std::to_string(count));
        }
        EXPECT_EQ(mempool_submit(guest.pool, "late", 4, nullptr, nullptr), MEMPOOL_CLOSED);
        EXPECT_EQ(client.read_all(), "") << "cut when the time was up";
        stopper.join();
        EXPECT_LT(took.get_future().get(), std::chrono::milliseconds(2000));
        EXPECT_EQ(guest.state(), MEMPOOL_DRAINING);
        blocked.leave.set_value();
        EXPECT_EQ(mempool_stop(guest.pool, patience_ms), MEMPOOL_OK);
        for (const std::uint64_t id : ids) EXPECT_EQ(guest.outcome(id), MEMPOOL_TX_APPLIED);
    }
    EXPECT_EQ(blocked.applied, ids.size());
}

TEST(Life, once_a_stop_was_asked_for_http_is_503_while_apply_runs_and_then_every_client_hears_the_rest) {
    Blocked blocked;
    Guest guest({{"batch_interval_ms", 0}}, Blocked::apply, &blocked);
    WireClient listener(guest.port);
    listener.upgrade();
    WireClient producer(guest.port);
    producer.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_TRUE(producer.read_answer().starts_with("HTTP/1.1 200"));
    const std::uint64_t id = guest.submit("first");
    blocked.entered.get_future().wait();
    EXPECT_EQ(mempool_request_stop(guest.pool), MEMPOOL_OK);
    producer.send("POST /tx HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nlate");
    const std::string refused = producer.read_answer();
    EXPECT_TRUE(refused.starts_with("HTTP/1.1 503")) << refused;
    EXPECT_NE(refused.find("\"draining\""), std::string::npos) << refused;
    WireClient late(guest.port);
    const std::string no_upgrade = late.upgrade();
    EXPECT_TRUE(no_upgrade.starts_with("HTTP/1.1 503")) << no_upgrade;
    blocked.leave.set_value();
    EXPECT_EQ(listener.read_frame(), "text:batch applied 1/1 txs");
    say_goodbye(listener);
    EXPECT_TRUE(comes_true([&] { return guest.state() == MEMPOOL_STOPPED; })) << "without a stop";
    EXPECT_EQ(guest.outcome(id), MEMPOOL_TX_APPLIED);
}

TEST(Life, start_and_stop_200_times_leaves_no_thread_and_no_descriptor) {
    const auto fds = descriptors();
    const auto tasks = threads_before();
    for (int round = 0; round < 200; ++round) {
        Guest guest({{"batch_interval_ms", 0}});
        WireClient client(guest.port);
        client.upgrade();
        EXPECT_EQ(guest.outcome(guest.submit("x")), MEMPOOL_TX_APPLIED);
        EXPECT_EQ(client.read_frame(), "text:batch applied 1/1 txs");
        if (round % 2 == 0) {
            EXPECT_EQ(mempool_request_stop(guest.pool), MEMPOOL_OK);
            say_goodbye(client);
        } else {
            client.vanish();
        }
    }
    EXPECT_EQ(descriptors(), fds);
    EXPECT_TRUE(comes_true([&] { return threads() == tasks; })) << threads().size() << " threads";
}

TEST(Life, start_and_stop_200_times_with_four_network_threads_leaves_no_thread_and_no_descriptor) {
    const auto fds = descriptors();
    const auto tasks = threads_before();
    for (int round = 0; round < 200; ++round) {
        Guest guest({{"batch_interval_ms", 0}, {"io_threads", 4}, {"close_timeout_ms", 1000}});
        std::vector<std::unique_ptr<WireClient>> clients;
        for (int count = 0; count < round % 6; ++count) {
            clients.push_back(std::make_unique<WireClient>(guest.port));
            clients.back()->upgrade();
        }
        guest.submit("x");
        for (const auto &client : clients) EXPECT_EQ(client->read_frame(), "text:batch applied 1/1 txs");
        if (round % 2 == 0) {
            EXPECT_EQ(mempool_request_stop(guest.pool), MEMPOOL_OK);
            for (const auto &client : clients) say_goodbye(*client);
        } else {
            for (const auto &client : clients) client->vanish();
        }
    }
    EXPECT_EQ(descriptors(), fds);
    EXPECT_TRUE(comes_true([&] { return threads() == tasks; })) << threads().size() << " threads";
}

TEST(Life, fifty_pools_side_by_side_leave_no_thread_and_no_descriptor) {
    const auto fds = descriptors();
    const auto tasks = threads_before();
    {
        std::vector<std::unique_ptr<Guest>> guests;
        std::vector<std::unique_ptr<WireClient>> clients;
        std::set<std::int32_t> ports;
        for (int count = 0; count < 50; ++count) {
            guests.push_back(std::make_unique<Guest>(Guest::Settings{{"batch_interval_ms", 0}}));
            ports.insert(guests.back()->port);
            clients.push_back(std::make_unique<WireClient>(guests.back()->port));
            clients.back()->upgrade();
        }
        EXPECT_EQ(ports.size(), 50U);
        for (std::size_t index = 0; index < 50; ++index) {
            guests[index]->publish("for " + std::to_string(index));
            EXPECT_EQ(clients[index]->read_frame(), "text:for " + std::to_string(index)) << "and for no other";
        }
        for (const auto &guest : guests) EXPECT_EQ(mempool_request_stop(guest->pool), MEMPOOL_OK);
        for (const auto &client : clients) say_goodbye(*client);
    }
    EXPECT_EQ(descriptors(), fds);
    EXPECT_TRUE(comes_true([&] { return threads() == tasks; })) << threads().size() << " threads";
}

TEST(Life, a_pool_that_was_released_running_leaves_nothing_either) {
    const auto fds = descriptors();
    const auto tasks = threads_before();
    for (int round = 0; round < 50; ++round) {
        Guest guest({{"batch_interval_ms", 0}});
        WireClient client(guest.port);
        client.upgrade();
        guest.submit("x");
        mempool_release(guest.pool);
        mempool_config *config = nullptr;  // something for the end to stop
        ASSERT_EQ(mempool_config_new(&config), MEMPOOL_OK);
        ASSERT_EQ(mempool_open(config, &guest.pool), MEMPOOL_OK);
        mempool_config_free(config);
        client.read_all();
    }
    EXPECT_TRUE(comes_true([&] { return threads() == tasks; })) << threads().size() << " threads";
    EXPECT_TRUE(comes_true([&] { return descriptors() == fds; }));
}

namespace {

/// The line of a thread's status that begins so; "" where there is none.
std::string status_line(int thread, const std::string &begin) {
    std::ifstream status("/proc/self/task/" + std::to_string(thread) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(begin)) return line.substr(begin.size());
    return "";
}

}  // namespace

TEST(Life, its_threads_leave_every_signal_to_the_host_but_a_fault_of_their_own) {
    const auto before = threads_before();
    Guest guest;
    std::uint64_t registration = 0;
    ASSERT_EQ(mempool_on_event(
                  guest.pool, nullptr, [](void *, const mempool_event *) {}, nullptr, nullptr, &registration),
              MEMPOOL_OK);
    int ours = 0;
    for (const int thread : threads()) {
        if (before.contains(thread)) continue;
        ++ours;
        // Until it runs, glibc has all of a new thread's signals blocked; the name is the first thing that it does.
        ASSERT_TRUE(comes_true([&] { return status_line(thread, "Name:").starts_with("\tmempool-"); }));
        const std::uint64_t blocked = std::stoull(status_line(thread, "SigBlk:"), nullptr, 16);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGALRM, SIGPIPE, SIGUSR1, SIGUSR2, SIGPROF})
            EXPECT_NE(blocked >> (signal - 1) & 1, 0U) << signal;
        for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS})
            EXPECT_EQ(blocked >> (signal - 1) & 1, 0U) << signal;
    }
    EXPECT_EQ(ours, 2 + io_threads());
    sigset_t mine;
    pthread_sigmask(SIG_SETMASK, nullptr, &mine);
    EXPECT_EQ(sigismember(&mine, SIGTERM), 0) << "the host's own mask is as it was";
}

TEST(Life, no_descriptor_of_a_pool_is_inherited_by_another_program) {
    const auto before = descriptors();
    Guest guest({{"batch_interval_ms", 0}});
    WireClient client(guest.port);
    client.upgrade();
    WireClient half(guest.port);  // an HTTP connection in the middle of a request
    half.send("POST /tx HTTP/1.1\r\n");
    mempool_receiver *receiver = nullptr;
    mempool_completions *completions = nullptr;
    std::uint64_t registration = 0;
    std::int32_t fd = -1;
    ASSERT_EQ(mempool_subscribe(guest.pool, nullptr, &receiver), MEMPOOL_OK);
    ASSERT_EQ(mempool_receiver_fd(receiver, &fd), MEMPOOL_OK);
    ASSERT_EQ(mempool_completions_open(guest.pool, 1, &completions), MEMPOOL_OK);
    ASSERT_EQ(mempool_completions_fd(completions, &fd), MEMPOOL_OK);
    ASSERT_EQ(mempool_on_event(
                  guest.pool, nullptr, [](void *, const mempool_event *) {}, nullptr, nullptr, &registration),
              MEMPOOL_OK);
    guest.publish("all are at work");
    EXPECT_EQ(client.read_frame(), "text:all are at work");
    std::size_t ours = 0;
    for (const int each : descriptors()) {
        if (before.contains(each)) continue;
        ++ours;
        EXPECT_NE(fcntl(each, F_GETFD) & FD_CLOEXEC, 0) << "descriptor " << each;
    }
    EXPECT_GE(ours, 10U) << "the listening socket, two connections with both ends, two epoll sets, eventfds";
    mempool_completions_close(completions);
    mempool_receiver_close(receiver);
    client.vanish();
}
