// SPDX-License-Identifier: MIT
#include "channel/receiver.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <string>
#include <thread>

using namespace mempool;

namespace {

EventPtr message(std::string text) {
    return std::make_shared<const Event>(Event{0, Message{std::move(text), false}});
}

bool readable(int fd) {
    pollfd entry{fd, POLLIN, 0};
    return poll(&entry, 1, 0) == 1;
}

Heard::Kind next(Receiver &receiver) {
    return receiver.next(Clock::now()).kind;
}

}  // namespace

TEST(Receiver, its_descriptor_is_readable_exactly_while_there_is_something_to_hear) {
    Ring ring(2, 1 << 20, "e");
    Receiver receiver(ring);
    const int fd = receiver.fd();
    EXPECT_EQ(receiver.fd(), fd) << "there is one";
    EXPECT_FALSE(readable(fd));
    ring.append(message("a"));
    ring.append(message("b"));
    EXPECT_TRUE(readable(fd));
    EXPECT_EQ(next(receiver), Heard::Kind::event);
    EXPECT_TRUE(readable(fd));
    EXPECT_EQ(next(receiver), Heard::Kind::event);
    EXPECT_FALSE(readable(fd));
    EXPECT_EQ(next(receiver), Heard::Kind::timeout);
    EXPECT_FALSE(readable(fd));
    ring.append(message("c"));
    EXPECT_TRUE(readable(fd)) << "and again";
}

TEST(Receiver, a_descriptor_made_late_knows_what_came_before) {
    Ring ring(2, 1 << 20, "e");
    Receiver receiver(ring);
    ring.append(message("a"));
    EXPECT_TRUE(readable(receiver.fd()));
}

TEST(Receiver, lag_reset_and_the_end_are_something_to_hear) {
    Ring ring(1, 1 << 20, "e");
    Receiver receiver(ring);
    const int fd = receiver.fd();
    ring.skip_to(Offset{5});
    EXPECT_TRUE(readable(fd));
    EXPECT_EQ(next(receiver), Heard::Kind::lagged);
    EXPECT_FALSE(readable(fd));
    ring.rename("f");
    EXPECT_TRUE(readable(fd));
    EXPECT_EQ(next(receiver), Heard::Kind::reset);
    EXPECT_FALSE(readable(fd));
    ring.close();
    EXPECT_TRUE(readable(fd));
    EXPECT_EQ(next(receiver), Heard::Kind::closed);
    EXPECT_TRUE(readable(fd)) << "for good: the end can be read as often as one likes";
}

TEST(Receiver, no_ring_of_its_bell_is_lost_under_threads) {
    constexpr int sent = 20'000;
    Ring ring(64, 1 << 20, "e");
    Receiver receiver(ring);
    const int fd = receiver.fd();
    std::thread sender([&ring] {
        for (int count = 0; count < sent; ++count) ring.append(message("x"));
        ring.close();
    });
    std::uint64_t heard = 0;
    for (;;) {
        pollfd entry{fd, POLLIN, 0};
        ASSERT_EQ(poll(&entry, 1, 20'000), 1);
        const Heard next = receiver.next(Clock::now());
        if (next.kind == Heard::Kind::closed) break;
        heard += next.kind == Heard::Kind::event ? 1 : next.missed;
    }
    EXPECT_EQ(heard, std::uint64_t{sent});
    sender.join();
}
