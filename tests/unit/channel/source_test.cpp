// SPDX-License-Identifier: MIT
/// The seam that a journal and a backplane will use: the batcher works unchanged over a source of this process and over one whose
/// engine gives the offsets, settles late, leaves holes and changes its epoch.
#include "channel/source.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "batch/batcher.hpp"
#include "channel/receiver.hpp"

using namespace mempool;

namespace {

constexpr std::size_t much = 1 << 20;

/// An engine far away, in memory: what is published waits until it comes back, in order, at the offset that the engine gave it. It keeps
/// up while fewer than `room` are on the way.
class FarSource final : public EventSource {
public:
    explicit FarSource(Ring &ring, std::size_t room = much) : ring_(ring), room_(room) {}

    bool has_room() const override {
        const std::lock_guard lock(mutex_);
        return on_the_way_.size() < room_;
    }
    void when_room(const std::shared_ptr<RoomListener> &listener) override {
        std::unique_lock lock(mutex_);
        if (on_the_way_.size() < room_) {
            lock.unlock();
            return listener->room();
        }
        listeners_.push_back(listener);
        asked_.ring();
    }
    /// Until the batcher has found it without room.
    void wait_until_asked() { asked_.wait(); }

    std::optional<std::size_t> publish(EventPtr event, std::function<void()> settled) override {
        const std::lock_guard lock(mutex_);
        on_the_way_.push_back({std::move(event), std::move(settled)});
        return ring_.listeners();
    }
    /// The next one comes back: the ring hears it, then it is settled.
    void deliver() {
        std::unique_lock lock(mutex_);
        auto [event, settled] = std::move(on_the_way_.front());
        on_the_way_.pop_front();
        const auto told = std::exchange(listeners_, {});
        lock.unlock();
        EXPECT_TRUE(ring_.append_at(next_, std::move(event)));
        ++next_;
        if (settled) settled();
        for (const auto &listener : told) listener->room();
    }
    /// Others' events that were lost before this node could read them.
    void lose(std::uint64_t events) {
        next_ = next_ + events;
        ring_.skip_to(next_);
    }
    /// The engine lost its history.
    void restart(std::string epoch) {
        next_ = Offset{1};
        ring_.restart(std::move(epoch), next_);
    }
    std::size_t on_the_way() const {
        const std::lock_guard lock(mutex_);
        return on_the_way_.size();
    }

private:
    struct Sent {
        EventPtr event;
        std::function<void()> settled;
    };
    Ring &ring_;
    const std::size_t room_;
    Bell asked_;
    mutable std::mutex mutex_;  // guards the two below
    std::deque<Sent> on_the_way_;
    std::vector<std::shared_ptr<RoomListener>> listeners_;
    Offset next_{1};
};

std::vector<std::string> heard(Receiver &receiver) {
    std::vector<std::string> all;
    for (;;) {
        const Heard next = receiver.next(Clock::now());
        const std::string at = *next.epoch + ":" + std::to_string(next.offset.value) + " ";
        switch (next.kind) {
            case Heard::Kind::event:
                all.push_back(at + event_text(*next.event));
                break;
            case Heard::Kind::lagged:
                all.push_back(at + lagged_text(next.missed));
                break;
            case Heard::Kind::reset:
                all.push_back(at + "reset");
                break;
            case Heard::Kind::closed:
            case Heard::Kind::timeout:
                return all;
        }
    }
}

/// Three batches of one transaction each, on this thread.
void run_three_batches(EventSource &source, Queue &queue, Outcomes &outcomes) {
    Batcher batcher(queue, source, outcomes, {1, milliseconds(0)});
    std::uint64_t id = 0;
    for (const char *data : {"a", "b", "c"}) ASSERT_EQ(queue.push(data, id), Queue::Push::accepted);
    queue.close();
    batcher.run();
}

using Texts = std::vector<std::string>;

}  // namespace

TEST(Source, one_of_this_process_tells_at_once_and_settles) {
    Ring ring(10, much, "e");
    Queue queue(10, much);
    Outcomes outcomes(10);
    LocalSource source(ring);
    Receiver receiver(ring);
    run_three_batches(source, queue, outcomes);
    EXPECT_EQ(heard(receiver),
              (Texts{"e:1 batch applied 1/1 txs", "e:2 batch applied 1/1 txs", "e:3 batch applied 1/1 txs"}));
    EXPECT_EQ(outcomes.look(3, 3).kind, Outcome::Kind::applied);
}

