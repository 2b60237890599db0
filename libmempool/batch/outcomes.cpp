// SPDX-License-Identifier: MIT
#include "batch/outcomes.hpp"

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

namespace mempool {

void Outcomes::settle(std::uint64_t first, std::uint64_t last, std::uint64_t batch, std::vector<Rejection> &&rejected) {
    std::deque<Range> gone;  // destroyed without the lock
    {
        const std::lock_guard lock(mutex_);
        assert(first == settled_to_ + 1);
        assert(last >= first);
        ranges_.emplace_back();  // an empty place first: without memory for it nothing has changed
        totals_.rejected += rejected.size();
        totals_.applied += last - first + 1 - rejected.size();
        ++totals_.batches;
        ranges_.back() = {first, last, batch, std::move(rejected)};
        settled_to_ = last;
        while (settled_to_ - ranges_.front().last >= capacity_) {
            try {
                gone.push_back(std::move(ranges_.front()));
            } catch (const std::bad_alloc &) {
                break;  // it goes with the next one: what is too old is not looked at
            }
            ranges_.pop_front();
        }
    }
    settled_.notify_all();
}

Outcome Outcomes::look(std::uint64_t id, std::uint64_t given) const {
    const std::lock_guard lock(mutex_);
    return look_locked(id, given);
}

Outcome Outcomes::wait(std::uint64_t id, std::uint64_t given, Instant deadline) const {
    std::unique_lock lock(mutex_);
    const auto over = [&] { return closed_ || settled_to_ >= id || id > given; };
    if (deadline == never)
        settled_.wait(lock, over);
    else
        settled_.wait_until(lock, deadline, over);
    return look_locked(id, given);
}

bool Outcomes::wait_all(std::uint64_t id, Instant deadline) const {
    std::unique_lock lock(mutex_);
    const auto over = [&] { return closed_ || settled_to_ >= id; };
    if (deadline == never)
        settled_.wait(lock, over);
    else
        settled_.wait_until(lock, deadline, over);
    return settled_to_ >= id;
}

Outcome Outcomes::look_locked(std::uint64_t id, std::uint64_t given) const {
    if (id == 0 || id > given) return {Outcome::Kind::unknown, 0, {}};
    if (id > settled_to_) return {Outcome::Kind::pending, 0, {}};
    if (settled_to_ - id >= capacity_) return {Outcome::Kind::gone, 0, {}};
    const auto range = std::ranges::lower_bound(ranges_, id, {}, &Range::last);
    assert(range != ranges_.end());
    assert(range->first <= id);
    const auto rejection = std::ranges::lower_bound(range->rejected, id, {}, &Rejection::id);
    if (rejection != range->rejected.end() && rejection->id == id)
        return {Outcome::Kind::rejected, range->batch, rejection->reason};
    return {Outcome::Kind::applied, range->batch, {}};
}

Outcomes::Totals Outcomes::totals() const {
    const std::lock_guard lock(mutex_);
    return totals_;
}

void Outcomes::close() {
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    settled_.notify_all();
}

bool Outcomes::closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
}

}  // namespace mempool
