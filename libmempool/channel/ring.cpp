// SPDX-License-Identifier: MIT
#include "channel/ring.hpp"

#include <array>
#include <cassert>
#include <utility>

#include "base/bell.hpp"

namespace mempool {

/// A thread that waits in read_until.
struct Ring::Doorbell final : Waiter {
    Bell rung;
    void wake() noexcept override { rung.ring(); }
};

Ring::Ring(std::size_t capacity, std::size_t bytes, std::string epoch)
    : bytes_max_(bytes), epoch_(std::make_shared<const std::string>(std::move(epoch))), slots_(capacity) {
    assert(capacity > 0);
}

Ring::~Ring() {
    assert(waiters_ == nullptr);
}

void Ring::take_oldest(EventPtr &into) noexcept {
    EventPtr &oldest = slots_[head_place_];
    bytes_ -= payload_bytes(*oldest);
    ++head_;
    if (++head_place_ == slots_.size()) head_place_ = 0;
    __builtin_prefetch(
        slots_[head_place_].get());  // it was written a whole turn of the ring ago, and is the next to go
    head_now_.store(head_.value, std::memory_order_release);
    into.swap(oldest);
}

std::optional<Ring::Appended> Ring::append_if(EventPtr &&event, const Offset *only_at) {
    const std::size_t bytes = payload_bytes(*event);
    Appended appended{};
    EventPtr overwritten;  // destroyed without the lock (A23)
    {
        const std::lock_guard lock(mutex_);
        if (closed_ || (only_at && *only_at != tail_)) return std::nullopt;
        if (tail_ - head_ == slots_.size()) take_oldest(overwritten);
        appended = {tail_, listeners_};
        slot(tail_).swap(event);  // of an empty one
        ++tail_;
        bytes_ += bytes;
        if (!over_bytes()) {
            if (waiters_ != nullptr) wake_all();
            return appended;
        }
    }
    evict_over_bytes();
    return appended;
}

/// A large one came after many small ones: these go a few at a time, so that the lock stays short.
void Ring::evict_over_bytes() {
    for (bool over = true; over;) {
        std::array<EventPtr, 16> evicted;  // destroyed without the lock
        std::size_t count = 0;
        const std::lock_guard lock(mutex_);
        while (over_bytes() && count < evicted.size()) take_oldest(evicted[count++]);
        over = over_bytes();
        if (!over) wake_all();
    }
}

void Ring::skip_to(Offset offset) {
    std::vector<EventPtr> gone(slots_.size());  // both allocated and freed without the lock
    const std::lock_guard lock(mutex_);
    if (offset <= tail_ || closed_) return;
    slots_.swap(gone);
    head_place_ = 0;
    bytes_ = 0;
    head_ = tail_ = offset;
    show();
    wake_all();
}

void Ring::restart(std::string epoch, Offset first) {
    auto name = std::make_shared<const std::string>(std::move(epoch));
    std::vector<EventPtr> gone(slots_.size());
    const std::lock_guard lock(mutex_);
    epoch_.swap(name);
    slots_.swap(gone);
    head_place_ = 0;
    bytes_ = 0;
    head_ = tail_ = restarted_at_ = first;
    restarted_ = ++history_;
    show();
    wake_all();
}

void Ring::rename(std::string epoch) {
    auto name = std::make_shared<const std::string>(std::move(epoch));
    const std::lock_guard lock(mutex_);
    epoch_.swap(name);
    ++history_;
    show();
    wake_all();
}

Subscribed Ring::subscribe() {
    const std::lock_guard lock(mutex_);
    ++listeners_;
    return {{tail_, history_}, epoch_, head_, tail_};
}

Subscribed Ring::subscribe(std::string_view epoch, Offset heard) {
    const std::lock_guard lock(mutex_);
    ++listeners_;
    if (epoch.empty()) return {{head_, history_}, epoch_, head_, tail_};
    if (epoch == *epoch_ && heard < tail_) return {{heard + 1, history_}, epoch_, head_, tail_};
    return {{head_, history_, true}, epoch_, head_, tail_};
}

void Ring::unsubscribe() {
    const std::lock_guard lock(mutex_);
    assert(listeners_ > 0);
    --listeners_;
}

std::size_t Ring::listeners() const {
    const std::lock_guard lock(mutex_);
    return listeners_;
}

std::uint64_t Ring::length(const Cursor &cursor) const {
    const std::lock_guard lock(mutex_);
    return tail_ - (cursor.history < restarted_ ? restarted_at_ : cursor.next);
}

Ring::Retained Ring::retained() const {
    const std::lock_guard lock(mutex_);
    return {static_cast<std::size_t>(tail_ - head_), bytes_, epoch_, tail_};
}

Offset Ring::tail() const {
    const std::lock_guard lock(mutex_);
    return tail_;
}

EpochPtr Ring::epoch() const {
    const std::lock_guard lock(mutex_);
    return epoch_;
}

Ring::Read Ring::read(Cursor &cursor, std::span<EventPtr> out, Waiter *waiter) {
    const std::lock_guard lock(mutex_);
    const Read read = read_locked(cursor, out);
    if (read.outcome == Outcome::empty && waiter != nullptr) arm(*waiter);
    return read;
}

std::size_t Ring::look_ahead(const Cursor &cursor, std::span<EventPtr> out, std::size_t bytes) const {
    const std::lock_guard lock(mutex_);
    if (cursor.history != history_ || cursor.reset_due || cursor.next < head_) return 0;
    std::size_t count = 0;
    std::size_t seen = 0;
    for (Offset offset = cursor.next; offset < tail_ && count < out.size(); ++offset) {
        const EventPtr &event = slot(offset);
        seen += payload_bytes(*event);
        if (count > 0 && seen > bytes) break;
        out[count++] = event;
    }
    return count;
}

void Ring::show() noexcept {
    history_now_.store(history_, std::memory_order_relaxed);
    head_now_.store(head_.value, std::memory_order_release);
}

Ring::Read Ring::read_until(Cursor &cursor, std::span<EventPtr> out, Instant deadline) {
    Doorbell doorbell;
    for (;;) {
        const Read now = read(cursor, out, &doorbell);
        if (now.outcome != Outcome::empty) return now;
        if (doorbell.rung.wait_until(deadline)) continue;
        disarm(doorbell);  // or it was rung in the meantime
        return read(cursor, out);
    }
}

Ring::Read Ring::read_locked(Cursor &cursor, std::span<EventPtr> out) {
    if (cursor.history != history_ || cursor.reset_due) {
        const bool emptied = cursor.history < restarted_;
        if (emptied) cursor.next = restarted_at_;
        cursor.history = history_;
        cursor.reset_due = false;
        return {Outcome::reset, 0, 0, head_, epoch_, emptied};
    }
    assert(cursor.next <= tail_);
    if (cursor.next < head_) {
        const std::uint64_t missed = head_ - cursor.next;
        cursor.next = head_;
        return {Outcome::lagged, 0, missed, head_};
    }
    std::size_t count = 0;
    for (; cursor.next < tail_ && count < out.size(); ++cursor.next) out[count++] = slot(cursor.next);
    if (count > 0) return {Outcome::events, count, 0, head_};
    return {closed_ ? Outcome::closed : Outcome::empty, 0, 0, head_};
}

bool Ring::arm_if_idle(const Cursor &cursor, Waiter &waiter) {
    const std::lock_guard lock(mutex_);
    if (closed_ || cursor.history != history_ || cursor.reset_due || cursor.next != tail_) return false;
    arm(waiter);
    return true;
}

void Ring::disarm(Waiter &waiter) {
    const std::lock_guard lock(mutex_);
    unlink(waiter);
}

void Ring::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    wake_all();
}

void Ring::arm(Waiter &waiter) {
    if (waiter.armed_) return;
    waiter.armed_ = true;
    waiter.previous_ = nullptr;
    waiter.next_ = waiters_;
    if (waiters_ != nullptr) waiters_->previous_ = &waiter;
    waiters_ = &waiter;
}

void Ring::unlink(Waiter &waiter) {
    if (!waiter.armed_) return;
    waiter.armed_ = false;
    (waiter.previous_ != nullptr ? waiter.previous_->next_ : waiters_) = waiter.next_;
    if (waiter.next_ != nullptr) waiter.next_->previous_ = waiter.previous_;
}

void Ring::wake_all() {
    while (waiters_ != nullptr) {
        Waiter &waiter = *waiters_;
        unlink(waiter);
        waiter.wake();
    }
}

}  // namespace mempool
