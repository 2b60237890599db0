// SPDX-License-Identifier: MIT
#include "fanout/flush.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "fanout/lag.hpp"
#include "websocket/frame_writer.hpp"

using namespace mempool;

namespace {

/// One client's end of a connection, in memory: it takes `room` bytes and then says that it is full.
struct MemoryKernel final : Kernel {
    Written write(int, std::span<iovec> from) override {
        ++writes;
        if (gone) return {0, true};
        Written written;
        for (const iovec &part : from) {
            const std::size_t taken = std::min(part.iov_len, room);
            received.append(static_cast<const char *>(part.iov_base), taken);
            room -= taken;
            written.bytes += taken;
            if (taken < part.iov_len) break;
        }
        return written;
    }
    Instant now() override { return {}; }
    bool watch(int, SeatId) override { return true; }
    Received read(int, std::span<char>) override { return {Received::Kind::nothing}; }
    void finish(int) override {}
    void end(int) override {}
    void abort(int) override {}

    std::string received;
    std::size_t room = 1 << 30;
    int writes = 0;
    bool gone = false;
};

std::string text_frame(std::string_view text) {
    std::string frame;
    websocket::append_frame(frame, websocket::Opcode::text, text);
    return frame;
}

std::string pong_frame(std::string_view payload) {
    std::string frame;
    websocket::append_frame(frame, websocket::Opcode::pong, payload);
    return frame;
}

std::string close_frame(websocket::CloseCode code) {
    std::string frame;
    websocket::append_close(frame, code, "");
    return frame;
}

/// One seat on one lane, with a socket of its own.
struct Stage {
    void say(std::string_view text) { lane.append(text_frame(text)); }
    /// Gives the client `room` more bytes, and flushes as writability would.
    Written flush_with(std::size_t room) {
        kernel.room = room;
        seats.clear(seat, Seats::blocked);
        if (!seats.is(seat, Seats::closing)) settle_lag(seats, seat, lane, "e");
        return flush(seats, seat, lane, kernel);
    }
    Written flush_all() { return flush_with(1 << 30); }

    Seats seats;
    SeatId seat = seats.take(7, {}, Offset{1}, 0);
    Lane lane{Format::text, Offset{1}, Offset{1}, 1 << 30};
    MemoryKernel kernel;
};

}  // namespace

TEST(Flush, many_events_go_out_in_one_write) {
    Stage stage;
    for (const char *text : {"a", "b", "c"}) stage.say(text);
    EXPECT_FALSE(stage.flush_all().gone);
    EXPECT_EQ(stage.kernel.received, text_frame("a") + text_frame("b") + text_frame("c"));
    EXPECT_EQ(stage.kernel.writes, 1);
    EXPECT_FALSE(stage.seats.wants(stage.seat, stage.lane.tail()));
}

TEST(Flush, nothing_to_say_writes_nothing) {
    Stage stage;
    EXPECT_FALSE(stage.flush_all().gone);
    EXPECT_EQ(stage.kernel.writes, 0);
}

TEST(Flush, a_full_socket_is_left_until_writability_is_told) {
    Stage stage;
    stage.say("hello");
    EXPECT_FALSE(stage.flush_with(3).gone);
    EXPECT_TRUE(stage.seats.is(stage.seat, Seats::blocked));
    EXPECT_FALSE(stage.seats.wants(stage.seat, stage.lane.tail()));
    EXPECT_EQ(stage.seats.place(stage.seat), (LanePlace{Offset{1}, 3}));
    stage.flush_all();
    EXPECT_EQ(stage.kernel.received, text_frame("hello"));
}

TEST(Flush, a_dead_socket_is_told) {
    Stage stage;
    stage.say("a");
    stage.kernel.gone = true;
    EXPECT_TRUE(stage.flush_all().gone);
}

TEST(Flush, a_pong_waits_for_the_end_of_a_half_sent_frame) {
    Stage stage;
    stage.say("hello");
    stage.say("again");
    stage.flush_with(3);
    stage.seats.extra_of(stage.seat).ping = "p";
    stage.flush_all();
    EXPECT_EQ(stage.kernel.received, text_frame("hello") + pong_frame("p") + text_frame("again"));
}

TEST(Flush, only_the_newest_ping_is_answered) {
    Stage stage;
    stage.say("hello");
    stage.flush_with(3);
    stage.seats.extra_of(stage.seat).ping = "1";
    stage.seats.extra_of(stage.seat).ping = "2";
    stage.flush_all();
    EXPECT_EQ(stage.kernel.received, text_frame("hello") + pong_frame("2"));
}

