// SPDX-License-Identifier: MIT
#include "batch/batcher.hpp"

#include <algorithm>
#include <cinttypes>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/memory.hpp"

namespace mempool {

void Batcher::run() {
    thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    std::vector<Transaction> transactions;
    const auto drain = [&] {
        if (queue_.await(limits_.batch_max, limits_.interval))
            await_room();  // after the waiting, which may have been long
        std::size_t drained = 0;
        once_there_is_memory([&] { drained = queue_.drain(transactions, limits_.batch_max, limits_.interval); });
        return drained;
    };
    while (drain() > 0) {
        tick(transactions);
        transactions.clear();
    }
    settling_->done();
    apply_ = nullptr;  // a cycle through the host's own objects ends here, not at the last release
    thread_.store({}, std::memory_order_relaxed);
}

void Batcher::await_room() {
    while (!source_.has_room()) {
        once_there_is_memory([&] { source_.when_room(room_); });
        room_->bell.wait();
    }
}

void Batcher::tick(std::vector<Transaction> &transactions) {
    Batch batch(transactions);
    apply(batch);

    // All that takes memory comes before the first word is said.
    ++number_;
    EventPtr event;
    std::function<void()> settled;
    once_there_is_memory([&] {
        std::vector<Rejection> rejections = batch.rejections();
        BatchDone done{number_, transactions.size() - rejections.size(), transactions.size(), {}};
        const std::size_t listed = std::min(rejections.size(), rejections_listed);
        done.rejected.assign(rejections.begin(), rejections.begin() + static_cast<std::ptrdiff_t>(listed));
        event = std::make_shared<const Event>(Event{wall_time_us(), std::move(done)});
        // Before the captures, which move what it reads in an order of their own.
        std::vector<Notices> lists = notices(transactions, rejections);
        settled = [settling = settling_, first = transactions.front().id, last = transactions.back().id,
                   number = number_, notices = std::move(lists), rejections = std::move(rejections)]() mutable {
            once_there_is_memory([&] { settling->outcomes.settle(first, last, number, std::move(rejections)); });
            for (Notices &each : notices) each.completions->deliver(each.settled);
            settling->done();
        };
    });
    for (EventPtr &message : batch.take_held()) source_.publish(std::move(message), nullptr);
    settling_->begin();
    source_.publish(std::move(event), std::move(settled));
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
    const Instant began = Clock::now();
    try {
        apply_(batch);
    } catch (const std::exception &error) {
        once_there_is_memory([&] { batch.fail(std::string("apply threw: ") + error.what()); });
    } catch (...) {
        once_there_is_memory([&] { batch.fail("apply threw something that is no std::exception"); });
    }
    apply_time_ns_.add(static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - began).count()));
    applying_ = nullptr;
    if (log_ == nullptr || !batch.failed()) return;
    // Not the reason: it is the host's text, and may quote a transaction.
    if (const std::uint64_t failed = failures_.happened(Clock::now()); failed > 0)
        log_->write(LogLevel::error,
                    "apply failed: all %zu transactions of batch %" PRIu64
                    " are rejected (their outcomes say why); failed "
                    "batches since this was last said: %" PRIu64,
                    batch.transactions().size(), number_ + 1, failed);
}

}  // namespace mempool
