// SPDX-License-Identifier: MIT
#include "batch/outcomes.hpp"

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

namespace mempool {

void Outcomes::settle(std::uint64_t first, std::uint64_t last, std::uint64_t batch, std::vector<Rejection> &&rejected) {
    std::deque<Range> gone;  // these are destroyed without the lock
    std::set<Watcher> watched;
    News news;
    {
        const std::lock_guard lock(mutex_);
        assert(first == settled_to_ + 1);
        assert(last >= first);
        news = news_of(last, batch, rejected);
        ranges_.emplace_back();  // an empty place first: without memory for it nothing has changed
        while (!watching_.empty() && watching_.begin()->id <= last)
            watched.insert(watching_.extract(watching_.begin()));
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
    tell(news);
}

Outcomes::News Outcomes::news_of(std::uint64_t last, std::uint64_t batch,
                                 const std::vector<Rejection> &rejected) const {
    News news;
    for (auto at = watching_.begin(); at != watching_.end() && at->id <= last; ++at) {
        const auto &[id, claim] = *at;
        Completion told{Completion::Kind::applied, id, batch, claim.user_data};
        const auto rejection = std::ranges::lower_bound(rejected, id, {}, &Rejection::id);
        if (rejection != rejected.end() && rejection->id == id) {
            told.kind = Completion::Kind::rejected;
            told.reason = rejection->reason;
        }
        news.whom.push_back(claim.completions);
        news.what.push_back(std::move(told));
    }
    return news;
}

void Outcomes::tell(News &news) noexcept {
    for (std::size_t from = 0, to = 0; from < news.what.size(); from = to) {
        while (to < news.what.size() && news.whom[to] == news.whom[from]) ++to;
        news.whom[from]->deliver(std::span(news.what).subspan(from, to - from));
    }
}

Outcomes::Watched Outcomes::watch(std::uint64_t id, std::uint64_t given, const Claim &claim) {
    const bool place = claim.completions->reserve(1);
    Watched watched;
    try {
        const std::lock_guard lock(mutex_);
        watched.now = look_locked(id, given);
        if (place && !closed_ && watched.now.kind == Outcome::Kind::pending) {
            watched.will_be_told = watching_.insert({id, claim}).second;
        }
    } catch (...) {
        if (place) claim.completions->give_back(1);
        throw;
    }
    if (place && !watched.will_be_told) claim.completions->give_back(1);
    return watched;
}

void Outcomes::unwatch(std::uint64_t id, const Claim &claim) noexcept {
    {
        const std::lock_guard lock(mutex_);
        if (watching_.erase({id, claim}) == 0) return;
    }
    claim.completions->give_back(1);
}

std::size_t Outcomes::watched() const {
    const std::lock_guard lock(mutex_);
    return watching_.size();
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
    std::set<Watcher> watched;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        watched.swap(watching_);
    }
    settled_.notify_all();
    for (const auto &[id, claim] : watched) claim.completions->give_back(1);
}

bool Outcomes::closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
}

}  // namespace mempool
