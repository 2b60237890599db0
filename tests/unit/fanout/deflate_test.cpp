// SPDX-License-Identifier: MIT
/// Clients that are sent compressed frames, and send them: what is compressed, what is not, and what a flood of bombs costs the others.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "unit/fanout/world.hpp"

using namespace mempool;
using namespace mempool::test;

namespace {

constexpr Joining text_deflated{{Format::text_deflated, Slow::lag}};
constexpr Joining json_deflated{{Format::json_deflated, Slow::lag}};

std::string squeezed_text(std::string_view message) {
    return websocket::test::frame(websocket::test::fin | 0x41, websocket::test::squeezed(message));
}

class DeflateTest : public AudienceTest {
protected:
    World &deflating_world(std::size_t min_bytes, std::size_t message_max_bytes = 1 << 16) {
        Audience::Limits limits = World::default_limits();
        limits.deflate_min_bytes = min_bytes;
        limits.message_max_bytes = message_max_bytes;
        return world(1000, limits);
    }
};

}  // namespace

TEST_F(DeflateTest, who_agreed_on_it_hears_events_compressed_and_nobody_else_does) {
    World &w = deflating_world(100);
    World::Peer &text = w.join(roomy, text_deflated);
    World::Peer &json = w.join(roomy, json_deflated);
    World::Peer &plain = w.join(roomy);
    w.tell(10, 300);
    for (const World::Peer *peer : {&text, &json, &plain}) EXPECT_EQ(peer->client.next(), w.tail());
    EXPECT_EQ(text.client.deflated(), 10);
    EXPECT_EQ(json.client.deflated(), 10) << "the hello, which is private, is plain";
    EXPECT_EQ(plain.client.deflated(), 0);
}

TEST_F(DeflateTest, a_short_event_is_not_compressed) {
    World &w = deflating_world(200);
    World::Peer &text = w.join(roomy, text_deflated);
    World::Peer &json = w.join(roomy, json_deflated);
    w.tell(1, 0);
    w.batch_done(1, 1);
    w.settle();
    EXPECT_EQ(text.client.deflated() + json.client.deflated(), 0);
    w.tell(1, 100);
    EXPECT_EQ(text.client.deflated(), 0);
    EXPECT_EQ(json.client.deflated(), 1) << "it is the message's length in its format that counts";
    w.tell(1, 200);
    EXPECT_EQ(text.client.deflated(), 1);
}

TEST_F(DeflateTest, binary_stays_binary) {
    World &w = deflating_world(0);
    World::Peer &text = w.join(roomy, text_deflated);
    w.publish(500, true);
    w.settle();
    EXPECT_EQ(text.client.deflated(), 1);
    EXPECT_EQ(text.client.next(), w.tail());
}

TEST_F(DeflateTest, they_count_as_text_and_json) {
    World &w = deflating_world(0);
    w.join(roomy, text_deflated);
    World::Peer &json = w.join(roomy, json_deflated);
    EXPECT_EQ(w.audience().clients(Format::text), 1U);
    EXPECT_EQ(w.audience().clients(Format::json), 1U);
    w.kernel().client_resets(json.socket);
    w.settle();
    EXPECT_EQ(w.audience().clients(Format::json), 0U);
}

TEST_F(DeflateTest, older_events_are_sent_as_they_are_and_the_next_compressed) {
    World &w = deflating_world(0);
    w.join(roomy);
    w.tell(50, 500);
    Joining from_the_first = text_deflated;
    from_the_first.since = Position{"", Offset{0}};
    World::Peer &late = w.join(roomy, from_the_first);
    w.settle();
    EXPECT_EQ(late.client.next(), w.tail());
    EXPECT_EQ(late.client.deflated(), 0);
    w.tell(3, 500);
    EXPECT_EQ(late.client.deflated(), 3);
    World::Peer &later = w.join(roomy, from_the_first);
    w.settle();
    EXPECT_EQ(later.client.next(), w.tail());
    EXPECT_EQ(later.client.deflated(), 3) << "what its lane has goes out from there";
}

