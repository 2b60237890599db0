// SPDX-License-Identifier: MIT
/// The tick: drains the queue, asks the host which transactions hold, tells the topic what came of it and settles the outcomes.
/// Owned by the pool; run() is the batch thread, the only one that touches it but for what is marked "any thread".
///
/// One batch, one event; an empty tick says nothing. Outcomes are told when the source has settled the event, never before.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/clock.hpp"
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

    Batcher(Queue &queue, EventSource &source, Outcomes &outcomes, Limits limits)
        : queue_(queue), source_(source), outcomes_(outcomes), limits_(limits) {}
    Batcher(const Batcher &) = delete;
    Batcher &operator=(const Batcher &) = delete;

    /// Empty: everything is applied. Before run().
    void set_apply(Apply apply) { apply_ = std::move(apply); }

    /// Ticks until the queue is closed and drained; then lets go of apply. The batch thread.
    void run();

    /// Any thread: whether the caller is inside run().
    bool on_batch_thread() const { return thread_.load(std::memory_order_relaxed) == std::this_thread::get_id(); }
    /// On the batch thread: the batch that is being applied, or nullptr.
    Batch *applying() const { return applying_; }

private:
    void tick(std::vector<Transaction> &transactions);
    void apply(Batch &batch);

    Queue &queue_;
    EventSource &source_;
    Outcomes &outcomes_;
    const Limits limits_;
    Apply apply_;
    Batch *applying_ = nullptr;
    std::uint64_t number_ = 0;
    std::atomic<std::thread::id> thread_{};  // relaxed: a thread asks only about itself
};

}  // namespace mempool
