// SPDX-License-Identifier: MIT
#include "batch/batcher.hpp"

#include <algorithm>
#include <exception>
#include <memory>
#include <string>
#include <utility>

namespace mempool {

void Batcher::run() {
    thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    std::vector<Transaction> transactions;
    while (queue_.drain(transactions, limits_.batch_max, limits_.interval) > 0) {
        tick(transactions);
        transactions.clear();
    }
    settling_->done();
    apply_ = nullptr;  // a cycle through the host's own objects ends here, not at the last release
    thread_.store({}, std::memory_order_relaxed);
}

void Batcher::tick(std::vector<Transaction> &transactions) {
    Batch batch(transactions);
    apply(batch);

    std::vector<Rejection> rejections = batch.rejections();
    BatchDone done{++number_, transactions.size() - rejections.size(), transactions.size(), {}};
    const std::size_t listed = std::min(rejections.size(), rejections_listed);
    done.rejected.assign(rejections.begin(), rejections.begin() + static_cast<std::ptrdiff_t>(listed));

    for (EventPtr &message : batch.take_held()) source_.publish(std::move(message), nullptr);
    auto event = std::make_shared<const Event>(Event{wall_time_us(), std::move(done)});
    const std::uint64_t first = transactions.front().id;
    const std::uint64_t last = transactions.back().id;
    settling_->begin();
    source_.publish(std::move(event), [settling = settling_, first, last, number = number_,
                                       rejections = std::move(rejections)]() mutable {
        settling->outcomes.settle(first, last, number, std::move(rejections));
        settling->done();
    });
}

void Batcher::apply(Batch &batch) {
    if (!apply_) return;
    applying_ = &batch;
    try {
        apply_(batch);
    } catch (const std::exception &error) {
        batch.fail(std::string("apply threw: ") + error.what());
    } catch (...) {
        batch.fail("apply threw something that is no std::exception");
    }
    applying_ = nullptr;
}

}  // namespace mempool