TEST(Flush, an_idle_seat_keeps_nothing_beside_its_row) {
    Stage stage;
    stage.seats.extra_of(stage.seat).ping = "p";
    stage.flush_all();
    EXPECT_EQ(stage.seats.find_extra(stage.seat), nullptr);
}

TEST(Flush, behind_the_ring_is_lag_and_goes_on_at_the_oldest_retained) {
    Stage stage;
    for (const char *text : {"a", "b", "c", "d"}) stage.say(text);
    stage.lane.set_head(Offset{3});
    stage.flush_all();
    EXPECT_EQ(stage.kernel.received, text_frame("lagged 2") + text_frame("c") + text_frame("d"));
}

TEST(Flush, a_half_sent_frame_is_finished_before_the_lag_is_told_and_is_not_counted_as_lost) {
    Stage stage;
    for (const char *text : {"hello", "b", "c", "d"}) stage.say(text);
    stage.flush_with(3);
    stage.lane.set_head(Offset{4});
    stage.flush_all();
    EXPECT_EQ(stage.kernel.received, text_frame("hello") + text_frame("lagged 2") + text_frame("d"));
}

TEST(Flush, the_rest_of_a_half_sent_frame_outlives_its_segment) {
    Stage stage;
    const std::string large(Lane::segment_bytes, 'x');
    stage.say(large);
    stage.say("b");
    stage.flush_with(1000);
    stage.lane.set_head(Offset{2});
    ASSERT_TRUE(stage.lane.trimmable());
    stage.seats.save_rest(stage.seat, stage.lane);
    stage.lane.trim();
    stage.seats.extra_of(stage.seat).ping = "p";
    stage.flush_with(1000);
    stage.flush_all();
    EXPECT_EQ(stage.kernel.received, text_frame(large) + pong_frame("p") + text_frame("b"));
}

TEST(Flush, a_closing_seat_finishes_its_frame_and_hears_no_more_events) {
    Stage stage;
    stage.say("hello");
    stage.say("never heard");
    stage.flush_with(3);
    stage.seats.begin_close(stage.seat, stage.lane, websocket::CloseCode::going_away, "", never);
    stage.flush_all();
    EXPECT_EQ(stage.kernel.received, text_frame("hello") + close_frame(websocket::CloseCode::going_away));
    EXPECT_FALSE(stage.seats.wants(stage.seat, stage.lane.tail()));
}

TEST(Flush, tells_how_many_bytes_went_out) {
    Stage stage;
    stage.say("hello");
    EXPECT_EQ(stage.flush_with(3).bytes, 3U);
    EXPECT_EQ(stage.flush_with(0).bytes, 0U);
    EXPECT_EQ(stage.flush_all().bytes, text_frame("hello").size() - 3);
}

TEST(Flush, every_event_is_counted_as_sent_or_as_missed) {
    Stage stage;
    for (const char *text : {"hello", "b", "c", "d"}) stage.say(text);
    stage.flush_with(3);
    stage.lane.set_head(Offset{4});
    stage.flush_all();
    EXPECT_EQ(stage.seats.events_sent(), 2U);
    EXPECT_EQ(stage.seats.events_missed(), 2U);
}

TEST(Flush, what_is_older_than_the_lane_is_left_to_another) {
    Stage stage;
    stage.lane.restart(Offset{5}, Offset{3});
    stage.say("e");
    stage.flush_all();
    EXPECT_EQ(stage.kernel.received, text_frame("lagged 2"));
    EXPECT_EQ(stage.seats.place(stage.seat), (LanePlace{Offset{3}, 0}));
}

