// SPDX-License-Identifier: MIT
/// The tick: drains the queue, asks the host which transactions hold, tells the topic what came of it and settles the outcomes.
/// Owned by the pool; run() is the batch thread, the only one that touches it but for what is marked "any thread".
///
/// One batch, one event; an empty tick says nothing. Outcomes are told when the source has settled the event, never before. While the
/// source has no room for another event the queue is not drained: it fills, and the submitters wait or hear FULL.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "base/bell.hpp"
#include "base/clock.hpp"
#include "base/count.hpp"
#include "base/log.hpp"
#include "batch/batch.hpp"
#include "batch/outcomes.hpp"
#include "channel/queue.hpp"
#include "channel/source.hpp"

namespace mempool {

class Batcher {
public:
    struct Limits {
        std::size_t batch_max;
        milliseconds interval;
    };

    /// log: nullptr where nobody reads it; outlives it.
    Batcher(Queue &queue, EventSource &source, Outcomes &outcomes, Limits limits, Log *log = nullptr)
        : queue_(queue), source_(source), log_(log), settling_(std::make_shared<Settling>(outcomes)), limits_(limits) {}
    Batcher(const Batcher &) = delete;
    Batcher &operator=(const Batcher &) = delete;

    /// Empty: everything is applied. Before run().
    void set_apply(Apply apply) { apply_.swap(apply); }
    /// The same, so that the one before is destroyed where the caller wants it.
    void swap_apply(Apply &apply) noexcept { apply_.swap(apply); }

    /// Ticks until the queue is closed and drained; then lets go of apply. The batch thread.
    void run();

    /// Any thread: whether the caller is inside run().
    bool on_batch_thread() const { return thread_.load(std::memory_order_relaxed) == std::this_thread::get_id(); }
    /// Nanoseconds spent inside apply. Any thread.
    std::uint64_t apply_time_ns() const { return apply_time_ns_.get(); }
    /// On the batch thread: the batch that is being applied, or nullptr.
    Batch *applying() const { return applying_; }

private:
    /// What is still to be settled: run() itself and each batch under way. The last to be done says that no outcome will come any more.
    /// A source may settle when the batcher is gone; the outcomes outlive both.
    struct Settling {
        explicit Settling(Outcomes &its_outcomes) : outcomes(its_outcomes) {}
        void begin() { left.fetch_add(1, std::memory_order_relaxed); }
        void done() {
            // acq_rel: all settle() calls come before the close()
            if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) outcomes.close();
        }
        Outcomes &outcomes;
        std::atomic<std::size_t> left{1};
    };

    /// What the batch thread sleeps on while the source has no room. Shared: a source may ring when the batcher is gone.
    struct Room final : RoomListener {
        void room() noexcept override { bell.ring(); }
        Bell bell;
    };

    struct Notices {
        std::shared_ptr<Completions> completions;
        std::vector<Completion> settled;
    };
    std::vector<Notices> notices(const std::vector<Transaction> &transactions,
                                 const std::vector<Rejection> &rejections) const;
    void await_room();
    void tick(std::vector<Transaction> &transactions);
    void apply(Batch &batch);

    Queue &queue_;
    EventSource &source_;
    Log *const log_;
    const std::shared_ptr<Settling> settling_;
    const std::shared_ptr<Room> room_ = std::make_shared<Room>();
    const Limits limits_;
    Apply apply_;
    Batch *applying_ = nullptr;
    std::uint64_t number_ = 0;
    Count apply_time_ns_;
    Seldom failures_;
    std::atomic<std::thread::id> thread_{};  // relaxed: a thread asks only about itself
};

}  // namespace mempool
