// SPDX-License-Identifier: MIT
#include "channel/ring.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "channel/receiver.hpp"

using namespace mempool;

namespace {

constexpr std::size_t much = 1 << 20;

EventPtr message(std::string_view text) {
    return make_message(0, text, false);
}

void append_all(Ring &ring, std::initializer_list<const char *> texts) {
    for (const char *text : texts) ring.append(message(text));
}

/// What a receiver hears next, without waiting: "a", "lagged 2", "closed", "nothing".
std::string next(Receiver &receiver) {
    const Heard heard = receiver.next(Clock::now());
    switch (heard.kind) {
        case Heard::Kind::event:
            return event_text(*heard.event);
        case Heard::Kind::lagged:
            return lagged_text(heard.missed);
        case Heard::Kind::reset:
            return reset_text(*heard.epoch) + " " + std::to_string(heard.offset.value);
        case Heard::Kind::closed:
            return "closed";
        case Heard::Kind::timeout:
            break;
    }
    return "nothing";
}

struct CountingWaiter final : Waiter {
    void wake() noexcept override { ++wakes; }
    std::atomic<int> wakes{0};
};

}  // namespace

TEST(Ring, capacity_is_exact) {
    Ring ring(3, much, "e");
    Receiver receiver(ring);
    append_all(ring, {"a", "b", "c", "d"});
    EXPECT_EQ(next(receiver), "lagged 1");
    EXPECT_EQ(next(receiver), "b");
}

TEST(Ring, exactly_full_is_not_lag) {
    Ring ring(3, much, "e");
    Receiver receiver(ring);
    append_all(ring, {"a", "b", "c"});
    EXPECT_EQ(next(receiver), "a");
    EXPECT_EQ(next(receiver), "b");
    EXPECT_EQ(next(receiver), "c");
    EXPECT_EQ(next(receiver), "nothing");
}

TEST(Ring, send_returns_listener_count) {
    Ring ring(1, much, "e");
    EXPECT_EQ(ring.append(message("a"))->listeners, 0U);
    Receiver first(ring);
    {
        Receiver second(ring);
        EXPECT_EQ(ring.append(message("b"))->listeners, 2U);
        EXPECT_EQ(ring.append(message("c"))->listeners, 2U) << "those that will lag are counted too";
    }
    EXPECT_EQ(ring.append(message("d"))->listeners, 1U);
    EXPECT_EQ(ring.listeners(), 1U);
}

TEST(Ring, send_without_listeners_is_retained) {
    Ring ring(2, much, "e");
    EXPECT_EQ(ring.append(message("a"))->offset, Offset{1});
    EXPECT_EQ(ring.append(message("b"))->offset, Offset{2}) << "the event keeps its offset";
    Receiver later(ring, "e", Offset{0});
    EXPECT_EQ(next(later), "a") << "so that a later listener may resume from it";
}

TEST(Ring, subscribe_sees_only_future) {
    Ring ring(4, much, "e");
    append_all(ring, {"a", "b"});
    Receiver receiver(ring);
    EXPECT_EQ(next(receiver), "nothing");
    append_all(ring, {"c"});
    EXPECT_EQ(next(receiver), "c");
}

TEST(Ring, lag_count_exact_at_observation) {
    Ring ring(3, much, "e");
    Receiver late(ring);
    append_all(ring, {"a", "b", "c", "d", "e"});
    EXPECT_EQ(next(late), "lagged 2");
    EXPECT_EQ(next(late), "c");
}

TEST(Ring, lag_resumes_at_oldest) {
    Ring ring(2, much, "e");
    Receiver late(ring);
    append_all(ring, {"a", "b", "c"});
    EXPECT_EQ(next(late), "lagged 1");
    EXPECT_EQ(next(late), "b");
    EXPECT_EQ(next(late), "c");
    EXPECT_EQ(next(late), "nothing");
}

TEST(Ring, relag_counts_new_gap_only) {
    Ring ring(2, much, "e");
    Receiver late(ring);
    append_all(ring, {"a", "b", "c"});
    EXPECT_EQ(next(late), "lagged 1");
    append_all(ring, {"d", "e"});
    EXPECT_EQ(next(late), "lagged 2") << "b and c went before they were read";
    EXPECT_EQ(next(late), "d");
    EXPECT_EQ(next(late), "e");
    append_all(ring, {"f", "g", "h"});
    EXPECT_EQ(next(late), "lagged 1") << "after catching up, lag may come again";
}

TEST(Ring, a_capacity_of_one_lags_all_but_the_last) {
    Ring ring(1, much, "e");
    Receiver late(ring);
    append_all(ring, {"a", "b", "c", "d"});
    EXPECT_EQ(next(late), "lagged 3");
    EXPECT_EQ(next(late), "d");
}

