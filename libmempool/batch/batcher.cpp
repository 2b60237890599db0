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
    source_.publish(std::move(event),
                    [settling = settling_, first, last, number = number_, notices = notices(transactions, rejections),
                     rejections = std::move(rejections)]() mutable {
                        settling->outcomes.settle(first, last, number, std::move(rejections));
                        for (Notices &each : notices) each.completions->deliver(each.settled);
                        settling->done();
                    });
}

/// One list for each completion queue that somebody named.
std::vector<Batcher::Notices> Batcher::notices(const std::vector<Transaction> &transactions,
                                               const std::vector<Rejection> &rejections) const {
    std::vector<Notices> all;
    auto rejection = rejections.begin();
    for (const Transaction &transaction : transactions) {
        const bool rejected = rejection != rejections.end() && rejection->id == transaction.id;
        if (const auto &completions = transaction.claim.completions) {
            auto list = std::ranges::find(all, completions, &Notices::completions);
            if (list == all.end()) list = all.insert(all.end(), {completions, {}});
            list->settled.push_back({rejected ? Completion::Kind::rejected : Completion::Kind::applied, transaction.id,
                                     number_, transaction.claim.user_data,
                                     rejected ? rejection->reason : std::string()});
        }
        if (rejected) ++rejection;
    }
    return all;
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
