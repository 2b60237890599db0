// SPDX-License-Identifier: MIT
#include "channel/ring.hpp"

#include <array>
#include <cassert>
#include <utility>

namespace mempool {

/// A thread that waits in read_until: it sleeps on the ring's own lock, so that ringing takes no other.
struct Ring::Doorbell final : Waiter {
    std::condition_variable rung;
    void wake() noexcept override { rung.notify_one(); }
};

Ring::Ring(std::size_t capacity, std::size_t bytes, std::string epoch)
    : bytes_max_(bytes), epoch_(std::move(epoch)), slots_(capacity) {
    assert(capacity > 0);
}

Ring::~Ring() {
    assert(waiters_ == nullptr);
}

std::optional<Ring::Appended> Ring::append(EventPtr event) {
    const std::size_t bytes = payload_bytes(*event);
    Appended appended{};
    for (bool appending = true, over = true; over;) {
        // What is overwritten is moved here and destroyed without the lock (A23), a few at a time, so that the lock stays short.
        std::array<EventPtr, 16> overwritten;
        std::size_t evicted = 0;
        const std::lock_guard lock(mutex_);
        const auto evict_oldest = [&] {
            bytes_ -= payload_bytes(*slot(head_));
            overwritten[evicted++] = std::move(slot(head_));
            ++head_;
        };
        if (appending) {
            if (closed_) return std::nullopt;
            if (tail_ - head_ == slots_.size()) evict_oldest();
            appended = {tail_, listeners_};
            slot(tail_) = std::move(event);
            ++tail_;
            bytes_ += bytes;
            appending = false;
        }
        while (over_bytes() && evicted < overwritten.size()) evict_oldest();
        over = over_bytes();
        if (!over) wake_all();
    }
    return appended;
}

Offset Ring::subscribe() {
    const std::lock_guard lock(mutex_);
    ++listeners_;
    return tail_;
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

Ring::Read Ring::read(Offset &cursor, std::span<EventPtr> out, Waiter *waiter) {
    const std::lock_guard lock(mutex_);
    const Read read = read_locked(cursor, out);
    if (read.outcome == Outcome::empty && waiter != nullptr) arm(*waiter);
    return read;
}

Ring::Read Ring::read_until(Offset &cursor, std::span<EventPtr> out, Instant deadline) {
    Doorbell doorbell;
    std::unique_lock lock(mutex_);
    for (;;) {
        const Read read = read_locked(cursor, out);
        if (read.outcome != Outcome::empty) return read;
        arm(doorbell);
        bool in_time = true;
        if (deadline == never)
            doorbell.rung.wait(lock, [&] { return !doorbell.armed_; });
        else
            in_time = doorbell.rung.wait_until(lock, deadline, [&] { return !doorbell.armed_; });
        if (!in_time) {
            unlink(doorbell);
            return read_locked(cursor, out);
        }
    }
}

Ring::Read Ring::read_locked(Offset &cursor, std::span<EventPtr> out) {
    assert(cursor <= tail_);
    if (cursor < head_) {
        const std::uint64_t missed = head_ - cursor;
        cursor = head_;
        return {Outcome::lagged, 0, missed, head_};
    }
    std::size_t count = 0;
    for (; cursor < tail_ && count < out.size(); ++cursor) out[count++] = slot(cursor);
    if (count > 0) return {Outcome::events, count, 0, head_};
    return {closed_ ? Outcome::closed : Outcome::empty, 0, 0, head_};
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
