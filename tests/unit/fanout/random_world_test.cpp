// SPDX-License-Identifier: MIT
/// Thousands of small worlds, each of one seed: clients that join, read as they like, ping, break the protocol, vanish and come back, over
/// a ring that turns, restarts and is renamed; with sockets that take a part, calls that fail and memory that runs out. Whatever
/// happens, each client's own account of the stream holds (SimulatedClient), and in the end nothing is left.
///
/// MEMPOOL_TEST_SEED=N runs the world of one seed alone.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "unit/fanout/world.hpp"
#include "unit/pool/failing_allocations.hpp"

using namespace mempool;
using namespace mempool::test;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr unsigned worlds = 1000;
#else
constexpr unsigned worlds = 10'000;
#endif

class RandomLife {
public:
    explicit RandomLife(unsigned seed) : random_(seed), world_(random_, options()) {}

    World &world() { return world_; }

    void live(int steps) {
        for (int step = 0; step < steps && !::testing::Test::HasFailure(); ++step) one_step();
    }

    /// Everybody reads again: who is still in has heard all, and who is not has left for a reason, but for so many.
    void check(std::size_t unlucky = 0) {
        for (World::Peer &peer : world_.peers()) peer.reads = true;
        world_.settle();
        std::size_t without_reason = 0;
        for (std::size_t index = 0; index < world_.peers().size(); ++index) {
            const World::Peer &peer = world_.peers()[index];
            SCOPED_TRACE("client " + std::to_string(index));
            if (!world_.is_in(peer)) {
                const bool given_up = world_.kernel().at(peer.socket).server_aborted;
                // Its socket may have had no room for its close until the deadline.
                const bool too_slow = peer.client.manner().slow == Slow::close;
                const bool reason =
                    peer.left || peer.broke_protocol || peer.client.close_code() || given_up || too_slow;
                without_reason += reason ? 0 : 1;
            } else if (!peer.client.close_code()) {  // else it has yet to answer
                EXPECT_FALSE(peer.left);
                EXPECT_TRUE(peer.client.greeted());
                EXPECT_EQ(peer.client.next(), world_.tail());
                EXPECT_FALSE(peer.client.in_the_middle());
                EXPECT_TRUE(world_.kernel().at(peer.socket).to_server.empty()) << "was not read to the end";
            }
        }
        EXPECT_LE(without_reason, unlucky) << "ended without a reason";
    }

    void end() {
        for (std::size_t count = up_to(9); count > 0; --count) world_.publish(up_to(60));
        world_.drain();
        world_.settle();
        for (const World::Peer &peer : world_.peers()) {
            EXPECT_TRUE(!world_.is_in(peer) || peer.client.close_code());
            EXPECT_TRUE(!peer.client.drained() || peer.client.next() == world_.tail()) << "before the last event";
        }
        world_.live_through(milliseconds(6000), milliseconds(1000));
        EXPECT_EQ(world_.audience().clients(), 0U);
        EXPECT_FALSE(world_.audience().has_work());
        EXPECT_EQ(world_.ring().listeners(), 0U);
    }

private:
    World::Options options() {
        const auto up_to = [this](std::size_t most) {
            return std::uniform_int_distribution<std::size_t>(0, most)(random_);
        };
        World::Options options{.ring_capacity = 1 + up_to(up_to(1) == 0 ? 7 : 99), .audience = World::default_limits()};
        options.audience.lane_bytes = up_to(1) == 0 ? 64 * 1024 : 1 << 24;
        options.audience.message_max_bytes = 1000;
        if (up_to(1) == 0) options.audience.deflate_min_bytes = up_to(100);
        if (up_to(1) == 0) options.inbox = &inbox_;
        if (up_to(3) == 0) options.ring_bytes = 64 * 1024;
        if (up_to(3) == 0) options.audience.liveness = {};
        return options;
    }

    std::size_t up_to(std::size_t most) { return world_.up_to(most); }

    World::Peer *somebody() {
        return world_.peers().empty() ? nullptr : &world_.peers()[up_to(world_.peers().size() - 1)];
    }

