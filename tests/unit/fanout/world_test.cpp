// SPDX-License-Identifier: MIT
/// What becomes of clients, second by second, on simulated sockets and a clock moved by hand.
#include "unit/fanout/world.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>

using namespace mempool;
using namespace mempool::test;

TEST_F(AudienceTest, every_client_hears_every_event_from_its_joining_on) {
    World &here = world(8);
    World::Peer &first = here.join(roomy);
    here.batch_done(2, 3);
    here.settle();
    World::Peer &second_one = here.join(roomy);
    for (int count = 0; count < 5; ++count) here.publish(100, count == 2);
    here.settle();
    EXPECT_EQ(first.client.next(), 7U);
    EXPECT_EQ(second_one.client.next(), 7U);
    EXPECT_EQ(here.audience().events_sent(), 11U);
    EXPECT_EQ(here.audience().events_missed(), 0U);
}

TEST_F(AudienceTest, who_lacks_one_piece_of_a_lane_is_written_with_up_to_63_others_in_one_call) {
    World &here = world(8);
    for (int count = 0; count < 150; ++count) here.join(roomy, {{count % 2 == 0 ? Format::text : Format::json}});
    World::Peer &owed = here.join(roomy);
    const World::Peer &deaf = here.join_deaf(0);
    here.settle();
    here.kernel().written_at_once.clear();
    here.publish(100);
    here.says(owed, 9, "a pong goes first");
    here.settle();
    const std::vector<std::size_t> &calls = here.kernel().written_at_once;
    ASSERT_EQ(calls.size(), 3U);
    EXPECT_EQ(calls[0], 64U);
    EXPECT_EQ(calls[1], 64U);
    for (const World::Peer &peer : here.peers()) EXPECT_EQ(peer.client.next(), &peer == &deaf ? 1U : 2U);
}

// ---- positions and older events ----

TEST_F(AudienceTest, a_lane_made_late_calls_nothing_lag_that_the_ring_still_has) {
    World &here = world(8);
    for (int count = 0; count < 6; ++count) here.publish(10);
    World::Peer &resumed = here.join(roomy, {.since = Position{"e0", Offset{2}}});
    here.settle();
    EXPECT_EQ(resumed.client.next(), 7U);
    EXPECT_EQ(resumed.client.missed(), 0U);
}

TEST_F(AudienceTest, a_position_that_the_ring_has_left_is_lag_of_exactly_that_many) {
    World &here = world(4);
    for (int count = 0; count < 10; ++count) here.publish(10);
    World::Peer &resumed = here.join(roomy, {.since = Position{"e0", Offset{2}}});
    here.settle();
    EXPECT_EQ(resumed.client.next(), 11U);
    EXPECT_EQ(resumed.client.missed(), 4U);  // 3, 4, 5, 6
}

TEST_F(AudienceTest, a_position_of_another_history_or_of_the_future_is_told_reset_and_then_all_that_is_retained) {
    World &here = world(4);
    for (int count = 0; count < 10; ++count) here.publish(10);
    for (const Position &since : {Position{"other", Offset{9}}, Position{"e0", Offset{400}}}) {
        World::Peer &resumed = here.join(roomy, {.since = since});
        here.settle();
        EXPECT_EQ(resumed.client.next(), 11U);
        EXPECT_EQ(resumed.client.missed(), 0U);
    }
}

TEST_F(AudienceTest, what_the_lane_has_no_longer_is_rendered_from_the_ring_for_who_is_behind) {
    Audience::Limits limits = World::default_limits();
    limits.lane_bytes = 64 * 1024;
    World &here = world(1024, limits);
    World::Peer &slow = here.join(1000);
    World::Peer &fast = here.join(roomy);
    slow.reads = false;
    here.tell(300, 5000);
    EXPECT_EQ(fast.client.next(), 301U);
    EXPECT_LE(slow.client.next(), 1U);
    slow.reads = true;
    here.settle();
    EXPECT_EQ(slow.client.next(), 301U);
    EXPECT_EQ(slow.client.missed(), 0U);
}

