// SPDX-License-Identifier: MIT
#include "fanout/liveness.hpp"

#include <gtest/gtest.h>

using namespace mempool;
using Verdict = Liveness::Verdict;

namespace {

constexpr Liveness limits{milliseconds(20), milliseconds(30), milliseconds(60)};
constexpr milliseconds none{0};

}  // namespace

TEST(Liveness, who_is_silent_is_owed_a_ping) {
    EXPECT_EQ(limits.of(false, false, milliseconds(19), none), Verdict::alive);
    EXPECT_EQ(limits.of(false, false, milliseconds(20), none), Verdict::quiet);
}

TEST(Liveness, who_does_not_answer_its_ping_is_given_up) {
    EXPECT_EQ(limits.of(false, true, milliseconds(29), none), Verdict::alive);
    EXPECT_EQ(limits.of(false, true, milliseconds(30), none), Verdict::silent);
}

TEST(Liveness, a_full_socket_is_judged_by_what_it_takes_alone) {
    for (const bool pinged : {false, true}) {
        EXPECT_EQ(limits.of(true, pinged, milliseconds(1000), milliseconds(59)), Verdict::alive);
        EXPECT_EQ(limits.of(true, pinged, none, milliseconds(60)), Verdict::stalled);
    }
}

TEST(Liveness, zero_is_off) {
    constexpr milliseconds long_ago{1 << 30};
    constexpr Liveness off;
    for (const bool full : {false, true})
        for (const bool pinged : {false, true}) EXPECT_EQ(off.of(full, pinged, long_ago, long_ago), Verdict::alive);
    EXPECT_EQ(off.look_every(), none);
    // Without a pong's deadline a client is pinged again and again, which keeps a connection through a proxy alive.
    constexpr Liveness keep_alive{milliseconds(20), none, none};
    EXPECT_EQ(keep_alive.of(false, true, milliseconds(20), none), Verdict::quiet);
}

TEST(Liveness, an_eighth_of_the_shortest_limit_is_how_often_to_look) {
    EXPECT_EQ(limits.look_every(), milliseconds(2));
    EXPECT_EQ((Liveness{none, none, milliseconds(60'000)}).look_every(), milliseconds(7500));
    EXPECT_EQ((Liveness{milliseconds(1), none, none}).look_every(), milliseconds(1));
}