TEST(Ring, lag_isolated_per_listener) {
    Ring ring(2, much, "e");
    Receiver slow(ring);
    Receiver quick(ring);
    append_all(ring, {"a", "b"});
    EXPECT_EQ(next(quick), "a");
    EXPECT_EQ(next(quick), "b");
    append_all(ring, {"c"});
    EXPECT_EQ(next(quick), "c");
    EXPECT_EQ(next(slow), "lagged 1");
}

TEST(Ring, close_drains_then_closed) {
    Ring ring(4, much, "e");
    Receiver receiver(ring);
    append_all(ring, {"a"});
    ring.close();
    EXPECT_FALSE(ring.append(message("b")));
    EXPECT_EQ(next(receiver), "a");
    EXPECT_EQ(next(receiver), "closed");
    EXPECT_EQ(next(receiver), "closed") << "repeatably";
    Receiver late(ring);
    EXPECT_EQ(next(late), "closed") << "a new listener gets it at once";
}

TEST(Ring, lag_then_drain_then_closed) {
    Ring ring(1, much, "e");
    Receiver receiver(ring);
    append_all(ring, {"a", "b"});
    ring.close();
    EXPECT_EQ(next(receiver), "lagged 1");
    EXPECT_EQ(next(receiver), "b");
    EXPECT_EQ(next(receiver), "closed");
}

TEST(Ring, its_bytes_evict_before_its_capacity_is_reached) {
    Ring ring(100, 10, "e");
    Receiver receiver(ring);
    append_all(ring, {"1234", "5678", "9012"});
    EXPECT_EQ(next(receiver), "lagged 1");
    EXPECT_EQ(next(receiver), "5678");
}

TEST(Ring, one_event_larger_than_its_bytes_is_still_heard) {
    Ring ring(100, 4, "e");
    Receiver receiver(ring);
    append_all(ring, {"a", "123456789"});
    EXPECT_EQ(next(receiver), "lagged 1");
    EXPECT_EQ(next(receiver), "123456789");
}

TEST(Ring, many_small_events_make_room_for_a_large_one) {
    Ring ring(1000, 100, "e");
    Receiver receiver(ring);
    for (int count = 0; count < 100; ++count) ring.append(message("x"));
    ring.append(message(std::string(100, 'y')));
    EXPECT_EQ(next(receiver), "lagged 100");
    EXPECT_EQ(next(receiver), std::string(100, 'y'));
}

TEST(Ring, an_event_goes_when_it_is_overwritten_and_nobody_holds_it) {
    Ring ring(1, much, "e");
    auto event = message("a");
    const std::weak_ptr<const Event> watched = event;
    ring.append(std::move(event));
    EXPECT_FALSE(watched.expired());
    ring.append(message("b"));
    EXPECT_TRUE(watched.expired());
}

TEST(Ring, three_sends_before_it_looks_are_one_wake) {
    Ring ring(8, much, "e");
    CountingWaiter waiter;
    Cursor cursor = ring.subscribe().cursor;
    EventPtr event;
    EXPECT_EQ(ring.read(cursor, {&event, 1}, &waiter).outcome, Ring::Outcome::empty);
    append_all(ring, {"a", "b", "c"});
    EXPECT_EQ(waiter.wakes, 1);
    EXPECT_EQ(ring.read(cursor, {&event, 1}, &waiter).outcome, Ring::Outcome::events);
    append_all(ring, {"d"});
    EXPECT_EQ(waiter.wakes, 1) << "it has not asked again";
}

TEST(Ring, a_disarmed_waiter_is_not_woken) {
    Ring ring(8, much, "e");
    CountingWaiter one;
    CountingWaiter other;
    Cursor cursor = ring.subscribe().cursor;
    EventPtr event;
    ring.read(cursor, {&event, 1}, &one);
    ring.read(cursor, {&event, 1}, &other);
    ring.disarm(one);
    ring.disarm(one);
    append_all(ring, {"a"});
    EXPECT_EQ(one.wakes, 0);
    EXPECT_EQ(other.wakes, 1);
}

TEST(Ring, wake_all_once) {
    constexpr int listeners = 4;
    Ring ring(8, much, "e");
    std::vector<std::thread> threads;
    std::atomic<int> heard{0};
    std::vector<std::unique_ptr<Receiver>> receivers;
    for (int count = 0; count < listeners; ++count) receivers.push_back(std::make_unique<Receiver>(ring));
    for (auto &receiver : receivers)
        threads.emplace_back([&heard, &receiver] {
            if (receiver->next(never).kind == Heard::Kind::event) ++heard;
        });
    append_all(ring, {"a"});
    for (std::thread &thread : threads) thread.join();
    EXPECT_EQ(heard, listeners);
}

