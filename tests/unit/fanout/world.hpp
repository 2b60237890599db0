// SPDX-License-Identifier: MIT
/// An audience without a network: a ring, simulated sockets and clients, and a clock moved by hand, driven as a shard drives it. All that
/// happens comes from one seed. One thread; owns everything in it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "channel/ring.hpp"
#include "fanout/audience.hpp"
#include "unit/fanout/answering_inbox.hpp"
#include "unit/fanout/simulated_client.hpp"
#include "unit/fanout/simulated_kernel.hpp"
#include "unit/websocket/client_frames.hpp"

namespace mempool::test {

class World final : private Waiter {
public:
    struct Peer {
        SimulatedClient client;
        int socket;
        bool reads = true;    // what it is sent
        bool answers = true;  // pings and closes
        bool left = false;    // by RST, FIN or a close of its own
        bool broke_protocol = false;
        std::string unsent = {};  // the rest of a frame that it has begun to send
    };

    struct Options {
        std::size_t ring_capacity;
        std::size_t ring_bytes = 1 << 24;
        Audience::Limits audience;
        Inbox *inbox = nullptr;
    };

    static Audience::Limits default_limits() {
        return {
            milliseconds(5000), {milliseconds(20'000), milliseconds(20'000), milliseconds(60'000)}, 1 << 16, 1 << 24};
    }

    World(std::mt19937 &random, const Options &options)
        : random_(random),
          kernel_(random),
          ring_(options.ring_capacity, options.ring_bytes, "e0"),
          audience_("mempool", ring_, *this, kernel_, options.audience) {
        told_.push_back({.epoch = "e0"});
        audience_.set_inbox(options.inbox);
    }

    SimulatedKernel &kernel() { return kernel_; }
    Audience &audience() { return audience_; }
    Ring &ring() { return ring_; }
    std::deque<Peer> &peers() { return peers_; }
    std::size_t up_to(std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(random_); }

    // ---- what is told ----

    /// when_gone: called where the event is destroyed.
    void publish(std::size_t bytes, bool binary = false, std::function<void()> when_gone = {}) {
        History &now = told_.back();
        std::string payload = "event " + std::to_string(now.tail()) + "\r\nof\r" + now.epoch + "\n\n ";
        payload.append(bytes, '.');
        now.said.push_back({binary ? 2U : 1U, payload});
        EventPtr event = make_message(0, payload, binary);
        const Event *const told = event.get();
        ring_.append(EventPtr(told, [event = std::move(event), gone = std::move(when_gone)](const Event *) mutable {
            event.reset();
            if (gone) gone();
        }));
        note_head();
    }
    void batch_done(std::uint64_t applied, std::uint64_t total) {
        History &now = told_.back();
        now.said.push_back({1, "batch applied " + std::to_string(applied) + "/" + std::to_string(total) + " txs"});
        ring_.append(std::make_shared<const Event>(Event{0, BatchDone{now.tail() - 1, applied, total, {}}}));
        note_head();
    }
    void skip(std::uint64_t events) {
        History &now = told_.back();
        now.said.resize(now.said.size() + events, {0, "skipped"});
        ring_.skip_to(Offset{now.tail()});
        note_head();
    }
    void restart(std::uint64_t first) {
        const std::string epoch = next_epoch();
        told_.push_back({.epoch = epoch, .first = first, .head = first});
        ring_.restart(epoch, Offset{first});
    }
    void rename() {
        History next = told_.back();
        next.epoch = next_epoch();
        next.renamed = true;
        told_.push_back(next);
        ring_.rename(next.epoch);
    }
    std::uint64_t tail() const { return told_.back().tail(); }
    const History &history() const { return told_.back(); }

    // ---- who listens ----

    Peer &join(std::size_t room, const Joining &joining = {}, std::string early = {}) {
        const int socket = kernel_.connect(room);
        const History &now = told_.back();
        std::uint64_t next = now.tail();
        bool reset = false;
        if (joining.since && joining.since->epoch.empty()) {
            next = now.head;
        } else if (joining.since) {
            reset = joining.since->epoch != now.epoch || joining.since->heard.value >= now.tail();
            next = reset ? now.head : joining.since->heard.value + 1;
        }
        const bool recovered = !reset && next >= now.head;
        peers_.push_back(
            {SimulatedClient(told_, joining.manner, {told_.size() - 1, next, reset, recovered, now.head}), socket});
        std::string preamble(SimulatedClient::preamble);
        drive([&] { audience_.join(socket, joining, std::move(preamble), early); });
        return peers_.back();
    }
    /// One that has read its 101 and then reads no more.
    Peer &join_deaf(std::size_t room, const Joining &joining = {}) {
        Peer &peer = join(room, joining);
        settle();
        peer.reads = false;
        return peer;
    }
    /// So many events, one after the other, each heard by all who read.
    void tell(int events, std::size_t bytes) {
        for (; events > 0; --events) {
            publish(bytes);
            settle();
        }
    }
    bool is_in(const Peer &peer) { return !kernel_.at(peer.socket).server_ended; }

    void says(Peer &peer, unsigned opcode, std::string_view payload) {
        if (opcode == 9) peer.client.pinged_server(std::string(payload));
        kernel_.client_sends(peer.socket, peer.unsent + websocket::test::frame(websocket::test::fin | opcode, payload));
        peer.unsent.clear();
    }
    /// The client reads up to so many bytes, and answers what it must.
    void reads(Peer &peer, std::size_t most) {
        peer.client.take(kernel_.client_reads(peer.socket, most));
        // Of Server-Sent Events a client can only answer the end, by its own.
        if (sees_end(peer)) kernel_.client_ends(peer.socket);
        for (const SimulatedClient::Reply &reply : peer.client.take_replies())
            if (peer.answers && !peer.left) says(peer, reply.opcode, reply.payload);
    }

    /// An answer that comes later.
    void tell(const Speaker &who, std::string_view words) {
        drive([&] { audience_.tell(who, [&](std::string &out) { append_answer(out, words); }); });
    }

    // ---- what a shard does ----

    void tell_news(const Peer &peer) {
        SimulatedKernel::Connection &here = kernel_.at(peer.socket);
        if (here.server_ended || !here.watched) return;
        const Readiness news = kernel_.take_news(peer.socket);
        if (news.readable || news.writable || news.ended || news.gone)
            drive([&] { audience_.on_socket(here.seat, news); });
    }
    bool turn() {
        if (std::exchange(rung_, false)) audience_.news();
        if (!audience_.has_work()) return false;
        drive([&] { audience_.turn(); });
        return true;
    }
    void expire() {
        if (audience_.deadline() <= kernel_.now()) drive([&] { audience_.expire(); });
    }
    void pass(milliseconds time) {
        kernel_.pass(time);
        expire();
    }
    void drain() {
        ring_.close();
        drive([&] { audience_.drain(kernel_.now() + milliseconds(5000)); });
    }

    /// All that waits happens, and every client that reads reads all, until nothing is left.
    void settle() {
        for (int round = 0; round < 10'000; ++round) {
            bool more = false;
            for (Peer &peer : peers_) tell_news(peer);
            for (int turns = 0; turn(); ++turns) {
                more = true;
                ASSERT_LT(turns, 10'000) << "it works and works";
            }
            for (Peer &peer : peers_) {
                if (!peer.reads || (kernel_.at(peer.socket).to_client.empty() && !sees_end(peer))) continue;
                reads(peer, std::string::npos);
                more = true;
            }
            if (!more && std::ranges::none_of(peers_, [&](const Peer &peer) { return has_news(peer); })) return;
        }
        FAIL() << "it never settles";
    }

    /// Time goes on in small steps, each of them settled.
    void live_through(milliseconds time, milliseconds step) {
        for (milliseconds past{0}; past < time && !::testing::Test::HasFatalFailure(); past += step) {
            pass(step);
            settle();
        }
    }

private:
    void wake() noexcept override { rung_ = true; }

    /// Calls the audience as Shard::run() does. Where it ran out of memory, it starts over.
    template <class Call>
    void drive(Call call) {
        try {
            kernel_.serve(call);
        } catch (const std::bad_alloc &) {
            audience_.start_over();
        }
        EXPECT_EQ(ring_.listeners(), audience_.clients());
    }
    bool sees_end(const Peer &peer) {
        const SimulatedKernel::Connection &here = kernel_.at(peer.socket);
        return is_sse(peer.client.manner().format) && peer.answers && here.server_finished && here.to_client.empty() &&
               !here.client_ended && !here.server_ended;
    }
    bool has_news(const Peer &peer) {
        const SimulatedKernel::Connection &here = kernel_.at(peer.socket);
        const Readiness &news = here.news;
        return here.watched && !here.server_ended && (news.readable || news.writable || news.ended || news.gone);
    }
    void note_head() {
        told_.back().head = ring_.subscribe().head.value;
        ring_.unsubscribe();
    }
    std::string next_epoch() { return "e" + std::to_string(++epochs_); }

    std::mt19937 &random_;
    SimulatedKernel kernel_;
    Ring ring_;
    std::vector<History> told_;
    std::deque<Peer> peers_;
    bool rung_ = false;
    int epochs_ = 0;
    Audience audience_;
};

inline constexpr std::size_t roomy = 1 << 30;
inline constexpr milliseconds second{1000};

class AudienceTest : public ::testing::Test {
protected:
    World &world(std::size_t ring_capacity, Audience::Limits limits = World::default_limits()) {
        return world_.emplace(random_, World::Options{.ring_capacity = ring_capacity, .audience = limits});
    }
    std::mt19937 random_{1};
    std::optional<World> world_;
};

}  // namespace mempool::test
