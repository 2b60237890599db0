// SPDX-License-Identifier: MIT
#include "channel/queue.hpp"

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

namespace mempool {

/// One who waits for room, on its own stack. All of it is under the queue's lock.
struct Queue::Waiting {
    std::span<std::string> data;
    std::size_t bytes;
    std::uint64_t &first;
    const Claim &claim;
    Push result = Push::timeout;  // until it was served or sent away
    bool no_memory = false;       // sent away: whoever made room for it had no memory
    std::condition_variable served = {};
    Waiting *previous = nullptr;
    Waiting *next = nullptr;
};

/// The lock, for all who may make news for the consumer: rings once it is given back, so that nobody is woken into it.
class Queue::Locked {
public:
    explicit Locked(Queue &queue) : queue_(queue), lock_(queue.mutex_) {}
    ~Locked() {
        const bool ring = std::exchange(queue_.ring_due_, false);
        lock_.unlock();
        if (ring) queue_.bell_.ring();
    }
    Locked(const Locked &) = delete;
    Locked &operator=(const Locked &) = delete;
    std::unique_lock<std::mutex> &lock() { return lock_; }

private:
    Queue &queue_;
    std::unique_lock<std::mutex> lock_;
};

Queue::Queue(std::size_t capacity, std::size_t bytes) : capacity_(capacity), bytes_max_(bytes) {
    assert(capacity > 0);
}

namespace {

void tell_room(const std::vector<std::weak_ptr<RoomListener>> &listeners) {
    for (const auto &listener : listeners)
        if (const auto here = listener.lock()) here->room();
}

std::size_t size_of(std::span<const std::string> data) {
    std::size_t bytes = 0;
    for (const std::string &each : data) bytes += each.size();
    return bytes;
}

}  // namespace

Queue::Push Queue::check(std::span<const std::string> data, std::size_t bytes) const {
    if (refuses()) return Push::closed;
    if (data.size() > capacity_ || bytes > bytes_max_) return Push::never_fits;
    if (waiting_.size() + data.size() > capacity_) return Push::full;
    if (bytes_ + bytes > bytes_max_) return Push::full_bytes;
    return Push::accepted;
}

void Queue::accept(std::span<std::string> data, std::size_t bytes, std::uint64_t &first, const Claim &claim) {
    if (waiting_.empty()) first_came_ = Clock::now();
    const std::size_t before = waiting_.size();
    try {
        // An empty place first: where there is no memory for it, nothing has been moved.
        for (std::size_t count = 0; count < data.size(); ++count) waiting_.push_back({last_id_ + 1 + count, {}, claim});
    } catch (...) {
        waiting_.resize(before);
        throw;
    }
    for (std::size_t count = 0; count < data.size(); ++count) waiting_[before + count].data.swap(data[count]);
    first = last_id_ + 1;
    last_id_ += data.size();
    bytes_ += bytes;
    assert(waiting_.size() <= capacity_);
    assert(bytes_ <= bytes_max_);
    if (wake_at_ != 0 && waiting_.size() >= wake_at_) {
        wake_at_ = 0;
        ring_due_ = true;
    }
}

Queue::Push Queue::push(std::span<std::string> data, std::uint64_t &first, const Claim &claim) {
    const std::size_t bytes = size_of(data);
    const Locked locked(*this);
    Push result = check(data, bytes);
    // Who came before and waits is served first.
    if (result == Push::accepted && line_first_ != nullptr) result = Push::full;
    if (result == Push::accepted) {
        accept(data, bytes, first, claim);
    } else if (result == Push::full || result == Push::full_bytes) {
        refused_ = true;
        ring_due_ = wake_at_ != 0;
    }
    return result;
}

Queue::Push Queue::push_until(std::span<std::string> data, std::uint64_t &first, Instant deadline, const Claim &claim) {
    std::vector<std::weak_ptr<RoomListener>> listeners;
    const Push result = wait_in_line(data, first, deadline, claim, listeners);
    tell_room(listeners);
    return result;
}

Queue::Push Queue::wait_in_line(std::span<std::string> data, std::uint64_t &first, Instant deadline, const Claim &claim,
                                std::vector<std::weak_ptr<RoomListener>> &listeners) {
    const std::size_t bytes = size_of(data);
    Locked locked(*this);
    const Push now = check(data, bytes);
    if (now == Push::closed || now == Push::never_fits) return now;
    if (now == Push::accepted && line_first_ == nullptr) {
        accept(data, bytes, first, claim);
        return now;
    }
    Waiting waiting{data, bytes, first, claim};
    waiting.previous = line_last_;
    (line_last_ != nullptr ? line_last_->next : line_first_) = &waiting;
    line_last_ = &waiting;
    refused_ = true;
    if (wake_at_ != 0) bell_.ring();  // now: we sleep with the lock given back, but not by ~Locked

    const auto served = [&] { return waiting.no_memory || waiting.result != Push::timeout; };
    if (deadline == never) {
        waiting.served.wait(locked.lock(), served);
    } else if (!waiting.served.wait_until(locked.lock(), deadline, served)) {
        leave_line(waiting);
        serve_line();  // it may have been the one that did not fit
        listeners = take_room_listeners();
    }
    if (waiting.no_memory) throw std::bad_alloc();
    return waiting.result;
}

void Queue::serve_line() {
    while (line_first_ != nullptr) {
        Waiting &waiting = *line_first_;
        Push result = check(waiting.data, waiting.bytes);
        if (result == Push::full || result == Push::full_bytes) {
            refused_ = true;
            return;
        }
        if (result == Push::accepted) {
            try {
                accept(waiting.data, waiting.bytes, waiting.first, waiting.claim);
            } catch (const std::bad_alloc &) {
                waiting.no_memory = true;  // an empty queue might see no other drain: it must not wait for one
                result = Push::timeout;
            }
        }
        leave_line(waiting);
        waiting.result = result;
        waiting.served.notify_one();
    }
}

void Queue::leave_line(Waiting &waiting) {
    (waiting.previous != nullptr ? waiting.previous->next : line_first_) = waiting.next;
    (waiting.next != nullptr ? waiting.next->previous : line_last_) = waiting.previous;
}

bool Queue::ready(std::size_t limit) const {
    return refuses() || refused_ || waiting_.size() >= std::min(limit, capacity_) || waiting_.front().id <= hurry_to_;
}

/// Sleeps without the lock until somebody rings, or the deadline; false where that passed.
bool Queue::sleep(std::unique_lock<std::mutex> &lock, std::size_t wake_at, Instant deadline) {
    wake_at_ = wake_at;
    lock.unlock();
    const bool rung = bell_.wait_until(deadline);
    lock.lock();
    return rung;
}

void Queue::await_locked(std::unique_lock<std::mutex> &lock, std::size_t limit, milliseconds gather) {
    while (waiting_.empty() && !refuses()) sleep(lock, 1, never);
    if (gather.count() > 0 && !waiting_.empty()) {
        const Instant until = first_came_ + gather;
        while (!ready(limit) && Clock::now() < until && sleep(lock, std::min(limit, capacity_), until)) {
        }
    }
    wake_at_ = 0;
}

bool Queue::await(std::size_t limit, milliseconds gather) {
    std::unique_lock lock(mutex_);
    await_locked(lock, limit, gather);
    return !waiting_.empty();
}

std::size_t Queue::drain(std::vector<Transaction> &out, std::size_t limit, milliseconds gather) {
    if (limit == 0) return 0;
    std::unique_lock lock(mutex_);
    await_locked(lock, limit, gather);
    refused_ = false;
    closed_ = refuses();
    std::size_t count = std::min(limit, waiting_.size());
    try {
        out.reserve(out.size() + count);
    } catch (const std::bad_alloc &) {
        count = std::min(count, out.capacity() - out.size());
        if (count == 0 && !waiting_.empty()) throw;  // nothing was taken
    }
    for (std::size_t taken = 0; taken < count; ++taken) {
        bytes_ -= waiting_.front().data.size();
        out.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
    }
    serve_line();
    const auto listeners = take_room_listeners();
    lock.unlock();
    tell_room(listeners);
    return count;
}

bool Queue::has_room() const {
    return refuses() || (line_first_ == nullptr && waiting_.size() < capacity_ && bytes_ < bytes_max_);
}

std::vector<std::weak_ptr<RoomListener>> Queue::take_room_listeners() {
    if (!has_room()) return {};
    return std::exchange(room_listeners_, {});
}

void Queue::when_room(const std::shared_ptr<RoomListener> &listener) {
    {
        const std::lock_guard lock(mutex_);
        if (!has_room()) {
            // By the owner: locked, a listener could end here, under our lock.
            std::erase_if(room_listeners_, [&](const std::weak_ptr<RoomListener> &each) {
                return each.expired() || (!each.owner_before(listener) && !listener.owner_before(each));
            });
            room_listeners_.push_back(listener);
            return;
        }
    }
    listener->room();
}

std::uint64_t Queue::hurry() {
    const Locked locked(*this);
    hurry_to_ = last_id_;
    ring_due_ = wake_at_ != 0;
    return last_id_;
}

void Queue::close() {
    std::vector<std::weak_ptr<RoomListener>> listeners;
    {
        const Locked locked(*this);
        closed_ = true;
        serve_line();
        ring_due_ = true;
        listeners = take_room_listeners();
    }
    tell_room(listeners);
}

void Queue::request_close() noexcept {
    close_requested_.store(true, std::memory_order_release);
    bell_.ring();
}

bool Queue::takes_more() const {
    const std::lock_guard lock(mutex_);
    return has_room();
}

std::size_t Queue::length() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
}

std::size_t Queue::bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
}

std::uint64_t Queue::last_id() const {
    const std::lock_guard lock(mutex_);
    return last_id_;
}

}  // namespace mempool