TEST(Ring, cancelled_receive_loses_nothing) {
    Ring ring(8, much, "e");
    Receiver receiver(ring);
    EXPECT_EQ(receiver.next(Clock::now() + milliseconds(1)).kind, Heard::Kind::timeout);
    append_all(ring, {"a"});
    EXPECT_EQ(next(receiver), "a");
}

TEST(Ring, subscribe_from_offset_replays) {
    Ring ring(3, much, "e");
    append_all(ring, {"a", "b", "c", "d"});
    Receiver resumed(ring, "e", Offset{2});
    EXPECT_EQ(next(resumed), "c");
    EXPECT_EQ(next(resumed), "d");
    EXPECT_EQ(next(resumed), "nothing");
    Receiver too_late(ring, "e", Offset{0});
    EXPECT_EQ(next(too_late), "lagged 1");
    EXPECT_EQ(next(too_late), "b");
    Receiver at_the_tail(ring, "e", Offset{4});
    EXPECT_EQ(next(at_the_tail), "nothing");
}

TEST(Ring, a_position_that_the_history_does_not_know_is_reset_then_all_that_is_retained) {
    Ring ring(3, much, "e");
    append_all(ring, {"a", "b", "c", "d"});
    Receiver foreign(ring, "x", Offset{2});
    EXPECT_EQ(next(foreign), "reset e 1");
    EXPECT_EQ(next(foreign), "b");
    Receiver future(ring, "e", Offset{9});
    EXPECT_EQ(next(future), "reset e 1");
    EXPECT_EQ(next(future), "b");
}

TEST(Ring, resubscribe_ignores_old_lag) {
    Ring ring(2, much, "e");
    Receiver late(ring);
    append_all(ring, {"a", "b", "c"});
    Receiver fresh(late.ring());
    EXPECT_EQ(next(fresh), "nothing") << "not inherited";
    EXPECT_EQ(next(late), "lagged 1") << "nor cleared";
}

TEST(Ring, close_consumes_no_slot) {
    Ring ring(2, much, "e");
    Receiver receiver(ring);
    append_all(ring, {"a", "b"});
    ring.close();
    EXPECT_EQ(next(receiver), "a");
    EXPECT_EQ(next(receiver), "b");
    EXPECT_EQ(next(receiver), "closed");
}

TEST(Ring, length_includes_overwritten) {
    Ring ring(2, much, "e");
    Receiver receiver(ring);
    EXPECT_EQ(receiver.length(), 0U);
    append_all(ring, {"a", "b"});
    EXPECT_EQ(receiver.length(), 2U);
    append_all(ring, {"c"});
    EXPECT_EQ(receiver.length(), 3U) << "above the capacity exactly when the next receive lags";
    EXPECT_EQ(next(receiver), "lagged 1");
    EXPECT_EQ(receiver.length(), 2U);
    EXPECT_EQ(next(receiver), "b");
    EXPECT_EQ(receiver.length(), 1U);
}

TEST(Ring, counts_consistent) {
    Ring ring(2, much, "e");
    EXPECT_EQ(ring.listeners(), 0U);
    auto first = std::make_unique<Receiver>(ring);
    Receiver second(ring);
    EXPECT_EQ(ring.listeners(), 2U);
    first.reset();
    EXPECT_EQ(ring.listeners(), 1U);
    ring.close();
    Receiver third(ring);
    EXPECT_EQ(ring.listeners(), 2U) << "also of a closed one";
}

TEST(Ring, dropped_listener_releases_backlog) {
    Ring ring(1, much, "e");
    std::weak_ptr<const Event> watched;
    {
        Receiver receiver(ring);
        auto event = message("a");
        watched = event;
        ring.append(std::move(event));
    }
    ring.append(message("b"));
    EXPECT_TRUE(watched.expired()) << "who never read it pins nothing";
}

TEST(Ring, reentrant_destructor_no_deadlock) {
    Ring ring(1, much, "e");
    std::size_t seen = 99;
    ring.append(EventPtr(new Event{0, Message{"a", false}}, [&](const Event *event) {
        seen = ring.listeners();
        delete event;
    }));
    append_all(ring, {"b"});
    EXPECT_EQ(seen, 0U);
}

TEST(Ring, append_at_takes_the_tail_and_nothing_else) {
    Ring ring(4, much, "e");
    EXPECT_TRUE(ring.append_at(Offset{1}, message("a")));
    EXPECT_FALSE(ring.append_at(Offset{1}, message("again")));
    EXPECT_FALSE(ring.append_at(Offset{3}, message("a hole")));
    EXPECT_TRUE(ring.append_at(Offset{2}, message("b")));
    EXPECT_EQ(ring.tail(), Offset{3});
}

