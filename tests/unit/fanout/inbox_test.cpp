// SPDX-License-Identifier: MIT
/// What clients say, and what they are answered between the events, on simulated sockets.
#include "fanout/inbox.hpp"

#include <gtest/gtest.h>

#include <string>

#include "unit/fanout/answering_inbox.hpp"
#include "unit/fanout/world.hpp"

using namespace mempool;
using namespace mempool::test;

namespace {

constexpr Joining json{{Format::json, Slow::lag}};

class InboxTest : public AudienceTest {
protected:
    ~InboxTest() override { world_.reset(); }  // whose inbox this has
    World &world(std::size_t ring_capacity, Audience::Limits limits = World::default_limits()) {
        return world_.emplace(random_,
                              World::Options{.ring_capacity = ring_capacity, .audience = limits, .inbox = &inbox_});
    }
    AnsweringInbox inbox_;
};

}  // namespace

TEST_F(InboxTest, answers_stand_between_the_events_and_are_no_part_of_them) {
    World &here = world(64);
    World::Peer &peer = here.join(1000, json);
    here.settle();
    for (int count = 0; count < 20; ++count) {
        here.publish(3000);
        here.turn();  // the socket takes a third of it: the answer comes in the middle of an event
        here.says(peer, 1, std::to_string(count));
        here.tell_news(peer);
        here.reads(peer, 100);
    }
    here.settle();
    EXPECT_EQ(peer.client.next(), 21U);
    EXPECT_EQ(peer.client.missed(), 0U);
    ASSERT_EQ(peer.client.answers().size(), 20U);
    for (std::size_t count = 0; count < 20; ++count) EXPECT_EQ(peer.client.answers()[count], std::to_string(count));
    EXPECT_EQ(here.audience().messages_ignored(), 0U);
}

TEST_F(InboxTest, pings_that_come_at_once_are_answered_each_in_its_place) {
    World &here = world(8);
    World::Peer &peer = here.join(roomy, json);
    here.settle();
    const std::vector<std::string> said = {"1", "a", "2", "3", "b", "4"};
    for (const std::string &each : said) here.says(peer, each < "a" ? 9 : 1, each);
    here.settle();
    EXPECT_EQ(peer.client.pongs_and_answers(), said);
}

TEST_F(InboxTest, one_who_does_not_read_its_answers_is_not_read_until_it_does) {
    World &here = world(8);
    World::Peer &peer = here.join_deaf(2000, json);
    constexpr std::size_t messages = 50'000;
    std::string all;
    for (std::size_t count = 0; count < messages; ++count) all += websocket::test::text("x");
    here.kernel().client_sends(peer.socket, all);
    here.settle();
    // What the socket took, and what one read of 8 KiB brought.
    EXPECT_LT(inbox_.speakers.size(), (8 * 1024 + 2000) / 7);
    EXPECT_FALSE(here.kernel().at(peer.socket).to_server.empty());
    peer.reads = true;
    here.settle();
    EXPECT_EQ(inbox_.speakers.size(), messages);
    EXPECT_EQ(peer.client.answers().size(), messages);
}

TEST_F(InboxTest, one_who_never_reads_its_answers_is_given_up_when_its_time_is_over) {
    World &here = world(8);
    World::Peer &peer = here.join_deaf(200, json);
    here.settle();
    for (int count = 0; count < 60; ++count) {
        for (int more = 0; more < 100; ++more) here.says(peer, 1, "and another");
        here.live_through(second, second);
        EXPECT_TRUE(here.is_in(peer)) << count;
    }
    EXPECT_LT(inbox_.speakers.size(), 8 * 1024 / 17 + 100U);
    here.live_through(8 * second, second);
    EXPECT_FALSE(here.is_in(peer));
    EXPECT_TRUE(here.kernel().at(peer.socket).server_aborted);
}

