// SPDX-License-Identifier: MIT
#include "channel/receiver.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace mempool;

namespace {

EventPtr message(std::string_view text) {
    return make_message(0, text, false);
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

namespace {

/// A ring of `capacity` that holds as many events, and a receiver that has heard the first: it has looked ahead at others.
struct Ahead {
    explicit Ahead(std::size_t capacity) : ring(capacity, 1 << 20, "e") {
        for (std::size_t count = 0; count < capacity; ++count) ring.append(message(std::to_string(count + 1)));
        EXPECT_EQ(text(), "1");
    }
    std::string text() {
        const Heard heard = receiver.next(Clock::now());
        return heard.kind == Heard::Kind::event    ? event_text(*heard.event)
               : heard.kind == Heard::Kind::lagged ? lagged_text(heard.missed)
               : heard.kind == Heard::Kind::reset  ? reset_text(*heard.epoch)
                                                   : "nothing";
    }
    Ring ring;
    Receiver receiver{ring};
};

}  // namespace

TEST(Receiver, what_was_overwritten_is_lag_also_where_it_was_looked_ahead_at) {
    Ahead world(4);
    for (const char *text : {"5", "6", "7"}) world.ring.append(message(text));
    EXPECT_EQ(world.receiver.length(), 6U);
    EXPECT_EQ(world.text(), "lagged 2") << "2 and 3; 4 is the oldest";
    EXPECT_EQ(world.text(), "4");
    EXPECT_EQ(world.receiver.length(), 3U);
    world.ring.append(message("8"));
    EXPECT_EQ(world.text(), "5");
    EXPECT_EQ(world.text(), "6");
}

TEST(Receiver, a_skip_a_restart_and_a_rename_are_heard_before_what_was_looked_ahead_at) {
    Ahead skipped(4);
    skipped.ring.skip_to(Offset{100});
    EXPECT_EQ(skipped.text(), "lagged 98");
    EXPECT_EQ(skipped.text(), "nothing");
    Ahead restarted(4);
    restarted.ring.restart("f", Offset{1});
    restarted.ring.append(message("new"));
    EXPECT_EQ(restarted.text(), "reset f");
    EXPECT_EQ(restarted.text(), "new");
    Ahead renamed(4);
    renamed.ring.rename("f");
    EXPECT_EQ(renamed.text(), "reset f");
    EXPECT_EQ(renamed.text(), "2") << "and goes on where it was";
}

TEST(Receiver, what_was_looked_ahead_at_is_heard_before_the_end) {
    Ahead world(3);
    world.ring.close();
    EXPECT_EQ(world.text(), "2");
    EXPECT_EQ(world.text(), "3");
    EXPECT_EQ(world.receiver.next(never).kind, Heard::Kind::closed);
}

TEST(Receiver, holds_on_to_few_events_and_few_bytes_that_the_ring_has_dropped) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{1000}, std::size_t{100'000}}) {
        Ring ring(100, 64 << 20, "e");
        Receiver receiver(ring);
        std::vector<std::weak_ptr<const Event>> all;
        for (int count = 0; count < 100; ++count) {
            EventPtr event = message(std::string(size, 'x'));
            all.emplace_back(event);
            ring.append(std::move(event));
        }
        EXPECT_EQ(next(receiver), Heard::Kind::event);
        ring.skip_to(Offset{1000});
        const auto held = std::ranges::count_if(all, [](const auto &each) { return !each.expired(); });
        EXPECT_LE(held, 15);
        EXPECT_LE(static_cast<std::size_t>(held) * size, 4096U);
        EXPECT_EQ(next(receiver), Heard::Kind::lagged);
        EXPECT_TRUE(std::ranges::all_of(all, [](const auto &each) { return each.expired(); }));
    }
}