TEST(Ring, skipping_is_lag_for_every_listener) {
    Ring ring(4, much, "e");
    Receiver caught_up(ring);
    Receiver behind(ring);
    append_all(ring, {"a", "b"});
    EXPECT_EQ(next(caught_up), "a");
    EXPECT_EQ(next(caught_up), "b");
    ring.skip_to(Offset{10});
    ring.skip_to(Offset{5});
    EXPECT_EQ(next(caught_up), "lagged 7");
    EXPECT_EQ(next(behind), "lagged 9");
    EXPECT_TRUE(ring.append_at(Offset{10}, message("j")));
    EXPECT_EQ(next(caught_up), "j");
    EXPECT_EQ(next(behind), "j");
}

TEST(Ring, a_restart_is_reset_before_anything_else_then_all_that_came_since) {
    Ring ring(2, much, "old");
    Receiver receiver(ring);
    append_all(ring, {"a", "b", "c"});
    ring.restart("new", Offset{7});
    append_all(ring, {"g", "h"});
    EXPECT_EQ(receiver.length(), 2U);
    EXPECT_EQ(next(receiver), "reset new 6") << "though it had lagged";
    EXPECT_EQ(next(receiver), "g");
    EXPECT_EQ(next(receiver), "h");
    EXPECT_EQ(next(receiver), "nothing");
}

TEST(Ring, after_a_restart_that_has_turned_over_the_lag_follows_the_reset) {
    Ring ring(2, much, "old");
    Receiver receiver(ring);
    ring.restart("new", Offset{1});
    append_all(ring, {"a", "b", "c"});
    EXPECT_EQ(next(receiver), "reset new 0");
    EXPECT_EQ(next(receiver), "lagged 1");
    EXPECT_EQ(next(receiver), "b");
}

TEST(Ring, a_rename_is_reset_and_nothing_is_skipped) {
    Ring ring(4, much, "old");
    Receiver receiver(ring);
    append_all(ring, {"a", "b"});
    EXPECT_EQ(next(receiver), "a");
    ring.rename("new");
    EXPECT_EQ(next(receiver), "reset new 1");
    EXPECT_EQ(next(receiver), "b");
    Receiver resumed(ring, "new", Offset{1});
    EXPECT_EQ(next(resumed), "b");
    EXPECT_EQ(*ring.epoch(), "new");
}

TEST(Ring, a_rename_after_a_restart_does_not_undo_it) {
    Ring ring(4, much, "old");
    Receiver receiver(ring);
    append_all(ring, {"a"});
    ring.restart("newer", Offset{1});
    ring.rename("newest");
    append_all(ring, {"b"});
    EXPECT_EQ(next(receiver), "reset newest 0");
    EXPECT_EQ(next(receiver), "b");
}

TEST(Ring, reset_lag_and_skip_wake_who_waits) {
    for (const int which : {0, 1, 2}) {
        Ring ring(4, much, "old");
        Receiver receiver(ring);
        std::thread changer([&ring, which] {
            if (which == 0) ring.restart("new", Offset{1});
            if (which == 1) ring.rename("new");
            if (which == 2) ring.skip_to(Offset{9});
        });
        EXPECT_EQ(receiver.next(never).kind, which == 2 ? Heard::Kind::lagged : Heard::Kind::reset);
        changer.join();
    }
}

TEST(Ring, received_plus_lagged_equals_sent) {
    constexpr std::uint64_t senders = 3;
    constexpr std::uint64_t each = 100'000;  // 300,000 sends, up to 900,000 receives
    Ring ring(16, much, "e");
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    std::vector<std::unique_ptr<Receiver>> receivers;
    for (int count = 0; count < 3; ++count) receivers.push_back(std::make_unique<Receiver>(ring));
    for (auto &receiver : receivers)
        threads.emplace_back([&wrong, &receiver] {
            std::uint64_t received = 0;
            std::uint64_t lagged = 0;
            std::uint64_t last = 0;
            for (;;) {
                const Heard heard = receiver->next(never);
                if (heard.kind == Heard::Kind::closed) break;
                received += heard.kind == Heard::Kind::event ? 1 : 0;
                lagged += heard.missed;
                if (heard.offset.value <= last) ++wrong;
                last = heard.offset.value;
            }
            if (received + lagged != senders * each) ++wrong;
        });
    std::vector<std::thread> producers;
    for (std::uint64_t sender = 0; sender < senders; ++sender)
        producers.emplace_back([&ring] {
            for (std::uint64_t count = 0; count < each; ++count) ring.append(message("x"));
        });
    for (std::thread &producer : producers) producer.join();
    ring.close();
    for (std::thread &thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
}
