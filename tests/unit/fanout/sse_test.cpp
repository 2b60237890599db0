// SPDX-License-Identifier: MIT
/// What becomes of clients of Server-Sent Events, second by second, on simulated sockets and a clock moved by hand.
#include <gtest/gtest.h>

#include <string>

#include "unit/fanout/world.hpp"

using namespace mempool;
using namespace mempool::test;

namespace {

Joining sse(Format format = Format::sse_text, Slow slow = Slow::lag) {
    return {.manner = {format, slow}};
}
Joining from(std::uint64_t heard, Slow slow = Slow::lag) {
    return {.manner = {Format::sse_text, slow}, .since = Position{"e0", Offset{heard}}};
}

}  // namespace

TEST_F(AudienceTest, clients_of_every_format_hear_the_same) {
    World &here = world(8);
    for (const Format format : {Format::text, Format::json, Format::sse_text, Format::sse_json})
        here.join(roomy, sse(format));
    here.batch_done(2, 3);
    here.publish(100);
    here.publish(100, true);
    here.settle();
    for (const World::Peer &peer : here.peers()) EXPECT_EQ(peer.client.next(), 4U);
    EXPECT_EQ(here.audience().events_sent(), 12U);
}

TEST_F(AudienceTest, an_sse_client_is_told_at_once_where_it_begins) {
    World &here = world(8);
    here.publish(10);
    World::Peer &peer = here.join(roomy, sse());
    EXPECT_EQ(here.kernel().client_reads(peer.socket, roomy), std::string(SimulatedClient::preamble) + "id: e0:1\n\n");
}

TEST_F(AudienceTest, an_sse_client_resumes_behind_its_last_id) {
    World &here = world(8);
    for (int count = 0; count < 6; ++count) here.publish(10);
    World::Peer &resumed = here.join(roomy, from(2));
    here.settle();
    EXPECT_EQ(resumed.client.next(), 7U);
    EXPECT_EQ(resumed.client.missed(), 0U);
}

TEST_F(AudienceTest, an_sse_client_that_falls_behind_is_told_exactly_how_much_it_missed) {
    World &here = world(4);
    World::Peer &slow = here.join_deaf(300, sse());
    here.tell(10, 1000);
    slow.reads = true;
    here.settle();
    EXPECT_EQ(slow.client.next(), 11U);
    EXPECT_EQ(slow.client.missed(), 5U);  // it finished the first; the last four are retained
}

TEST_F(AudienceTest, a_slow_sse_client_that_asked_to_be_closed_ends_with_its_position_and_can_go_on_from_it) {
    World &here = world(4);
    World::Peer &slow = here.join_deaf(300, sse(Format::sse_text, Slow::close));
    here.tell(10, 1000);
    slow.reads = true;
    here.settle();
    EXPECT_EQ(slow.client.close_code(), 1013U);
    EXPECT_EQ(slow.client.next(), 2U);
    EXPECT_TRUE(here.kernel().at(slow.socket).server_finished) << "an end that can be read, not a reset";
    EXPECT_FALSE(here.is_in(slow));
    World::Peer &again = here.join(roomy, from(1, Slow::close));
    here.settle();
    EXPECT_TRUE(here.is_in(again)) << "who comes late was not slow";
    EXPECT_EQ(again.client.next(), 11U);
    EXPECT_EQ(again.client.missed(), 5U);
}

TEST_F(AudienceTest, a_silent_stream_gets_a_comment_every_fifteen_seconds_and_nobody_has_to_answer) {
    World &here = world(8);
    World::Peer &peer = here.join(roomy, sse());
    here.settle();
    here.live_through(14 * second, second);
    EXPECT_EQ(peer.client.signs_of_life(), 0);
    here.live_through(3 * second, second);
    EXPECT_EQ(peer.client.signs_of_life(), 1);
    here.live_through(3600 * second, second);
    EXPECT_TRUE(here.is_in(peer));
    EXPECT_GE(peer.client.signs_of_life(), 3600 / 17);
    EXPECT_LE(peer.client.signs_of_life(), 3600 / 15 + 1);
}

