// SPDX-License-Identifier: MIT
#include "batch/intake.hpp"

#include <utility>

namespace mempool {

Status Intake::bad_size(std::size_t size) const {
    if (size == 0)
        return {Code::invalid,
                "the transaction is empty; give 1 to " + std::to_string(tx_max_bytes_) + " bytes (tx_max_bytes)"};
    return {Code::too_large, "the transaction has " + std::to_string(size) + " bytes; allowed: up to " +
                                 std::to_string(tx_max_bytes_) + " (tx_max_bytes)"};
}

void Intake::fit(std::span<std::string> data) {
    constexpr std::size_t slack_max = 64;  // where it is less, a copy is not worth it
    for (std::string &each : data)
        if (each.size() > copied_max_bytes && each.capacity() - each.size() > slack_max) each.shrink_to_fit();
}

namespace {

/// Places for outcomes that are given back unless the submission was accepted.
class Places {
public:
    Places(const Claim &claim, std::size_t count) : completions_(claim.completions.get()), count_(count) {
        if (completions_ != nullptr && !completions_->reserve(count)) there_are_none_ = true;
    }
    ~Places() {
        if (completions_ != nullptr && !there_are_none_ && !kept_) completions_->give_back(count_);
    }
    Places(const Places &) = delete;
    Places &operator=(const Places &) = delete;
    bool there_are_none() const { return there_are_none_; }
    void keep() { kept_ = true; }

private:
    Completions *const completions_;
    const std::size_t count_;
    bool there_are_none_ = false;
    bool kept_ = false;
};

}  // namespace

/// What all submissions have in common: the pool is started, and each outcome has its place.
template <class Push>
Status Intake::claimed(std::size_t count, const Claim &claim, Push push) {
    if (!open_.load(std::memory_order_acquire)) return not_open();
    Places places(claim, count);
    if (places.there_are_none()) return no_places(count, *claim.completions);
    const Queue::Push result = push();
    if (result != Queue::Push::accepted) return refusal(result, count);
    places.keep();
    return {};
}

Status Intake::not_open() const {
    return {Code::state, "the pool is not started yet; call start first"};
}

Status Intake::no_places(std::size_t count, const Completions &completions) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return {Code::full, "the completion queue has no place for " + std::to_string(count) + " more of its " +
                            std::to_string(completions.capacity()) + "; read it, or open a larger one"};
}

Status Intake::submit(std::string_view data, std::uint64_t &id, Instant deadline, const Claim &claim) {
    if (Status size = check_size(data.size()); !size.ok()) return size;
    return claimed(1, claim, [&] {
        const Queue::Push now = queue_.push(data, id, claim);
        if (deadline == at_once || (now != Queue::Push::full && now != Queue::Push::full_bytes)) return now;
        std::string copy(data);
        return queue_.push_until({&copy, 1}, id, deadline, claim);
    });
}

Status Intake::submit_many(std::span<std::string> data, std::uint64_t &first, Instant deadline, const Claim &claim) {
    if (data.empty()) return {Code::invalid, "there is no transaction among them; give at least one"};
    for (const std::string &each : data)
        if (Status size = check_size(each.size()); !size.ok()) return size;
    return claimed(data.size(), claim, [&] {
        fit(data);
        return deadline == at_once ? queue_.push(data, first, claim) : queue_.push_until(data, first, deadline, claim);
    });
}

Status Intake::submit_many(std::span<const std::string_view> data, std::uint64_t &first, const Claim &claim) {
    if (data.empty()) return {Code::invalid, "there is no transaction among them; give at least one"};
    for (const std::string_view each : data)
        if (Status size = check_size(each.size()); !size.ok()) return size;
    return claimed(data.size(), claim, [&] { return queue_.push(data, first, claim); });
}

Status Intake::refusal(Queue::Push result, std::size_t count) {
    if (result == Queue::Push::full || result == Queue::Push::full_bytes || result == Queue::Push::timeout)
        refused_.fetch_add(1, std::memory_order_relaxed);
    switch (result) {
        case Queue::Push::accepted:
            return {};
        case Queue::Push::full:
            return {Code::full, "the queue holds " + std::to_string(queue_capacity_) +
                                    " transactions (queue_capacity), or others wait for room; wait, or raise it"};
        case Queue::Push::full_bytes:
            return {Code::full, "the queue holds close to " + std::to_string(queue_bytes_) +
                                    " bytes (queue_bytes); wait, or raise it"};
        case Queue::Push::timeout:
            return {Code::timeout, "the queue had no room in time; nothing was queued, try again"};
        case Queue::Push::never_fits:
            return {Code::too_large, std::to_string(count) +
                                         " transactions at once are more than the whole queue holds: " +
                                         std::to_string(queue_capacity_) + " (queue_capacity), " +
                                         std::to_string(queue_bytes_) + " bytes (queue_bytes)"};
        case Queue::Push::closed:
            break;
    }
    return {Code::closed, "the pool is draining or stopped; submit to another"};
}

}  // namespace mempool
