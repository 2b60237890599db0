// SPDX-License-Identifier: MIT
#include "channel/completions.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace mempool {
namespace {

constexpr std::size_t kept_at_rest = 1024;  // entries

}  // namespace

bool Completions::reserve(std::size_t count) {
    const std::lock_guard lock(mutex_);
    if (entries_.size() - taken_ + reserved_ + count > capacity_) return false;
    if (taken_ > entries_.size() / 2) {
        entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(taken_));
        taken_ = 0;
    }
    const std::size_t wanted = entries_.size() + reserved_ + count;
    if (entries_.capacity() < wanted) entries_.reserve(std::max(wanted, 2 * entries_.capacity()));
    reserved_ += count;
    return true;
}

void Completions::give_back(std::size_t count) {
    const std::lock_guard lock(mutex_);
    assert(reserved_ >= count);
    reserved_ -= count;
    rest();
    if (finished_) tell();
}

/// After a flood its memory goes back.
void Completions::rest() noexcept {
    if (taken_ < entries_.size()) return;
    entries_.clear();  // keeps its capacity, which covers the reserved
    taken_ = 0;
    if (reserved_ == 0 && entries_.capacity() > kept_at_rest) std::vector<Completion>().swap(entries_);
}

void Completions::deliver(std::span<Completion> settled) noexcept {
    const std::lock_guard lock(mutex_);
    assert(reserved_ >= settled.size());
    assert(entries_.capacity() - entries_.size() >= settled.size());
    reserved_ -= settled.size();
    for (Completion &each : settled) entries_.push_back(std::move(each));
    tell();
}

void Completions::room() noexcept {
    const std::lock_guard lock(mutex_);
    room_ = true;
    tell();
}

void Completions::finish() noexcept {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    tell();
}

void Completions::tell() noexcept {
    if (!news()) return;
    told_.notify_all();
    if (bell_) bell_->ring();
}

std::size_t Completions::next(std::vector<Completion> &out, std::size_t most, Instant deadline) {
    std::unique_lock lock(mutex_);
    const auto told = [&] { return news(); };
    if (deadline == never)
        told_.wait(lock, told);
    else
        told_.wait_until(lock, deadline, told);

    const std::size_t count = std::min(most, ready());
    out.reserve(out.size() + count);
    for (std::size_t taken = 0; taken < count; ++taken) {
        if (std::exchange(room_, false))
            out.push_back({Completion::Kind::room});
        else
            out.push_back(std::move(entries_[taken_++]));
    }
    rest();
    if (bell_ && !news()) bell_->take();
    return count;
}

bool Completions::ended() const {
    const std::lock_guard lock(mutex_);
    return finished_ && reserved_ == 0 && ready() == 0;
}

int Completions::fd() {
    const std::lock_guard lock(mutex_);
    if (!bell_) {
        bell_ = std::make_unique<WakeFd>();
        if (news()) bell_->ring();
    }
    return bell_->fd();
}

}  // namespace mempool
