// SPDX-License-Identifier: MIT
#include "fanout/lane.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

using namespace mempool;

namespace {

std::string gathered(const Lane &lane, LanePlace place) {
    std::array<iovec, 64> parts;
    std::string all;
    const std::size_t count = lane.gather(place, parts);
    for (std::size_t index = 0; index < count; ++index)
        all.append(static_cast<const char *>(parts[index].iov_base), parts[index].iov_len);
    return all;
}

LanePlace at(std::uint64_t next, std::uint32_t sent = 0) {
    return {Offset{next}, sent};
}

}  // namespace

TEST(Lane, holds_what_was_appended_from_its_first_offset_on) {
    Lane lane(Offset{5}, Offset{5}, 1 << 30);
    EXPECT_EQ(lane.first(), Offset{5});
    lane.append("one");
    lane.append("two");
    EXPECT_EQ(lane.tail(), Offset{7});
    EXPECT_EQ(gathered(lane, at(5)), "onetwo");
    EXPECT_EQ(gathered(lane, at(6)), "two");
    EXPECT_EQ(gathered(lane, at(7)), "");
}

TEST(Lane, a_place_inside_an_event_gives_its_rest_and_what_follows) {
    Lane lane(Offset{1}, Offset{1}, 1 << 30);
    lane.append("one");
    lane.append("two");
    EXPECT_EQ(lane.rest(at(1, 2)), "e");
    EXPECT_EQ(gathered(lane, at(1, 2)), "etwo");
}

TEST(Lane, advancing_by_any_number_of_bytes_is_where_those_bytes_end) {
    Lane lane(Offset{1}, Offset{1}, 1 << 30);
    std::string all;
    for (int count = 0; count < 200; ++count) {
        const std::string wire(static_cast<std::size_t>(1 + count * 37 % 3000), static_cast<char>('a' + count % 26));
        lane.append(wire);
        all += wire;
    }
    for (std::size_t from = 0; from < all.size(); from += 3001)
        for (std::size_t bytes = 0; from + bytes <= all.size(); bytes += 7919) {
            const LanePlace start = lane.advance(at(1), from);
            const LanePlace end = lane.advance(start, bytes);
            EXPECT_EQ(gathered(lane, end), all.substr(from + bytes));
        }
    EXPECT_EQ(lane.advance(at(1), all.size()), at(201));
}

TEST(Lane, an_event_larger_than_a_segment_stands_alone) {
    Lane lane(Offset{1}, Offset{1}, 1 << 30);
    const std::string large(3 * Lane::segment_bytes, 'x');
    lane.append("a");
    lane.append(large);
    lane.append("b");
    EXPECT_EQ(gathered(lane, at(1)), "a" + large + "b");
    EXPECT_EQ(lane.advance(at(1), 1 + large.size()), at(3));
}

TEST(Lane, a_segment_goes_when_the_ring_has_dropped_all_of_its_events) {
    Lane lane(Offset{1}, Offset{1}, 1 << 30);
    const std::string half(Lane::segment_bytes / 2, 'x');
    for (int count = 0; count < 6; ++count) lane.append(half);  // segments 1-2, 3-4, 5-6
    lane.set_head(Offset{2});
    EXPECT_FALSE(lane.trimmable());
    lane.set_head(Offset{4});
    EXPECT_TRUE(lane.trimmable());
    EXPECT_EQ(lane.first_kept(), Offset{3});
    lane.trim();
    EXPECT_EQ(lane.first(), Offset{3});
    lane.set_head(Offset{7});
    EXPECT_EQ(lane.first_kept(), Offset{7});
    lane.trim();
    EXPECT_EQ(lane.first(), lane.tail());
    lane.append("next");
    EXPECT_EQ(gathered(lane, at(7)), "next");
}

TEST(Lane, keeps_no_more_bytes_than_it_may_though_the_ring_has_more) {
    const std::string half(Lane::segment_bytes / 2, 'x');
    Lane lane(Offset{1}, Offset{1}, 2 * Lane::segment_bytes);
    for (int count = 0; count < 7; ++count) lane.append(half);  // segments 1-2, 3-4, 5-6, 7
    EXPECT_TRUE(lane.trimmable());
    EXPECT_EQ(lane.first_kept(), Offset{5});
    lane.trim();
    EXPECT_EQ(lane.first(), Offset{5});
    EXPECT_EQ(lane.bytes(), 3 * half.size());
    EXPECT_EQ(lane.head(), Offset{1});
}

TEST(Lane, the_newest_segment_stays_however_large_it_is) {
    Lane lane(Offset{1}, Offset{1}, Lane::segment_bytes);
    const std::string large(3 * Lane::segment_bytes, 'x');
    lane.append("a");
    lane.append(large);
    lane.trim();
    EXPECT_EQ(lane.first(), Offset{2});
    EXPECT_EQ(gathered(lane, at(2)), large);
}

TEST(Lane, a_lane_that_fell_behind_goes_on_where_it_is_told) {
    Lane lane(Offset{1}, Offset{1}, 1 << 30);
    lane.append("a");
    lane.restart(Offset{9});
    EXPECT_EQ(lane.first(), Offset{9});
    EXPECT_EQ(lane.head(), Offset{9});
    lane.append("b");
    EXPECT_EQ(gathered(lane, at(9)), "b");
}