TEST(Source, one_far_away_settles_each_outcome_when_its_event_came_back) {
    Ring ring(10, much, "e");
    Queue queue(10, much);
    Outcomes outcomes(10);
    FarSource source(ring);
    Receiver receiver(ring);
    run_three_batches(source, queue, outcomes);
    EXPECT_EQ(source.on_the_way(), 3U);
    EXPECT_EQ(heard(receiver), Texts{});
    EXPECT_EQ(outcomes.look(1, 3).kind, Outcome::Kind::pending);
    source.deliver();
    EXPECT_EQ(heard(receiver), Texts{"e:1 batch applied 1/1 txs"});
    EXPECT_EQ(outcomes.look(1, 3).kind, Outcome::Kind::applied);
    EXPECT_EQ(outcomes.look(2, 3).kind, Outcome::Kind::pending);
}

TEST(Source, its_holes_are_told_as_lag) {
    Ring ring(10, much, "e");
    Queue queue(10, much);
    Outcomes outcomes(10);
    FarSource source(ring);
    Receiver receiver(ring);
    run_three_batches(source, queue, outcomes);
    source.deliver();
    source.lose(5);
    source.deliver();
    EXPECT_EQ(heard(receiver), (Texts{"e:6 lagged 6", "e:7 batch applied 1/1 txs"}))
        << "what was retained before the hole goes too";
    source.lose(2);
    EXPECT_EQ(heard(receiver), Texts{"e:9 lagged 2"});
}

TEST(Source, a_lost_history_is_told_before_anything_else) {
    Ring ring(10, much, "e");
    Queue queue(10, much);
    Outcomes outcomes(10);
    FarSource source(ring);
    Receiver receiver(ring);
    run_three_batches(source, queue, outcomes);
    source.deliver();
    source.restart("f");
    source.deliver();
    source.deliver();
    EXPECT_EQ(heard(receiver), (Texts{"f:0 reset", "f:1 batch applied 1/1 txs", "f:2 batch applied 1/1 txs"}));
    EXPECT_EQ(outcomes.look(3, 3).kind, Outcome::Kind::applied);
}

TEST(Source, one_of_this_process_always_has_room) {
    Ring ring(1, much, "e");
    LocalSource source(ring);
    std::size_t listeners = 99;
    for (int count = 0; count < 3; ++count) {
        const EventPtr event = make_message(0, "news", false);
        EXPECT_EQ(source.offer(event, listeners), EventSource::Offer::taken);
    }
    EXPECT_EQ(listeners, 0U);
    ring.close();
    const EventPtr late = make_message(0, "news", false);
    EXPECT_EQ(source.offer(late, listeners), EventSource::Offer::closed);
}

TEST(Source, one_without_room_takes_no_offer) {
    Ring ring(10, much, "e");
    FarSource source(ring, 1);
    Receiver receiver(ring);
    std::size_t listeners = 0;
    const EventPtr event = make_message(0, "news", false);
    EXPECT_EQ(source.offer(event, listeners), EventSource::Offer::taken);
    EXPECT_EQ(listeners, 1U);
    EXPECT_EQ(source.offer(event, listeners), EventSource::Offer::full);
    source.deliver();
    EXPECT_EQ(source.offer(event, listeners), EventSource::Offer::taken);
    source.deliver();
    EXPECT_EQ(heard(receiver), (Texts{"e:1 news", "e:2 news"}));
}

TEST(Source, an_engine_that_is_behind_is_felt_by_the_submitters_and_nothing_is_lost) {
    Ring ring(10, much, "e");
    Queue queue(2, much);
    Outcomes outcomes(10);
    FarSource source(ring, 1);
    Receiver receiver(ring);
    Batcher batcher(queue, source, outcomes, {1, milliseconds(0)});
    std::vector<std::string> applied;
    batcher.set_apply([&](Batch &batch) { applied.emplace_back(batch.transactions()[0].data); });
    std::uint64_t id = 0;
    std::thread batch_thread([&batcher] { batcher.run(); });
    ASSERT_EQ(queue.push("a", id), Queue::Push::accepted);
    for (const char *text : {"b", "c"})
        while (queue.push(text, id) != Queue::Push::accepted) std::this_thread::yield();
    source.wait_until_asked();  // "a" is on the way: from here on the batch thread sleeps
    EXPECT_EQ(queue.length(), 2U) << "and leaves the queue alone";
    EXPECT_EQ(queue.push("x", id), Queue::Push::full);
    EXPECT_EQ(applied, Texts{"a"});
    source.deliver();  // "a" is back: "b" may go
    source.wait_until_asked();
    EXPECT_EQ(applied, (Texts{"a", "b"}));
    EXPECT_EQ(queue.push("d", id), Queue::Push::accepted);
    queue.close();  // a stop does not make room, but what was accepted still goes
    source.deliver();
    source.wait_until_asked();
    source.deliver();
    batch_thread.join();  // with nothing left to drain it needs no room
    EXPECT_EQ(applied, (Texts{"a", "b", "c", "d"}));
    source.deliver();
    EXPECT_EQ(heard(receiver).size(), 4U);
    EXPECT_EQ(outcomes.look(4, 4).kind, Outcome::Kind::applied);
}
