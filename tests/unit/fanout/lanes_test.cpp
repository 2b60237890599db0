// SPDX-License-Identifier: MIT
#include "fanout/lanes.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

using namespace mempool;

TEST(Lanes, older_events_are_one_chunk_and_an_event_that_ends_it_at_most) {
    constexpr std::size_t size = 60'000;
    Ring ring(64, 64 * size, "e");
    Lanes lanes(ring, Lane::segment_bytes);
    lanes.begin(ring.subscribe());
    lanes.open(Format::text);
    std::vector<EventPtr> events;
    for (int count = 0; count < 40; ++count) {
        events.push_back(make_message(0, std::string(size, '.'), false));
        ring.append(events.back());
    }
    const Offset first = lanes.tail();
    lanes.take(events, first);
    lanes.trim();
    ASSERT_GT(lanes.of(Format::text).first(), first);

    Offset next = first;  // to the lane's first without a hole
    while (next < lanes.of(Format::text).first()) {
        const Lane *older = lanes.older(Format::text, next);
        ASSERT_NE(older, nullptr);
        EXPECT_LT(older->bytes(), Lane::segment_bytes + size + 10);
        EXPECT_EQ(older->first(), next);
        ASSERT_GT(older->tail(), next);
        next = older->tail();
    }
    EXPECT_EQ(next, lanes.of(Format::text).first());
    ring.unsubscribe();
}
