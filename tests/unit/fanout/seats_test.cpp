// SPDX-License-Identifier: MIT
#include "fanout/seats.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

using namespace mempool;

TEST(Seats, a_released_row_is_taken_again) {
    Seats seats;
    const SeatId first = seats.take(10, Offset{1}, 0);
    const SeatId second = seats.take(11, Offset{2}, 0);
    EXPECT_EQ(seats.count(), 2U);
    EXPECT_EQ(seats.release(first), 10);
    EXPECT_FALSE(seats.is(first, Seats::taken));
    EXPECT_EQ(seats.take(12, Offset{3}, 0), first);
    EXPECT_EQ(seats.rows(), 2U);
    EXPECT_EQ(seats.socket(first), 12);
    EXPECT_EQ(seats.socket(second), 11);
}

TEST(Seats, a_new_seat_inherits_nothing_of_the_one_before_it) {
    Seats seats;
    const SeatId seat = seats.take(10, Offset{1}, 0);
    seats.set(seat, Seats::blocked);
    seats.advance(seat, {Offset{4}, 9});
    seats.extra_of(seat).out = "left over";
    seats.release(seat);
    ASSERT_EQ(seats.take(11, Offset{7}, 0), seat);
    EXPECT_FALSE(seats.is(seat, Seats::blocked));
    EXPECT_EQ(seats.place(seat), (LanePlace{Offset{7}, 0}));
    EXPECT_EQ(seats.find_extra(seat), nullptr);
}

// It would be told to the next client of that row as its own.
TEST(Seats, a_released_row_has_no_rest_to_keep) {
    Seats seats;
    Lane lane(Offset{1}, Offset{1}, 1 << 20);
    lane.append("half-sent");
    const SeatId seat = seats.take(10, Offset{1}, 0);
    seats.advance(seat, {Offset{1}, 4});
    seats.release(seat);
    seats.save_rest(seat, lane);
    ASSERT_EQ(seats.take(11, Offset{2}, 0), seat);
    EXPECT_EQ(seats.find_extra(seat), nullptr);
    EXPECT_TRUE(seats.extra_of(seat).out.empty());
}

TEST(Seats, only_a_live_seat_that_is_behind_and_not_full_wants_events) {
    Seats seats;
    const SeatId seat = seats.take(10, Offset{1}, 0);
    EXPECT_FALSE(seats.wants(seat, Offset{1}));
    EXPECT_TRUE(seats.wants(seat, Offset{2}));
    seats.set(seat, Seats::blocked);
    EXPECT_FALSE(seats.wants(seat, Offset{2}));
    seats.clear(seat, Seats::blocked);
    seats.set(seat, Seats::closing);
    EXPECT_FALSE(seats.wants(seat, Offset{2}));
    seats.release(seat);
    EXPECT_FALSE(seats.wants(seat, Offset{2}));
}

TEST(Seats, an_extra_goes_when_nothing_is_left_in_it) {
    Seats seats;
    const SeatId seat = seats.take(10, Offset{1}, 0);
    Seats::Extra &extra = seats.extra_of(seat);
    extra.deadline = Instant{};
    seats.tidy(seat);
    EXPECT_NE(seats.find_extra(seat), nullptr);
    extra.deadline = never;
    seats.tidy(seat);
    EXPECT_EQ(seats.find_extra(seat), nullptr);
}

TEST(Seats, each_deadline_is_shown_and_its_seat_may_be_released_meanwhile) {
    Seats seats;
    std::map<SeatId, int> shown;
    for (int count = 0; count < 100; ++count) {
        const SeatId seat = seats.take(count, Offset{1}, 0);
        if (count % 2 == 0) seats.extra_of(seat).deadline = Instant{} + milliseconds(count);
    }
    seats.each_deadline([&](SeatId seat, Instant deadline) {
        EXPECT_EQ(deadline, Instant{} + milliseconds(seats.socket(seat)));
        ++shown[seat];
        if (seat % 4 == 0) seats.release(seat);
    });
    EXPECT_EQ(shown.size(), 50U);
    EXPECT_EQ(seats.count(), 75U);
}
