// SPDX-License-Identifier: MIT
/// Who is still there, second by second, on simulated sockets and a clock moved by hand.
#include <gtest/gtest.h>

#include <string>

#include "unit/fanout/world.hpp"

using namespace mempool;
using namespace mempool::test;

// ---- who is still there ----

TEST_F(AudienceTest, who_answers_its_pings_stays_for_hours) {
    World &here = world(8);
    World::Peer &peer = here.join(roomy);
    here.live_through(3600 * second, second);
    EXPECT_TRUE(here.is_in(peer));
}

TEST_F(AudienceTest, who_does_not_answer_is_given_up_when_ping_and_pong_have_had_their_time) {
    World &here = world(8);
    World::Peer &peer = here.join(roomy);
    peer.answers = false;
    here.live_through(39 * second, second);
    EXPECT_TRUE(here.is_in(peer));
    here.live_through(7 * second, second);  // two looks of 2.5 s
    EXPECT_FALSE(here.is_in(peer));
    EXPECT_EQ(here.ring().listeners(), 0U);
}

TEST_F(AudienceTest, any_byte_is_a_sign_of_life) {
    World &here = world(8);
    World::Peer &peer = here.join(roomy);
    peer.answers = false;
    const std::string frame = websocket::test::text("a message that takes ten minutes to come");
    for (const char byte : frame) {
        here.kernel().client_sends(peer.socket, std::string(1, byte));
        here.live_through(15 * second, second);
    }
    EXPECT_TRUE(here.is_in(peer));
}

TEST_F(AudienceTest, events_that_go_out_are_no_sign_of_life) {
    World &here = world(8);
    World::Peer &peer = here.join(roomy);
    peer.answers = peer.reads = false;  // half open: the kernel takes it all, and nobody is there
    for (int count = 0; count < 46; ++count) {
        here.publish(10);
        here.live_through(second, second);
    }
    EXPECT_FALSE(here.is_in(peer));
}

TEST_F(AudienceTest, a_socket_that_takes_nothing_is_given_up_and_its_buffers_with_it) {
    World &here = world(8);
    World::Peer &peer = here.join_deaf(200);
    here.publish(10'000);
    here.live_through(59 * second, second);
    EXPECT_TRUE(here.is_in(peer));
    here.live_through(6 * second, second);
    EXPECT_FALSE(here.is_in(peer));
    EXPECT_TRUE(here.kernel().at(peer.socket).server_aborted);
}

TEST_F(AudienceTest, who_sends_but_never_reads_is_stalled_all_the_same) {
    World &here = world(8);
    World::Peer &peer = here.join_deaf(200);
    here.publish(10'000);
    for (int count = 0; count < 65 && here.is_in(peer); ++count) {
        here.says(peer, 9, "still here");
        here.live_through(second, second);
    }
    EXPECT_FALSE(here.is_in(peer));
}

TEST_F(AudienceTest, who_reads_a_little_now_and_then_is_slow_and_not_gone) {
    World &here = world(8);
    World::Peer &peer = here.join_deaf(200);
    here.publish(10'000);
    for (int count = 0; count < 20; ++count) {
        here.live_through(50 * second, second);
        ASSERT_TRUE(here.is_in(peer)) << count;
        here.reads(peer, 100);
        here.settle();
    }
}

TEST_F(AudienceTest, a_server_that_slept_gives_up_nobody_whose_answer_has_come) {
    World &here = world(8);
    World::Peer &peer = here.join(roomy);
    peer.reads = false;
    here.live_through(21 * second, second);  // the ping is out
    here.reads(peer, roomy);                 // and is answered: the pong waits in the socket
    here.kernel().pass(3600 * second);
    here.expire();
    while (here.turn()) {
    }
    EXPECT_TRUE(here.is_in(peer));
}

TEST_F(AudienceTest, the_pong_has_its_time_from_when_the_ping_was_written_whole) {
    World &here = world(8);
    World::Peer &peer = here.join(SimulatedClient::preamble.size() + 1);
    peer.reads = peer.answers = false;
    here.live_through(30 * second, second);  // half of the ping is out, at 20 to 22.5 s
    here.reads(peer, roomy);
    here.settle();  // now the rest is
    here.live_through(19 * second, second);
    EXPECT_TRUE(here.is_in(peer));
    here.live_through(4 * second, second);
    EXPECT_FALSE(here.is_in(peer));
}

TEST_F(AudienceTest, with_zeroes_nobody_is_ever_given_up_nor_woken_for) {
    World &here = world(8, {milliseconds(5000), {}, 1 << 16, 1 << 24});
    World::Peer &peer = here.join(200);
    here.settle();
    peer.reads = peer.answers = false;
    here.publish(10'000);
    here.settle();
    EXPECT_EQ(here.audience().deadline(), never);
    here.live_through(3600 * second, 60 * second);
    EXPECT_TRUE(here.is_in(peer));
}

TEST_F(AudienceTest, without_clients_there_is_no_work_and_no_deadline) {
    World &here = world(8);
    World::Peer &peer = here.join(roomy);
    here.settle();
    here.kernel().client_resets(peer.socket);
    here.live_through(10 * second, second);
    EXPECT_EQ(here.audience().clients(), 0U);
    EXPECT_FALSE(here.audience().has_work());
    EXPECT_EQ(here.audience().deadline(), never);
}