TEST_F(AudienceTest, who_resumes_far_behind_and_reads_fast_is_served_a_part_a_turn_until_it_has_all) {
    Audience::Limits limits = World::default_limits();
    limits.lane_bytes = 64 * 1024;
    World &here = world(1024, limits);
    here.join(roomy);
    for (int count = 0; count < 300; ++count) here.publish(5000);
    here.settle();
    World::Peer &resumed = here.join(roomy, {.since = Position{"e0", Offset{0}}});
    here.reads(resumed, roomy);
    EXPECT_LT(resumed.client.next(), 100U);
    here.settle();
    EXPECT_EQ(resumed.client.next(), 301U);
    EXPECT_EQ(resumed.client.missed(), 0U);
}

TEST_F(AudienceTest, what_is_told_in_the_middle_of_a_sweep_is_heard_by_those_before_it_too) {
    World &here = world(8);
    for (int count = 0; count < 600; ++count) here.join(roomy);
    here.settle();
    here.publish(10);
    here.turn();  // the first 256
    here.publish(10);
    here.settle();
    for (const World::Peer &peer : here.peers()) ASSERT_EQ(peer.client.next(), 3U);
}

TEST_F(AudienceTest, who_sends_more_than_its_turn_is_read_to_the_end) {
    World &here = world(8);
    World::Peer &peer = here.join(roomy);
    here.settle();
    const std::string frame = websocket::test::text(std::string(1000, 'x'));
    for (int count = 0; count < 1000; ++count) here.kernel().client_sends(peer.socket, frame);
    here.says(peer, 9, "the last");
    here.settle();
    EXPECT_EQ(peer.client.pings_unanswered(), 0U);
}