TEST_F(DeflateTest, compressed_messages_are_heard_and_a_bomb_is_1009) {
    World &w = deflating_world(0, 1000);
    World::Peer &peer = w.join(roomy, text_deflated);
    w.kernel().client_sends(peer.socket, squeezed_text(std::string(1000, 'x')));
    w.settle();
    EXPECT_EQ(w.audience().messages_ignored(), 1U);
    EXPECT_FALSE(peer.client.close_code());
    w.kernel().client_sends(peer.socket, squeezed_text(std::string(1001, 'x')));
    w.settle();
    EXPECT_EQ(peer.client.close_code(), 1009U);
    EXPECT_EQ(w.audience().messages_ignored(), 1U);
}

TEST_F(DeflateTest, what_comes_before_the_answer_was_read_is_not_compressed) {
    World &w = deflating_world(0);
    World::Peer &plain = w.join(roomy, text_deflated, websocket::test::text("early"));
    World::Peer &compressed = w.join(roomy, text_deflated, squeezed_text("early"));
    w.settle();
    EXPECT_EQ(w.audience().messages_ignored(), 1U);
    EXPECT_FALSE(plain.client.close_code());
    EXPECT_EQ(compressed.client.close_code(), 1002U);
}

/// Some 80 bytes on the wire are 64 KiB of message.
TEST_F(DeflateTest, a_flood_of_bombs_waits_for_its_turns_and_all_have_them) {
    constexpr std::size_t size = 1 << 16;
    World &w = deflating_world(0);
    World::Peer &other = w.join(roomy);
    const std::string bomb = squeezed_text(std::string(size, 'x'));
    ASSERT_LT(bomb.size(), 120U);
    const std::size_t in_one_read = 256 / bomb.size() + 1;
    const std::size_t most = (64 * 1024 / size + in_one_read);
    std::string bombs;
    for (int count = 0; count < 500; ++count) bombs += bomb;
    std::vector<World::Peer *> flooders;
    for (int count = 0; count < 3; ++count) flooders.push_back(&w.join(roomy, text_deflated));
    w.settle();
    for (World::Peer *flooder : flooders) {
        w.kernel().client_sends(flooder->socket, bombs);
        w.tell_news(*flooder);
    }
    const auto left = [&](std::size_t flooder) { return w.kernel().at(flooders[flooder]->socket).to_server.size(); };
    std::uint64_t heard = w.audience().messages_ignored();
    EXPECT_LE(heard, most);
    int turns = 0;
    for (; left(0) + left(1) + left(2) > 0; ++turns) {
        ASSERT_LT(turns, 5000);
        w.publish(10);
        ASSERT_TRUE(w.turn());
        w.reads(other, std::string::npos);
        EXPECT_LE(w.audience().messages_ignored() - heard, most);
        EXPECT_EQ(other.client.next(), w.tail()) << "the other hears each event in its turn";
        heard = w.audience().messages_ignored();
        const auto [least_left, most_left] = std::minmax({left(0), left(1), left(2)});
        EXPECT_LE(most_left - least_left, 2 * 256U) << "one is served before the others";
    }
    EXPECT_GT(turns, 50);
    EXPECT_EQ(w.audience().messages_ignored(), 1500U);
}

TEST_F(DeflateTest, who_waits_for_its_turn_is_not_given_up_as_silent) {
    Audience::Limits limits = World::default_limits();
    limits.liveness = {milliseconds(1000), milliseconds(1000), milliseconds(0)};
    World &w = world(100, limits);
    World::Peer &quiet = w.join(roomy, text_deflated);
    World::Peer &flooder = w.join(roomy, text_deflated);
    w.settle();
    quiet.reads = quiet.answers = false;
    w.live_through(milliseconds(1500), milliseconds(100));  // it was pinged, and its pong is under way
    w.kernel().client_sends(quiet.socket, websocket::test::pong(""));
    std::string bombs;
    for (int count = 0; count < 40; ++count) bombs += squeezed_text(std::string(1 << 16, 'x'));
    w.kernel().client_sends(flooder.socket, bombs);
    w.kernel().pass(milliseconds(2000));  // the server slept
    w.tell_news(flooder);
    w.expire();
    for (int turns = 0; w.turn() && turns < 1000; ++turns) {
    }
    w.settle();
    EXPECT_TRUE(w.is_in(quiet));
}
