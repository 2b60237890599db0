// SPDX-License-Identifier: MIT
/// fork: a child that lives on holds neither the clients nor the port of its parent's pool, and can have a pool of its own.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "unit/pool/guest.hpp"

using namespace mempool_test;

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif

namespace {

/// A forked child: says `ready` once it has done its work, then lives until it is let go. Its work gives 0, or what failed.
class Child {
public:
    explicit Child(const std::function<int()> &work) {
        if (pipe(ready_.data()) != 0 || pipe(hold_.data()) != 0) throw std::runtime_error("pipe failed");
        pid_ = fork();
        if (pid_ == 0) {
            alarm(patience_ms / 1000);
            close(hold_[1]);
            const char failed = static_cast<char>(work());
            char byte = 0;
            [[maybe_unused]] ssize_t done = write(ready_[1], &failed, 1);
            done = read(hold_[0], &byte, 1);  // the end of the parent's side, or its byte
            _exit(failed);
        }
        EXPECT_GT(pid_, 0);
        close(hold_[0]);
        close(ready_[1]);
    }
    ~Child() { EXPECT_EQ(let_go(), 0); }
    Child(const Child &) = delete;
    Child &operator=(const Child &) = delete;

    /// What its work gave; -1 where it died over it.
    int work_done() {
        char failed = -1;
        return read(ready_[0], &failed, 1) == 1 ? failed : -1;
    }
    bool lives() const { return waitpid(pid_, nullptr, WNOHANG) == 0; }
    /// Its exit status; bounded by its alarm.
    int let_go() {
        if (pid_ == 0) return 0;
        close(hold_[1]);
        close(ready_[0]);
        int status = -1;
        while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

private:
    std::array<int, 2> ready_{};
    std::array<int, 2> hold_{};
    pid_t pid_ = -1;
};

/// The first of these that does not hold, counted from 1; 0 where all do. No gtest in a child: its reports would be the parent's.
int first_false(std::initializer_list<bool> facts) {
    int number = 0;
    for (const bool fact : facts) {
        ++number;
        if (!fact) return number;
    }
    return 0;
}

int nothing() {
    return 0;
}

mempool_status start_on(std::int32_t port) {
    mempool_config *config = nullptr;
    mempool_handle *pool = nullptr;
    EXPECT_EQ(mempool_config_new(&config), MEMPOOL_OK);
    EXPECT_EQ(mempool_config_set_int(config, "listen_port", port), MEMPOOL_OK);
    EXPECT_EQ(mempool_open(config, &pool), MEMPOOL_OK);
    mempool_config_free(config);
    const mempool_status status = mempool_start(pool);
    EXPECT_EQ(mempool_stop(pool, patience_ms), MEMPOOL_OK);
    mempool_release(pool);
    return status;
}

}  // namespace

TEST(Fork, a_child_that_lives_on_keeps_no_client_and_not_the_port) {
    std::int32_t port = 0;
    Guest *guest = new Guest({{"batch_interval_ms", 60'000}, {"close_timeout_ms", 1000}});
    port = guest->port;
    WireClient listener(port);
    listener.upgrade();
    WireClient idle(port);
    idle.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_TRUE(idle.read_answer().starts_with("HTTP/1.1 200"));
    WireClient wrong(port);
    wrong.upgrade();
    Child child(nothing);
    EXPECT_EQ(child.work_done(), 0);

    wrong.send(frames::frame(frames::fin | 3, "no such opcode"));
    EXPECT_EQ(wrong.read_frame(), "close:1002");
    wrong.finish();
    EXPECT_EQ(wrong.read_all(), "") << "closed by the server while it runs";
    guest->submit("last");
    EXPECT_EQ(mempool_request_stop(guest->pool), MEMPOOL_OK);
    EXPECT_EQ(listener.read_frame(), "text:batch applied 1/1 txs");
    say_goodbye(listener);
    EXPECT_EQ(idle.read_all(), "");
    delete guest;
    EXPECT_EQ(start_on(port), MEMPOOL_OK) << "the port is free";
    EXPECT_TRUE(child.lives());
}

TEST(Fork, a_child_that_lives_on_removes_no_unix_socket_and_keeps_none) {
    const std::string path = testing::TempDir() + "fork." + std::to_string(getpid());
    mempool_config *config = nullptr;
    ASSERT_EQ(mempool_config_new(&config), MEMPOOL_OK);
    ASSERT_EQ(mempool_config_set_text(config, "listen_host", ""), MEMPOOL_OK);
    ASSERT_EQ(mempool_config_set_text(config, "listen_unix", path.c_str()), MEMPOOL_OK);
    const auto started = [&] {
        mempool_handle *pool = nullptr;
        EXPECT_EQ(mempool_open(config, &pool), MEMPOOL_OK);
        EXPECT_EQ(mempool_start(pool), MEMPOOL_OK) << mempool_error_detail();
        return pool;
    };
    const auto ended = [](mempool_handle *pool) {
        EXPECT_EQ(mempool_stop(pool, patience_ms), MEMPOOL_OK);
        mempool_release(pool);
    };
    mempool_handle *pool = started();
    Child child([&] {
        mempool_stop(pool, -1);
        mempool_release(pool);
        return 0;
    });
    EXPECT_EQ(child.work_done(), 0);
    {
        WireClient client(path);
        EXPECT_TRUE(client.upgrade().starts_with("HTTP/1.1 101"));
        client.vanish();
    }
    ended(pool);
    EXPECT_THROW(WireClient{path}, std::runtime_error) << "the child's copy listens no more";
    ended(started());  // on the same path, while the child lives
    EXPECT_TRUE(child.lives());
    mempool_config_free(config);
}

TEST(Fork, clients_that_come_after_a_child_are_not_mistaken_for_those_before) {
    Guest guest({{"close_timeout_ms", 1000}});
    auto before = std::make_unique<WireClient>(guest.port);
    before->upgrade();
    Child child(nothing);
    EXPECT_EQ(child.work_done(), 0);
    for (int round = 0; round < 50; ++round) {
        before->send(frames::frame(frames::fin | 8, frames::big_endian(1000, 2)));
        EXPECT_EQ(before->read_frame(), "close:1000");
        EXPECT_EQ(before->read_all(), "");
        auto after = std::make_unique<WireClient>(guest.port);  // takes the same row of the client table
        after->upgrade();
        before->vanish();  // news of a socket that only the child still holds
        after->send(frames::ping("?"));
        EXPECT_EQ(after->read_frame(), "pong:?");
        before = std::move(after);
    }
    before->vanish();
    EXPECT_TRUE(child.lives());
}

TEST(Fork, a_child_can_do_nothing_with_its_parents_pool_and_the_parent_does_not_feel_it) {
    Guest guest({{"batch_interval_ms", 0}});
    WireClient client(guest.port);
    client.upgrade();
    mempool_receiver *receiver = nullptr;
    mempool_completions *completions = nullptr;
    ASSERT_EQ(mempool_subscribe(guest.pool, nullptr, &receiver), MEMPOOL_OK);
    ASSERT_EQ(mempool_completions_open(guest.pool, 1, &completions), MEMPOOL_OK);
    {
        Child child([&] {
            mempool_completion completion{};
            completion.struct_size = sizeof completion;
            mempool_event *event = nullptr;
            mempool_stats stats{};
            stats.struct_size = sizeof stats;
            std::size_t count = 0;
            std::int32_t number = 0;
            mempool_receiver *fresh = nullptr;
            mempool_completions *more = nullptr;
            const int failed = first_false({
                mempool_submit(guest.pool, "x", 1, nullptr, nullptr) == MEMPOOL_FORKED,
                mempool_request_stop(guest.pool) == MEMPOOL_FORKED,
                mempool_stop(guest.pool, -1) == MEMPOOL_FORKED,
                mempool_flush(guest.pool, -1) == MEMPOOL_FORKED,
                mempool_publish(guest.pool, "x", 1, nullptr, nullptr) == MEMPOOL_FORKED,
                mempool_receiver_next(receiver, -1, &event) == MEMPOOL_FORKED,
                mempool_receiver_fd(receiver, &number) == MEMPOOL_FORKED,
                mempool_receiver_resubscribe(receiver, &fresh) == MEMPOOL_FORKED,
                mempool_subscribe(guest.pool, nullptr, &fresh) == MEMPOOL_FORKED,
                mempool_completions_open(guest.pool, 1, &more) == MEMPOOL_FORKED,
                mempool_completions_next(completions, &completion, 1, -1, &count) == MEMPOOL_FORKED,
                mempool_completions_arm_room(completions) == MEMPOOL_FORKED,
                mempool_stats_read(guest.pool, &stats) == MEMPOOL_FORKED,
                mempool_metrics_text(guest.pool, nullptr, 0, &count) == MEMPOOL_FORKED,
                mempool_log_level(guest.pool, MEMPOOL_LOG_DEBUG) == MEMPOOL_FORKED,
                mempool_listener_count(guest.pool, nullptr, &count) == MEMPOOL_FORKED,
                mempool_retain(guest.pool) == MEMPOOL_FORKED,
            });
            mempool_receiver_close(receiver);
            mempool_completions_close(completions);
            mempool_release(guest.pool);
            return failed;
        });
        EXPECT_EQ(child.work_done(), 0) << "the number of the call that answered something else";
        EXPECT_EQ(guest.state(), MEMPOOL_RUNNING);
        EXPECT_EQ(guest.outcome(guest.submit("x")), MEMPOOL_TX_APPLIED);
        EXPECT_EQ(client.read_frame(), "text:batch applied 1/1 txs");
    }
    guest.publish("the child is gone");
    EXPECT_EQ(client.read_frame(), "text:the child is gone");
    mempool_completions_close(completions);
    mempool_receiver_close(receiver);
    client.vanish();
}

#ifndef UNDER_TSAN  // it refuses threads in the child of a process that had some

TEST(Fork, a_child_runs_a_pool_of_its_own) {
    Guest guest({{"batch_interval_ms", 0}});
    WireClient client(guest.port);
    client.upgrade();
    Child child([] {
        mempool_config *config = nullptr;
        mempool_handle *own = nullptr;
        std::uint64_t id = 0;
        std::int32_t port = 0;
        mempool_outcome outcome{};
        outcome.struct_size = sizeof outcome;
        bool listens = mempool_config_new(&config) == MEMPOOL_OK &&
                       mempool_config_set_int(config, "listen_port", 0) == MEMPOOL_OK &&
                       mempool_open(config, &own) == MEMPOOL_OK && mempool_start(own) == MEMPOOL_OK &&
                       mempool_port(own, &port) == MEMPOOL_OK;
        mempool_config_free(config);
        bool heard = false;
        if (listens) {
            WireClient listener(port);
            listens = listener.upgrade().starts_with("HTTP/1.1 101");
            if (mempool_submit(own, "x", 1, nullptr, &id) == MEMPOOL_OK &&
                mempool_tx_wait(own, id, patience_ms, &outcome) == MEMPOOL_OK)
                heard = listener.read_frame() == "text:batch applied 1/1 txs";
            listener.vanish();
        }
        const bool stopped = mempool_stop(own, patience_ms) == MEMPOOL_OK;
        mempool_release(own);
        return first_false({listens, outcome.status == MEMPOOL_TX_APPLIED, heard, stopped});
    });
    for (int count = 0; count < 100; ++count) {  // meanwhile
        EXPECT_EQ(guest.outcome(guest.submit("x")), MEMPOOL_TX_APPLIED);
        EXPECT_EQ(client.read_frame(), "text:batch applied 1/1 txs");
    }
    EXPECT_EQ(child.work_done(), 0) << "the number of the fact that does not hold";
    EXPECT_EQ(child.let_go(), 0);
    client.vanish();
}

#endif