TEST_F(AudienceTest, a_stream_that_speaks_gets_no_comment) {
    World &here = world(8);
    World::Peer &peer = here.join(roomy, sse());
    for (int count = 0; count < 100; ++count) {
        here.publish(10);
        here.live_through(10 * second, second);
    }
    EXPECT_EQ(peer.client.signs_of_life(), 0);
}

TEST_F(AudienceTest, comments_come_also_where_nobody_is_pinged_and_end_with_their_last_client) {
    World &here = world(8, {milliseconds(5000), {}, 1 << 16, 1 << 24});
    World::Peer &socket = here.join(roomy);
    here.settle();
    EXPECT_EQ(here.audience().deadline(), never);
    World::Peer &peer = here.join(roomy, sse());
    here.live_through(20 * second, second);
    EXPECT_EQ(peer.client.signs_of_life(), 1);
    EXPECT_TRUE(here.is_in(socket));
    here.kernel().client_ends(peer.socket);
    here.kernel().client_ends(socket.socket);
    here.live_through(20 * second, second);
    EXPECT_EQ(here.audience().deadline(), never);
}

TEST_F(AudienceTest, what_an_sse_client_sends_is_dropped_and_no_sign_of_life) {
    World &here = world(8);
    World::Peer &peer = here.join(roomy, sse(), "GET /healthz HTTP/1.1\r\n\r\n");
    for (int count = 0; count < 16; ++count) {
        here.kernel().client_sends(peer.socket, "\xff\xff\xff\xff");
        here.live_through(second, second);
    }
    EXPECT_TRUE(here.is_in(peer));
    EXPECT_TRUE(here.kernel().at(peer.socket).to_server.empty());
    here.live_through(2 * second, second);
    EXPECT_EQ(peer.client.signs_of_life(), 1);
    here.publish(10);
    here.settle();
    EXPECT_EQ(peer.client.next(), 2U);
}

TEST_F(AudienceTest, an_sse_client_that_floods_is_ended) {
    World &here = world(8);
    World::Peer &peer = here.join(roomy, sse());
    here.settle();
    here.kernel().client_sends(peer.socket, std::string(256 * 1024, 'x'));
    here.settle();
    EXPECT_FALSE(here.is_in(peer));
    EXPECT_EQ(here.ring().listeners(), 0U);
}

TEST_F(AudienceTest, an_sse_client_that_reads_nothing_is_given_up) {
    World &here = world(8);
    World::Peer &peer = here.join_deaf(200, sse());
    here.publish(10'000);
    here.live_through(59 * second, second);
    EXPECT_TRUE(here.is_in(peer));
    here.live_through(10 * second, second);
    EXPECT_FALSE(here.is_in(peer));
    EXPECT_TRUE(here.kernel().at(peer.socket).server_aborted);
}

TEST_F(AudienceTest, a_drain_gives_sse_clients_the_rest_then_draining_and_the_end) {
    World &here = world(64);
    World::Peer &slow = here.join(300, sse(Format::sse_json));
    World::Peer &fast = here.join(roomy, sse());
    World::Peer &stays = here.join(roomy, sse());
    stays.answers = false;
    for (int count = 0; count < 20; ++count) here.publish(100);
    here.drain();
    here.settle();
    for (const World::Peer *peer : {&slow, &fast, &stays}) {
        EXPECT_EQ(peer->client.next(), 21U);
        EXPECT_TRUE(peer->client.drained());
        EXPECT_EQ(peer->client.close_code(), 1001U);
        EXPECT_TRUE(here.kernel().at(peer->socket).server_finished);
    }
    EXPECT_EQ(here.audience().clients(), 1U) << "one has not closed its end";
    here.live_through(6 * second, second);
    EXPECT_EQ(here.audience().clients(), 0U);
}