    void one_step() {
        switch (up_to(15)) {
            case 0:
            case 1:
                for (std::size_t count = up_to(9); count > 0; --count) world_.publish(up_to(60), up_to(4) == 0);
                return;
            case 2:
                return up_to(2) == 0 ? world_.publish(up_to(up_to(5) == 0 ? 70'000 : 5000))
                                     : world_.batch_done(up_to(3), 3);
            case 3:
                if (world_.peers().size() < 8) join();
                return;
            case 4:
                return rare();
            case 5:
                return world_.pass(milliseconds(up_to(3) == 0 ? up_to(8000) : up_to(300)));
            case 6:
            case 7:
            case 8:
                world_.turn();
                return;
            case 9:
                for (World::Peer &peer : world_.peers()) world_.tell_news(peer);
                return;
            default:
                if (World::Peer *peer = somebody()) act(*peer);
        }
    }

    void join() {
        const std::size_t room = up_to(2) == 0 ? 1 << 24 : 64 + up_to(30'000);
        std::string early = up_to(3) == 0 ? websocket::test::text("early") : "";
        Joining joining{{static_cast<Format>(up_to(format_count - 1)), Slow::lag}};
        if (up_to(3) == 0) joining.manner.slow = up_to(1) == 0 ? Slow::latest : Slow::close;
        if (up_to(1) == 0) {
            const std::size_t kind = up_to(5);
            const std::string epoch = kind == 0 ? "elsewhere" : kind == 1 ? "" : world_.history().epoch;
            joining.since = Position{epoch, Offset{up_to(static_cast<std::size_t>(world_.tail()) + 2)}};
        }
        world_.join(room, joining, early);
    }

    void rare() {
        switch (up_to(11)) {
            case 0:
                return world_.skip(1 + up_to(3));
            case 1:
                return world_.restart(1 + up_to(50));
            case 2:
                return world_.rename();
            case 3:
            case 4:
            case 5:
                if (!inbox_.speakers.empty())  // of whom some have left
                    world_.tell(inbox_.speakers[up_to(inbox_.speakers.size() - 1)], std::string(up_to(300), 'y'));
                return;
            default:
                world_.settle();
        }
    }

    void act(World::Peer &peer) {
        if (!world_.is_in(peer)) return;
        const bool speaks = !is_sse(peer.client.manner().format) && !peer.left && !peer.broke_protocol;
        switch (up_to(19)) {
            case 0:
                world_.kernel().client_resets(peer.socket);
                peer.left = true;
                return;
            case 1:
                world_.kernel().client_ends(peer.socket);
                peer.left = true;
                return;
            case 2:
                if (is_sse(peer.client.manner().format))
                    world_.kernel().client_ends(peer.socket);
                else if (!peer.left)
                    world_.says(peer, 8, "\x03\xe8");
                peer.left = true;
                return;
            case 3:
                if (peer.left) return;
                // Of Server-Sent Events this is dropped, like all that their clients say.
                if (!is_sse(peer.client.manner().format)) peer.broke_protocol = true;
                return world_.kernel().client_sends(peer.socket, "\xff\xff\xff\xff");
            case 4:
                peer.reads = !peer.reads;
                return;
            case 5:
                peer.answers = up_to(3) != 0;
                return;
            case 6:
            case 7:
            case 8:
                if (speaks) world_.says(peer, 9, std::to_string(++pings_));
                return;
            case 9:
                if (!peer.left && !peer.broke_protocol) say_in_pieces(peer);
                return;
            case 10:
                if (!peer.left && !peer.broke_protocol && up_to(9) == 0) flood(peer);
                return;
            default:
                if (peer.reads) world_.reads(peer, up_to(1) == 0 ? up_to(50) : up_to(100'000));
        }
    }

    /// Who may compress does, now and then.
    std::string message_of(const World::Peer &peer, std::size_t bytes) {
        const std::string message(bytes, 'x');
        if (!is_deflated(peer.client.manner().format) || up_to(2) == 0) return websocket::test::text(message);
        return websocket::test::frame(websocket::test::fin | 0x41, websocket::test::squeezed(message));
    }

    void say_in_pieces(World::Peer &peer) {
        std::string frame = peer.unsent.empty() ? message_of(peer, up_to(300)) : peer.unsent;
        const std::size_t part = up_to(frame.size());
        world_.kernel().client_sends(peer.socket, frame.substr(0, part));
        peer.unsent = frame.substr(part);
    }

    /// More than is read of it in a turn.
    void flood(World::Peer &peer) {
        if (is_sse(peer.client.manner().format)) peer.broke_protocol = true;  // nobody does it who only listens
        say_in_pieces(peer);
        std::string frames = std::exchange(peer.unsent, {});
        const std::string each = message_of(peer, 999);
        // Compressed it is some 400 messages, whose answers the narrowest socket takes in 6,000 goes.
        while (frames.size() < (each.size() < 999 ? 10'000 : 300'000)) frames += each;
        world_.kernel().client_sends(peer.socket, frames);
    }

    std::mt19937 random_;
    AnsweringInbox inbox_;
    World world_;
    int pings_ = 0;
};

/// Worlds by their seeds: all, or the one that the environment names.
template <class Each>
void each_seed(unsigned from, unsigned to, Each each) {
    const char *only = std::getenv("MEMPOOL_TEST_SEED");
    for (unsigned seed = from; seed < to && !::testing::Test::HasFailure(); ++seed) {
        if (only != nullptr && seed != std::strtoul(only, nullptr, 10)) continue;
        SCOPED_TRACE("seed " + std::to_string(seed) + "; to run it alone: MEMPOOL_TEST_SEED=" + std::to_string(seed));
        each(seed);
    }
}

void live_whole_lives(unsigned from, unsigned to) {
    each_seed(from, to, [](unsigned seed) {
        RandomLife life(seed);
        life.world().kernel().be_moody();
        life.live(150);
        life.check();
        life.live(50);
        life.check();
        life.end();
    });
}

}  // namespace

// In four, so that they can run side by side.
TEST(RandomWorld, holds_for_each_seed_of_the_first_quarter) {
    live_whole_lives(0, worlds / 4);
}
TEST(RandomWorld, holds_for_each_seed_of_the_second_quarter) {
    live_whole_lives(worlds / 4, worlds / 2);
}
TEST(RandomWorld, holds_for_each_seed_of_the_third_quarter) {
    live_whole_lives(worlds / 2, worlds / 4 * 3);
}
TEST(RandomWorld, holds_for_each_seed_of_the_last_quarter) {
    live_whole_lives(worlds / 4 * 3, worlds);
}

/// The n-th allocation of the audience.
class NthAllocation final : public Faults {
public:
    explicit NthAllocation(int n) {
        mempool_test::left = n;
        mempool_test::fired = mempool_test::for_good = false;
    }
    bool failed() const { return mempool_test::fired; }
    void on() override { mempool_test::armed = !mempool_test::fired; }
    void off() override { mempool_test::armed = false; }
};

TEST(RandomWorld, the_nth_call_on_a_socket_fails_and_costs_one_client) {
    each_seed(0, 8, [](unsigned seed) {
        for (int n = 0;; ++n) {
            SCOPED_TRACE("call " + std::to_string(n));
            RandomLife life(seed);
            life.world().kernel().fail_call(n);
            life.live(120);
            life.check(1);
            life.end();
            if (!life.world().kernel().failed() || ::testing::Test::HasFailure()) break;
        }
    });
}

TEST(RandomWorld, the_nth_allocation_fails_and_costs_one_client_at_most) {
    each_seed(0, 4, [](unsigned seed) {
        for (int n = 0;; ++n) {
            SCOPED_TRACE("allocation " + std::to_string(n));
            NthAllocation faults(n);
            RandomLife life(seed);
            life.world().kernel().suffer(faults);
            life.live(60);
            life.check(1);
            life.end();
            if (!faults.failed() || ::testing::Test::HasFailure()) break;
        }
    });
}

TEST(RandomWorld, no_input_is_forgotten_where_its_next_turn_has_no_memory) {
    for (int n = 0;; ++n) {
        SCOPED_TRACE("allocation " + std::to_string(n));
        NthAllocation faults(n);
        std::mt19937 random(1);
        World world(random, {.ring_capacity = 8, .audience = World::default_limits()});
        World::Peer &peer = world.join(1 << 20);
        world.settle();
        world.kernel().suffer(faults);
        const std::string frame = websocket::test::text(std::string(1000, 'x'));
        for (int count = 0; count < 1000; ++count) world.kernel().client_sends(peer.socket, frame);
        world.tell_news(peer);
        world.settle();
        EXPECT_TRUE(!world.is_in(peer) || world.kernel().at(peer.socket).to_server.empty());
        if (!faults.failed() || ::testing::Test::HasFailure()) break;
    }
}
