// SPDX-License-Identifier: MIT
/// What comes of many writes at once, by send() and by an io_uring: it has to be the same.
#include "fanout/sockets.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "base/wake_fd.hpp"
#include "unit/fanout/refused_call.hpp"

using namespace mempool;
using namespace mempool::test;

namespace {

/// Two ends of a TCP connection over 127.0.0.1.
class Connection {
public:
    Connection() {
        const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof at;
        client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        // A small window, so that a piece of a megabyte is more than fits.
        const int small = 16 * 1024;
        setsockopt(client, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        EXPECT_EQ(bind(listener, reinterpret_cast<sockaddr *>(&at), sizeof at), 0);
        EXPECT_EQ(listen(listener, 1), 0);
        EXPECT_EQ(getsockname(listener, reinterpret_cast<sockaddr *>(&at), &length), 0);
        EXPECT_EQ(connect(client, reinterpret_cast<sockaddr *>(&at), sizeof at), 0);
        server = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        EXPECT_GE(server, 0);
        setsockopt(server, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
        close(listener);
    }
    ~Connection() {
        close(server);
        close(client);
    }
    Connection(const Connection &) = delete;
    Connection &operator=(const Connection &) = delete;

    std::string reads(std::size_t bytes) const {
        std::string all(bytes, '\0');
        const ssize_t count = recv(client, all.data(), bytes, MSG_WAITALL);
        all.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
        return all;
    }
    /// Whether nothing more has come.
    bool silent() const {
        char one;
        return recv(client, &one, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
    }
    /// Gives the bytes that it took before it was full.
    std::size_t fill() const {
        const std::string much(1 << 20, 'f');
        std::size_t took = 0;
        for (ssize_t count; (count = send(server, much.data(), much.size(), MSG_DONTWAIT | MSG_NOSIGNAL)) > 0;)
            took += static_cast<std::size_t>(count);
        return took;
    }
    void reset() {
        const linger at_once{1, 0};
        setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(client);
        client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    }

    int server = -1;
    int client = -1;
};

/// Many of them, and for each a piece of its own.
struct Crowd {
    explicit Crowd(std::size_t count) : connections(count) {
        for (std::size_t index = 0; index < count; ++index) pieces.push_back("piece " + std::to_string(index));
        for (std::size_t index = 0; index < count; ++index)
            offers.push_back({connections[index].server, {pieces[index].data(), pieces[index].size()}});
    }
    void expect_whole(std::size_t index) const {
        SCOPED_TRACE(index);
        EXPECT_FALSE(offers[index].written.gone);
        EXPECT_EQ(offers[index].written.bytes, pieces[index].size());
        EXPECT_EQ(connections[index].reads(pieces[index].size()), pieces[index]);
        EXPECT_TRUE(connections[index].silent());
    }

    std::vector<Connection> connections;
    std::vector<std::string> pieces;
    std::vector<Offer> offers;
};

class WriteMany : public ::testing::TestWithParam<bool> {
protected:
    void SetUp() override {
        if (!GetParam()) return;
        try {
            sockets.use_uring();
        } catch (const NoUring &why) {
            GTEST_SKIP() << "there is no io_uring here: " << why.what();
        }
    }

    WakeFd wake;
    Sockets sockets{wake.fd()};
};

}  // namespace

TEST_P(WriteMany, each_piece_goes_out_once_and_whole_to_its_own_socket) {
    for (const std::size_t count : {1U, 2U, 63U, 64U, 65U, 200U}) {
        Crowd crowd(count);
        sockets.write_many(crowd.offers);
        for (std::size_t index = 0; index < count; ++index) crowd.expect_whole(index);
    }
    sockets.write_many({});
}

TEST_P(WriteMany, a_full_socket_a_reset_one_and_a_closed_one_cost_the_others_nothing) {
    Crowd crowd(64);
    const std::size_t filled = crowd.connections[10].fill();
    crowd.connections[20].reset();
    crowd.offers[30].socket = -1;
    shutdown(crowd.connections[40].server, SHUT_WR);
    sockets.write_many(crowd.offers);
    for (std::size_t index = 0; index < 64; ++index)
        if (index % 10 != 0 || index == 0 || index > 40) crowd.expect_whole(index);
    EXPECT_EQ(crowd.offers[10].written.bytes, 0U);
    EXPECT_FALSE(crowd.offers[10].written.gone);
    for (const std::size_t index : {20U, 30U, 40U}) EXPECT_TRUE(crowd.offers[index].written.gone) << index;
    // It was not kept for later either.
    EXPECT_EQ(crowd.connections[10].reads(filled), std::string(filled, 'f'));
    EXPECT_TRUE(crowd.connections[10].silent());
}

TEST_P(WriteMany, of_a_piece_that_does_not_fit_the_bytes_that_went_out_are_told) {
    Crowd crowd(3);
    crowd.pieces[1].assign(8 << 20, 'x');
    crowd.offers[1].from = {crowd.pieces[1].data(), crowd.pieces[1].size()};
    sockets.write_many(crowd.offers);
    crowd.expect_whole(0);
    crowd.expect_whole(2);
    const Written written = crowd.offers[1].written;
    EXPECT_FALSE(written.gone);
    EXPECT_GT(written.bytes, 0U);
    ASSERT_LT(written.bytes, crowd.pieces[1].size());
    EXPECT_EQ(crowd.connections[1].reads(written.bytes).size(), written.bytes);
    EXPECT_TRUE(crowd.connections[1].silent());
}

TEST_P(WriteMany, again_and_again_the_order_of_each_connection_is_kept) {
    Crowd crowd(70);
    std::string all;
    for (int round = 0; round < 100; ++round) {
        const std::string piece = "round " + std::to_string(round) + ";";
        for (std::size_t index = 0; index < crowd.offers.size(); ++index) {
            crowd.pieces[index] = piece;
            crowd.offers[index].from = {crowd.pieces[index].data(), piece.size()};
        }
        sockets.write_many(crowd.offers);
        all += piece;
    }
    for (const Connection &each : crowd.connections) EXPECT_EQ(each.reads(all.size()), all);
}

INSTANTIATE_TEST_SUITE_P(by, WriteMany, ::testing::Values(false, true),
                         [](const auto &here) { return here.param ? "io_uring" : "send"; });

TEST(Uring, where_the_kernel_takes_none_any_more_all_goes_out_by_send) {
    std::thread([] {
        const WakeFd wake;
        Sockets sockets(wake.fd());
        try {
            sockets.use_uring();
        } catch (const NoUring &why) {
            GTEST_SKIP() << "there is no io_uring here: " << why.what();
        }
        Crowd before(5);
        sockets.write_many(before.offers);
        if (!refuse_from_now_on(SYS_io_uring_enter, ENOMEM)) GTEST_SKIP() << "no filters of system calls here";
        Crowd after(130);
        sockets.write_many(after.offers);
        for (std::size_t index = 0; index < 5; ++index) before.expect_whole(index);
        for (std::size_t index = 0; index < 130; ++index) after.expect_whole(index);
    }).join();
}

TEST(Uring, where_it_is_refused_is_said_why) {
    std::thread([] {
        if (!refuse_from_now_on(SYS_io_uring_setup, EPERM)) GTEST_SKIP() << "no filters of system calls here";
        const WakeFd wake;
        Sockets sockets(wake.fd());
        try {
            sockets.use_uring();
            ADD_FAILURE() << "was not refused";
        } catch (const NoUring &why) {
            EXPECT_EQ(why.code().value(), EPERM);
        }
        EXPECT_FALSE(sockets.uses_uring());
        Crowd crowd(70);
        sockets.write_many(crowd.offers);
        for (std::size_t index = 0; index < 70; ++index) crowd.expect_whole(index);
    }).join();
}