TEST_F(AudienceTest, three_turns_of_the_ring_in_the_middle_of_a_frame_are_its_rest_and_exact_lag) {
    World &here = world(16);
    World::Peer &slow = here.join(20'000);
    World::Peer &fast = here.join(roomy);
    here.settle();
    slow.reads = false;
    here.publish(70'000);
    here.settle();
    for (int count = 0; count < 3 * 16; ++count) {
        here.publish(70'000);
        here.says(slow, 9, "ping " + std::to_string(count));
        here.settle();
    }
    EXPECT_EQ(fast.client.next(), 50U);
    here.reads(slow, 1 << 20);
    EXPECT_TRUE(slow.client.in_the_middle());
    slow.reads = true;
    here.settle();
    EXPECT_EQ(slow.client.next(), 50U);
    EXPECT_EQ(slow.client.missed(), 32U);  // the first was finished, the last 16 are retained
    EXPECT_EQ(slow.client.pings_unanswered(), 0U);
    EXPECT_FALSE(slow.client.in_the_middle());
}

// A large event pushes out the small ones a few at a time, and lets go of the ring's lock in between.
TEST_F(AudienceTest, what_is_pushed_out_after_the_event_that_pushes_was_pulled_is_lag_too) {
    Audience::Limits limits = World::default_limits();
    limits.lane_bytes = 64 * 1024;
    World &here =
        world_.emplace(random_, World::Options{.ring_capacity = 1000, .ring_bytes = 64 * 1024, .audience = limits});
    World::Peer &slow = here.join_deaf(1000);
    const auto pull = [&] {
        here.audience().news();
        here.turn();
    };
    for (int count = 1; count <= 40; ++count)
        here.publish(1000, false, count == 10 ? std::function<void()>(pull) : std::function<void()>());
    here.settle();
    here.publish(60'000);
    slow.reads = true;
    here.settle();
    EXPECT_EQ(slow.client.next(), 42U);
    EXPECT_EQ(here.audience().events_sent() + here.audience().events_missed(), 41U);
}

TEST_F(AudienceTest, who_was_paused_is_read_again_also_where_the_ring_moved_on_before_it_had_room) {
    Audience::Limits limits = World::default_limits();
    limits.lane_bytes = 64 * 1024;
    World &here = world(100, limits);
    World::Peer &peer = here.join_deaf(20'000);
    for (int count = 0; count < 40; ++count) here.publish(5000);
    here.settle();
    for (int count = 0; count < 3; ++count) {
        here.says(peer, 9, std::to_string(count) + std::string(100, '.'));
        here.settle();
    }
    here.audience().news();
    here.turn();                                                 // a turn without work forgets older events
    for (int count = 0; count < 150; ++count) here.publish(10);  // not pulled yet
    here.reads(peer, roomy);  // so much that what it has missed by now makes the rest fit
    here.tell_news(peer);
    peer.reads = true;
    here.settle();
    here.says(peer, 9, "the last");
    here.settle();
    EXPECT_EQ(peer.client.pings_unanswered(), 0U);
    EXPECT_EQ(peer.client.next(), 191U);
}

TEST_F(AudienceTest, a_new_history_is_told_to_all_and_to_those_who_catch_up) {
    Audience::Limits limits = World::default_limits();
    limits.lane_bytes = 64 * 1024;
    World &here = world(256, limits);
    World::Peer &slow = here.join(1000);
    World::Peer &fast = here.join(roomy);
    slow.reads = false;
    for (int count = 0; count < 100; ++count) here.publish(3000);
    here.settle();
    here.rename();
    here.publish(10);
    here.settle();
    slow.reads = true;
    here.settle();
    EXPECT_EQ(slow.client.next(), 102U);
    EXPECT_EQ(slow.client.missed(), 0U);
    here.restart(1000);
    here.publish(10);
    here.settle();
    EXPECT_EQ(slow.client.next(), 1001U);
    EXPECT_EQ(fast.client.next(), 1001U);
}

TEST_F(AudienceTest, a_flood_that_is_told_again_and_again_is_read_a_part_a_turn) {
    World &here = world(8);
    World::Peer &peer = here.join(roomy);
    here.settle();
    const std::string frame = websocket::test::text(std::string(1000, 'x'));
    for (int count = 0; count < 2000; ++count) here.kernel().client_sends(peer.socket, frame);
    std::size_t left = here.kernel().at(peer.socket).to_server.size();
    here.tell_news(peer);
    while (left > 0) {
        for (int count = 0; count < 10; ++count) {
            here.kernel().at(peer.socket).news.readable = true;
            here.tell_news(peer);
        }
        here.turn();
        const std::size_t now = here.kernel().at(peer.socket).to_server.size();
        ASSERT_LE(left - now, 2 * 4 * 64 * 1024U);
        ASSERT_LT(now, left);
        left = now;
    }
}

TEST_F(AudienceTest, who_pings_and_does_not_read_the_pongs_is_read_no_more_until_it_does) {
    World &here = world(8);
    World::Peer &peer = here.join_deaf(SimulatedClient::preamble.size() + 10);
    for (int count = 0; count < 20'000; ++count) here.says(peer, 9, std::to_string(count) + std::string(100, '.'));
    here.settle();
    const std::size_t left = here.kernel().at(peer.socket).to_server.size();
    EXPECT_GT(left, 0U);
    here.says(peer, 9, "one more");
    here.settle();
    EXPECT_GT(here.kernel().at(peer.socket).to_server.size(), left);
    peer.reads = true;
    here.settle();
    EXPECT_EQ(here.kernel().at(peer.socket).to_server.size(), 0U);
    EXPECT_EQ(peer.client.pings_unanswered(), 0U);
    EXPECT_LT(peer.client.pongs_and_answers().size(), 2000U)
        << "of so many that come at once, some pongs and the newest";
}

TEST_F(AudienceTest, who_never_reads_its_pongs_is_given_up_in_the_end) {
    World &here = world(8);
    World::Peer &peer = here.join_deaf(SimulatedClient::preamble.size() + 10);
    for (int count = 0; count < 100 && here.is_in(peer); ++count) {
        for (int more = 0; more < 100; ++more) here.says(peer, 9, std::to_string(more));
        here.live_through(second, second);
    }
    EXPECT_FALSE(here.is_in(peer));
}

// ---- manners ----

TEST_F(AudienceTest, a_json_client_is_told_hello_and_then_the_same_as_everybody) {
    World &here = world(8);
    World::Peer &text = here.join(roomy);
    World::Peer &json = here.join(roomy, {.manner = {Format::json, Slow::lag}});
    here.batch_done(2, 3);
    here.publish(100);
    here.publish(100, true);
    here.settle();
    EXPECT_EQ(text.client.next(), 4U);
    EXPECT_EQ(json.client.next(), 4U);
    World::Peer &late = here.join(roomy, {.manner = {Format::json, Slow::lag}, .since = Position{"", {}}});
    here.settle();
    EXPECT_EQ(late.client.next(), 4U);
    EXPECT_EQ(late.client.missed(), 0U);
}

TEST_F(AudienceTest, who_asks_for_all_that_is_retained_gets_it_without_lag) {
    World &here = world(4);
    for (int count = 0; count < 10; ++count) here.publish(10);
    for (const Format format : {Format::text, Format::json}) {
        World::Peer &peer = here.join(roomy, {.manner = {format, Slow::lag}, .since = Position{"", {}}});
        here.settle();
        EXPECT_EQ(peer.client.next(), 11U);
        EXPECT_EQ(peer.client.missed(), 0U);
    }
}

TEST_F(AudienceTest, latest_jumps_to_the_newest_and_is_told_how_much_it_missed) {
    World &here = world(64);
    World::Peer &peer = here.join_deaf(300, {.manner = {Format::text, Slow::latest}});
    here.tell(10, 1000);
    peer.reads = true;
    here.settle();
    EXPECT_EQ(peer.client.next(), 11U);
    EXPECT_EQ(peer.client.missed(), 8U);  // it heard the one that it had begun, and the last
}

TEST_F(AudienceTest, close_is_closed_with_1013_and_the_position_to_resume_from) {
    World &here = world(4);
    World::Peer &peer = here.join_deaf(300, {.manner = {Format::json, Slow::close}});
    here.tell(10, 1000);
    peer.reads = true;
    here.settle();
    EXPECT_EQ(peer.client.close_code(), 1013U);
    EXPECT_FALSE(here.is_in(peer));
    World::Peer &again = here.join(roomy, {.since = Position{"e0", Offset{peer.client.next() - 1}}});
    here.settle();
    EXPECT_EQ(again.client.next(), 11U);
    EXPECT_EQ(again.client.missed(), 5U);  // it had heard the first; the last four are retained
}

// ---- the end ----

TEST_F(AudienceTest, a_drain_tells_each_client_the_rest_then_draining_and_close_1001) {
    World &here = world(64);
    World::Peer &slow = here.join(300);
    World::Peer &fast = here.join(roomy);
    for (int count = 0; count < 20; ++count) here.publish(100);
    here.drain();
    here.settle();
    for (const World::Peer *peer : {&slow, &fast}) {
        EXPECT_EQ(peer->client.next(), 21U);
        EXPECT_TRUE(peer->client.drained());
        EXPECT_EQ(peer->client.close_code(), 1001U);
        EXPECT_FALSE(here.is_in(*peer));
    }
    EXPECT_EQ(here.audience().clients(), 0U);
}

TEST_F(AudienceTest, nobody_is_sent_away_before_the_last_event_though_it_was_not_pulled_yet) {
    World &here = world(4000);
    World::Peer &talks = here.join(roomy);
    World::Peer &listens = here.join(roomy);
    here.settle();
    for (int count = 0; count < 3000; ++count) here.publish(10);  // more than is pulled in a turn
    here.drain();
    here.says(talks, 9, "in between");
    here.tell_news(talks);
    here.settle();
    for (const World::Peer *peer : {&talks, &listens}) {
        EXPECT_EQ(peer->client.next(), 3001U);
        EXPECT_EQ(peer->client.close_code(), 1001U);
    }
}

TEST_F(AudienceTest, who_does_not_answer_the_close_or_does_not_read_is_cut_at_the_deadline) {
    World &here = world(8);
    World::Peer &silent = here.join(roomy);
    World::Peer &stalled = here.join(200);
    here.settle();
    silent.answers = stalled.reads = false;
    here.publish(1000);
    here.settle();
    here.drain();
    here.live_through(4 * second, second);
    EXPECT_EQ(silent.client.close_code(), 1001U);
    EXPECT_TRUE(here.is_in(silent));
    EXPECT_TRUE(here.is_in(stalled));
    here.live_through(2 * second, second);
    EXPECT_EQ(here.audience().clients(), 0U);
    EXPECT_FALSE(here.audience().has_work());
}
