// SPDX-License-Identifier: MIT
#include "batch/batcher.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace mempool;

namespace {

/// A topic that writes down what it is told, and settles when the test says so.
struct Recorder final : EventSource {
    std::optional<std::size_t> publish(EventPtr event, std::function<void()> settled) override {
        said.push_back(event_text(*event));
        events.push_back(std::move(event));
        if (!settled) return 0;
        if (late)
            waiting.push_back(std::move(settled));
        else
            settled();
        return 0;
    }
    bool has_room() const override { return true; }
    void when_room(const std::shared_ptr<RoomListener> &listener) override { listener->room(); }
    std::vector<std::string> said;
    std::vector<EventPtr> events;
    std::vector<std::function<void()>> waiting;
    bool late = false;
};

/// One pool's worth of parts; run() ticks through all that was submitted, on this thread.
struct Bench {
    explicit Bench(std::size_t batch_max = 100) : batcher(queue, source, outcomes, {batch_max, milliseconds(0)}) {}

    void submit(const std::string &data) {
        std::uint64_t id = 0;
        ASSERT_EQ(queue.push(data, id), Queue::Push::accepted);
    }
    void run() {
        queue.close();
        batcher.run();
    }
    std::string reason(std::uint64_t id) { return outcomes.look(id, queue.last_id()).reason; }
    Outcome::Kind kind(std::uint64_t id) { return outcomes.look(id, queue.last_id()).kind; }

    Queue queue{1000, 1 << 20};
    Recorder source;
    Outcomes outcomes{1000};
    Batcher batcher;
};

using Texts = std::vector<std::string>;

}  // namespace

TEST(Batcher, without_a_callback_everything_is_applied) {
    Bench bench;
    bench.submit("a");
    bench.submit("b");
    bench.run();
    EXPECT_EQ(bench.source.said, Texts{"batch applied 2/2 txs"});
    EXPECT_EQ(bench.kind(2), Outcome::Kind::applied);
}

TEST(Batcher, an_empty_tick_says_nothing) {
    Bench bench;
    bench.run();
    EXPECT_EQ(bench.source.said, Texts{});
}

TEST(Batcher, what_apply_rejects_is_rejected_with_its_reason_and_the_rest_is_applied) {
    Bench bench;
    for (const char *data : {"pay", "steal", "pay"}) bench.submit(data);
    bench.batcher.set_apply([](Batch &batch) {
        for (std::size_t index = 0; index < batch.transactions().size(); ++index)
            if (batch.transactions()[index].data != "pay") batch.reject(index, "unknown verb");
    });
    bench.run();
    EXPECT_EQ(bench.source.said, Texts{"batch applied 2/3 txs"});
    EXPECT_EQ(bench.kind(1), Outcome::Kind::applied);
    EXPECT_EQ(bench.reason(2), "unknown verb");
}

TEST(Batcher, a_batch_takes_at_most_batch_max_and_is_one_event) {
    Bench bench(2);
    for (const char *data : {"a", "b", "c"}) bench.submit(data);
    bench.run();
    EXPECT_EQ(bench.source.said, (Texts{"batch applied 2/2 txs", "batch applied 1/1 txs"}));
    EXPECT_EQ(bench.outcomes.look(3, 3).batch, 2U);
}

TEST(Batcher, an_apply_that_throws_fails_the_batch_and_the_next_one_goes_on) {
    Bench bench(1);
    bench.submit("bad");
    bench.submit("good");
    bench.batcher.set_apply([](Batch &batch) {
        if (batch.transactions()[0].data == "bad") throw std::runtime_error("no database");
    });
    bench.run();
    EXPECT_EQ(bench.source.said, (Texts{"batch applied 0/1 txs", "batch applied 1/1 txs"}));
    EXPECT_EQ(bench.reason(1), "apply threw: no database");
}

TEST(Batcher, a_failed_batch_rejects_all_whatever_else_was_said) {
    Bench bench;
    bench.submit("a");
    bench.submit("b");
    bench.batcher.set_apply([](Batch &batch) {
        batch.reject(0, "its own");
        batch.fail("all of them");
        batch.fail("too late");
    });
    bench.run();
    EXPECT_EQ(bench.reason(1), "all of them");
    EXPECT_EQ(bench.reason(2), "all of them");
}

TEST(Batcher, the_last_word_on_a_transaction_holds) {
    Bench bench;
    bench.submit("a");
    bench.batcher.set_apply([](Batch &batch) {
        batch.reject(0, "first");
        batch.reject(0, "second");
    });
    bench.run();
    EXPECT_EQ(bench.reason(1), "second");
}

TEST(Batcher, what_apply_publishes_goes_out_before_its_batch_and_not_at_all_if_that_fails) {
    for (const bool fails : {false, true}) {
        Bench bench;
        bench.submit("a");
        bench.batcher.set_apply([fails](Batch &batch) {
            batch.hold(make_message(0, "news", false));
            if (fails) batch.fail("why");
        });
        bench.run();
        EXPECT_EQ(bench.source.said, fails ? Texts{"batch applied 0/1 txs"} : (Texts{"news", "batch applied 1/1 txs"}));
    }
}

TEST(Batcher, an_outcome_is_told_when_the_source_settles_and_not_before) {
    Bench bench;
    bench.source.late = true;
    bench.submit("a");
    bench.run();
    EXPECT_EQ(bench.kind(1), Outcome::Kind::pending);
    bench.source.waiting.at(0)();
    EXPECT_EQ(bench.kind(1), Outcome::Kind::applied);
}

TEST(Batcher, an_event_lists_at_most_32_rejections_but_counts_them_all) {
    Bench bench;
    for (int count = 0; count < 50; ++count) bench.submit("x");
    bench.batcher.set_apply([](Batch &batch) { batch.fail("no"); });
    bench.run();
    const auto &done = std::get<BatchDone>(bench.source.events.at(0)->body);
    EXPECT_EQ(done.rejected.size(), rejections_listed);
    EXPECT_EQ(done.total - done.applied, 50U);
    EXPECT_EQ(bench.reason(50), "no");
}

TEST(Batcher, apply_is_let_go_when_the_last_tick_is_done) {
    Bench bench;
    auto kept = std::make_shared<int>(0);
    const std::weak_ptr<int> watched = kept;
    bench.batcher.set_apply([kept = std::move(kept)](Batch &) {});
    bench.run();
    EXPECT_TRUE(watched.expired());
}

TEST(Batch, a_reason_is_cut_at_a_character_and_mended_where_it_is_not_utf8) {
    const Transaction transaction{1, "x"};
    Batch batch({&transaction, 1});
    batch.reject(0, std::string(255, 'a') + "\u00e9");
    EXPECT_EQ(batch.rejections().at(0).reason, std::string(255, 'a'));
    batch.reject(0, "bad \xff byte");
    EXPECT_EQ(batch.rejections().at(0).reason, "bad \ufffd byte");
}
