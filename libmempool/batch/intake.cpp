// SPDX-License-Identifier: MIT
#include "batch/intake.hpp"

#include <utility>

namespace mempool {

Status Intake::check_size(std::size_t size) const {
    if (size == 0)
        return {Code::invalid,
                "the transaction is empty; give 1 to " + std::to_string(tx_max_bytes_) + " bytes (tx_max_bytes)"};
    if (size > tx_max_bytes_)
        return {Code::too_large, "the transaction has " + std::to_string(size) + " bytes; allowed: up to " +
                                     std::to_string(tx_max_bytes_) + " (tx_max_bytes)"};
    return {};
}

void Intake::fit(std::span<std::string> data) {
    constexpr std::size_t slack_max = 64;  // where it is less, a copy is not worth it
    for (std::string &each : data)
        if (each.capacity() - each.size() > slack_max) each.shrink_to_fit();
}

Status Intake::submit(std::string data, std::uint64_t &id) {
    return submit_many({&data, 1}, id, at_once);
}

Queue::Push Intake::push(std::span<std::string> data, std::uint64_t &first, Instant deadline, const Claim &claim) {
    Queue::Push result = Queue::Push::closed;
    try {
        result =
            deadline == at_once ? queue_.push(data, first, claim) : queue_.push_until(data, first, deadline, claim);
    } catch (...) {
        if (claim.completions) claim.completions->give_back(data.size());
        throw;
    }
    if (result != Queue::Push::accepted && claim.completions) claim.completions->give_back(data.size());
    return result;
}

Status Intake::submit_many(std::span<std::string> data, std::uint64_t &first, Instant deadline, const Claim &claim) {
    if (data.empty()) return {Code::invalid, "there is no transaction among them; give at least one"};
    for (const std::string &each : data)
        if (Status size = check_size(each.size()); !size.ok()) return size;
    if (!open_.load(std::memory_order_acquire)) return {Code::state, "the pool is not started yet; call start first"};
    if (claim.completions && !claim.completions->reserve(data.size())) {
        refused_.fetch_add(1, std::memory_order_relaxed);
        return {Code::full, "the completion queue has no place for " + std::to_string(data.size()) + " more of its " +
                                std::to_string(claim.completions->capacity()) + "; read it, or open a larger one"};
    }
    fit(data);
    const Queue::Push result = push(data, first, deadline, claim);
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
            return {Code::too_large, std::to_string(data.size()) +
                                         " transactions at once are more than the whole queue holds: " +
                                         std::to_string(queue_capacity_) + " (queue_capacity), " +
                                         std::to_string(queue_bytes_) + " bytes (queue_bytes)"};
        case Queue::Push::closed:
            break;
    }
    return {Code::closed, "the pool is draining or stopped; submit to another"};
}

}  // namespace mempool
