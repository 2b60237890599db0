// SPDX-License-Identifier: MIT
/// The seam that a journal and a backplane will use: the batcher works unchanged over a source of this process and over one whose
/// engine gives the offsets, settles late, leaves holes and changes its epoch.
#include "channel/source.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "batch/batcher.hpp"
#include "channel/receiver.hpp"

using namespace mempool;

namespace {

constexpr std::size_t much = 1 << 20;

/// An engine far away, in memory: what is published waits until it comes back, in order, at the offset that the engine gave it.
class FarSource final : public EventSource {
public:
    explicit FarSource(Ring &ring) : ring_(ring) {}

    std::optional<std::size_t> publish(EventPtr event, std::function<void()> settled) override {
        on_the_way_.push_back({std::move(event), std::move(settled)});
        return ring_.listeners();
    }
    /// The next one comes back: the ring hears it, then it is settled.
    void deliver() {
        auto [event, settled] = std::move(on_the_way_.front());
        on_the_way_.pop_front();
        EXPECT_TRUE(ring_.append_at(next_, std::move(event)));
        ++next_;
        if (settled) settled();
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
    std::size_t on_the_way() const { return on_the_way_.size(); }

private:
    struct Sent {
        EventPtr event;
        std::function<void()> settled;
    };
    Ring &ring_;
    std::deque<Sent> on_the_way_;
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
