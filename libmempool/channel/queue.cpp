// SPDX-License-Identifier: MIT
#include "channel/queue.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace mempool {

Queue::Queue(std::size_t capacity, std::size_t bytes) : capacity_(capacity), bytes_max_(bytes) {
    assert(capacity > 0);
}

Queue::Push Queue::push(std::string data, std::uint64_t &id) {
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return Push::closed;
        if (waiting_.size() >= capacity_) return Push::full;
        if (bytes_ + data.size() > bytes_max_) {
            refused_bytes_ = true;
            if (wake_at_ != 0) news_.notify_one();
            return Push::full_bytes;
        }
        const std::size_t size = data.size();
        waiting_.push_back({last_id_ + 1, std::move(data)});
        id = ++last_id_;
        bytes_ += size;
        if (waiting_.size() == 1) first_came_ = Clock::now();
        wake = wake_at_ != 0 && waiting_.size() >= wake_at_;
        if (wake) wake_at_ = 0;
    }
    if (wake) news_.notify_one();
    return Push::accepted;
}

bool Queue::ready(std::size_t limit) const {
    return closed_ || refused_bytes_ || waiting_.size() >= std::min(limit, capacity_);
}

std::size_t Queue::drain(std::vector<Transaction> &out, std::size_t limit, milliseconds gather) {
    if (limit == 0) return 0;
    std::unique_lock lock(mutex_);
    while (waiting_.empty() && !closed_) {
        wake_at_ = 1;
        news_.wait(lock);
    }
    if (gather.count() > 0) {
        const Instant until = first_came_ + gather;
        while (!ready(limit)) {
            wake_at_ = std::min(limit, capacity_);
            if (news_.wait_until(lock, until) == std::cv_status::timeout) break;
        }
    }
    wake_at_ = 0;
    refused_bytes_ = false;
    const std::size_t count = std::min(limit, waiting_.size());
    for (std::size_t taken = 0; taken < count; ++taken) {
        bytes_ -= waiting_.front().data.size();
        out.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
    }
    return count;
}

void Queue::close() {
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    news_.notify_one();
}

std::size_t Queue::length() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
}

std::uint64_t Queue::last_id() const {
    const std::lock_guard lock(mutex_);
    return last_id_;
}

}  // namespace mempool