TEST_F(InboxTest, who_has_said_something_is_told_of_when_he_leaves_and_once) {
    World &here = world(8);
    World::Peer &silent = here.join(roomy, json);
    World::Peer &peer = here.join(roomy, json);
    here.says(peer, 1, "hello");
    here.settle();
    ASSERT_EQ(inbox_.speakers.size(), 1U);
    EXPECT_TRUE(inbox_.gone.empty());
    here.audience().cut();
    EXPECT_FALSE(here.is_in(silent));
    EXPECT_FALSE(here.is_in(peer));
    ASSERT_EQ(inbox_.gone.size(), 1U);
    EXPECT_EQ(inbox_.gone[0].name, inbox_.speakers[0].name);
}

TEST_F(InboxTest, what_nobody_wants_is_ignored_and_counted) {
    World &here = world(8);
    World::Peer &text = here.join(roomy);
    World::Peer &of_json = here.join(roomy, json);
    here.says(text, 1, "hello");
    here.says(text, 2, "hello");
    here.says(of_json, 2, "hello");
    here.says(of_json, 1, "hello");
    here.publish(10);
    here.settle();
    EXPECT_EQ(here.audience().messages_ignored(), 3U);
    EXPECT_EQ(text.client.next(), 2U);
    EXPECT_EQ(of_json.client.answers().size(), 1U);
}

TEST_F(AudienceTest, without_an_inbox_all_is_ignored) {
    World &here = world(8);
    World::Peer &peer = here.join(roomy, json);
    here.says(peer, 1, "hello");
    here.settle();
    EXPECT_EQ(here.audience().messages_ignored(), 1U);
    EXPECT_TRUE(here.is_in(peer));
}

TEST_F(InboxTest, what_is_told_later_goes_to_the_one_who_asked_and_not_to_who_has_its_seat_now) {
    World &here = world(8);
    World::Peer &gone = here.join(roomy, json);
    here.says(gone, 1, "mine");
    here.settle();
    const Speaker who = inbox_.speakers.back();
    here.tell(who, "first");
    here.settle();
    EXPECT_EQ(gone.client.answers(), (std::vector<std::string>{"mine", "first"}));

    here.kernel().client_resets(gone.socket);
    here.settle();
    World::Peer &other = here.join(roomy, json);
    here.settle();
    ASSERT_EQ(here.kernel().at(other.socket).seat, who.seat);
    here.tell(who, "before it speaks");
    here.says(other, 1, "other");
    here.settle();
    here.tell(who, "after it has spoken");
    here.settle();
    EXPECT_EQ(other.client.answers(), std::vector<std::string>{"other"});
}

TEST_F(InboxTest, nothing_is_told_behind_the_close) {
    World &here = world(8);
    World::Peer &peer = here.join(roomy, json);
    here.says(peer, 1, "mine");
    here.settle();
    peer.answers = false;
    here.drain();
    here.settle();
    ASSERT_EQ(peer.client.close_code(), 1001U);
    here.tell(inbox_.speakers.back(), "too late");
    here.settle();  // the client holds it to that
    EXPECT_EQ(peer.client.answers().size(), 1U);
}

TEST_F(InboxTest, all_that_is_told_before_a_drain_is_heard_before_the_close) {
    World &here = world(8);
    World::Peer &peer = here.join(roomy, json);
    here.says(peer, 1, "mine");
    here.settle();
    here.drain();
    for (int count = 0; count < 5; ++count) here.tell(inbox_.speakers.back(), "later");
    here.settle();
    EXPECT_EQ(peer.client.answers().size(), 6U);
    EXPECT_EQ(peer.client.close_code(), 1001U);
}

TEST_F(InboxTest, an_inbox_without_memory_costs_that_client_only) {
    World &here = world(8);
    World::Peer &unlucky = here.join(roomy, json);
    World::Peer &other = here.join(roomy, json);
    here.says(unlucky, 1, "no memory");
    here.says(other, 1, "hello");
    here.publish(10);
    here.settle();
    EXPECT_FALSE(here.is_in(unlucky));
    EXPECT_EQ(other.client.answers().size(), 1U);
    EXPECT_EQ(other.client.next(), 2U);
}