// A client that takes what it likes, a ring that turns under it, pings in between: whole frames only, in order, and
// sent + lagged = the difference of the offsets.
TEST(Flush, whatever_the_socket_takes_the_client_hears_whole_frames_and_exact_lag) {
    for (unsigned seed = 0; seed < 300; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937 random(seed);
        const auto up_to = [&random](std::size_t most) {
            return std::uniform_int_distribution<std::size_t>(0, most)(random);
        };
        Stage stage;
        std::uint64_t said = 0;
        for (int step = 0; step < 300; ++step) {
            switch (up_to(5)) {
                case 0:
                case 1:
                    stage.say("#" + std::to_string(++said) + std::string(up_to(1) == 0 ? up_to(40) : up_to(9000), '.'));
                    break;
                case 2:
                    if (stage.lane.tail() - stage.lane.head() > 0)
                        stage.lane.set_head(stage.lane.head() +
                                            up_to(static_cast<std::size_t>(stage.lane.tail() - stage.lane.head())));
                    if (stage.lane.trimmable()) {
                        if (stage.seats.place(stage.seat).next < stage.lane.first_kept())
                            stage.seats.save_rest(stage.seat, stage.lane);
                        stage.lane.trim();
                    }
                    break;
                case 3:
                    stage.seats.extra_of(stage.seat).ping = "p";
                    break;
                default:
                    ASSERT_FALSE(stage.flush_with(up_to(6000)).gone);
            }
        }
        ASSERT_FALSE(stage.flush_all().gone);

        std::uint64_t heard = 0;
        std::string_view rest = stage.kernel.received;
        while (!rest.empty()) {
            const auto first = static_cast<unsigned char>(rest[0]);
            std::size_t size = static_cast<unsigned char>(rest.at(1));
            std::size_t header = 2;
            if (size == 126) {
                size = static_cast<std::size_t>(static_cast<unsigned char>(rest.at(2))) << 8 |
                       static_cast<unsigned char>(rest.at(3));
                header = 4;
            }
            const std::string_view payload = rest.substr(header, size);
            ASSERT_EQ(payload.size(), size);
            if (first == 0x81 && payload.starts_with("lagged ")) {
                heard += std::stoull(std::string(payload.substr(7)));
            } else if (first == 0x81) {
                ASSERT_EQ(std::stoull(std::string(payload.substr(1))), ++heard);
            } else {
                ASSERT_EQ(first, 0x8a);
                ASSERT_EQ(payload, "p");
            }
            rest.remove_prefix(header + size);
        }
        EXPECT_EQ(heard, said);
    }
}

TEST(Flush, private_bytes_that_went_out_hold_no_memory_though_something_else_of_the_seat_is_kept) {
    Stage stage;
    Seats::Extra &extra = stage.seats.extra_of(stage.seat);
    extra.out = std::string(1 << 20, 'x');
    extra.deadline = Instant();
    stage.flush_all();
    ASSERT_EQ(stage.seats.find_extra(stage.seat), &extra);
    EXPECT_EQ(stage.kernel.received.size(), std::size_t{1} << 20);
    EXPECT_LT(extra.out.capacity(), 100U);
}

TEST(OnlyPiece, is_all_that_a_plain_seat_lacks) {
    Stage stage;
    EXPECT_FALSE(only_piece(stage.seats, stage.seat, stage.lane)) << "it lacks nothing";
    for (const char *text : {"hello", "again"}) stage.say(text);
    const std::optional<iovec> piece = only_piece(stage.seats, stage.seat, stage.lane);
    ASSERT_TRUE(piece);
    const std::string all = text_frame("hello") + text_frame("again");
    EXPECT_EQ(std::string_view(static_cast<const char *>(piece->iov_base), piece->iov_len), all);

    took(stage.seats, stage.seat, stage.lane, piece->iov_len, text_frame("hello").size() + 2);
    EXPECT_EQ(stage.seats.place(stage.seat), (LanePlace{Offset{2}, 2}));
    EXPECT_TRUE(stage.seats.is(stage.seat, Seats::blocked));
    EXPECT_EQ(stage.seats.events_sent(), 1U);

    const std::optional<iovec> rest = only_piece(stage.seats, stage.seat, stage.lane);
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->iov_len, text_frame("again").size() - 2);
    stage.seats.clear(stage.seat, Seats::blocked);
    took(stage.seats, stage.seat, stage.lane, rest->iov_len, rest->iov_len);
    EXPECT_EQ(stage.seats.place(stage.seat), (LanePlace{Offset{3}, 0}));
    EXPECT_FALSE(stage.seats.is(stage.seat, Seats::blocked));
}

TEST(OnlyPiece, is_none_where_the_seat_has_more_to_be_sent_or_it_lies_in_two) {
    Stage owed;
    owed.say("hello");
    owed.seats.extra_of(owed.seat).ping = "p";
    EXPECT_FALSE(only_piece(owed.seats, owed.seat, owed.lane)) << "a pong";

    Stage behind;
    behind.lane.restart(Offset{5}, Offset{1});
    behind.say("hello");
    EXPECT_FALSE(only_piece(behind.seats, behind.seat, behind.lane)) << "older events";

    Stage two;
    two.say(std::string(Lane::segment_bytes, 'x'));
    EXPECT_TRUE(only_piece(two.seats, two.seat, two.lane));
    two.say("hello");
    EXPECT_FALSE(only_piece(two.seats, two.seat, two.lane)) << "two segments";
}
