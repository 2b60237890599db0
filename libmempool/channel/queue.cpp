// SPDX-License-Identifier: MIT
#include "channel/queue.hpp"

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

namespace mempool {

namespace {

constexpr std::size_t spares_at_rest = 4;  // pages

/// How many empty pages are kept while there is work: what a full queue of small transactions needs, 40 bytes for each.
std::size_t spares_max(std::size_t capacity) {
    return spares_at_rest + capacity * 40 / sizeof(Page);
}

void tell_room(const std::vector<std::weak_ptr<RoomListener>> &listeners) {
    for (const auto &listener : listeners)
        if (const auto here = listener.lock()) here->room();
}

template <class Bytes>
std::size_t size_of(std::span<Bytes> data) {
    std::size_t bytes = 0;
    for (const auto &each : data) bytes += each.size();
    return bytes;
}

}  // namespace

/// One who waits for room, on its own stack. All of it is under the queue's lock, until it has left the line; then it is its owner's,
/// who looks at it once the bell was rung.
struct Queue::Waiting {
    std::span<std::string> data;
    std::size_t bytes;
    std::uint64_t &first;
    const Claim &claim;
    Push result = Push::timeout;  // until it was served or sent away
    bool no_memory = false;       // sent away: whoever made room for it had no memory
    bool in_line = true;
    Bell served = {};
    Waiting *previous = nullptr;
    Waiting *next = nullptr;  // in line; once served, among those who are to be told
};

/// The lock, for all who may make news for the consumer or for those in line: rings once it is given back, so that nobody is woken
/// into it.
class Queue::Locked {
public:
    explicit Locked(Queue &queue) : queue_(queue) { queue.mutex_.lock(); }
    ~Locked() {
        if (held_) give_back();
    }
    Locked(const Locked &) = delete;
    Locked &operator=(const Locked &) = delete;
    void give_back() {
        held_ = false;
        const bool ring = std::exchange(queue_.ring_due_, false);
        queue_.mutex_.unlock();
        if (ring) queue_.bell_.ring();
        tell(served);
    }

    Waiting *served = nullptr;

private:
    static void tell(Waiting *waiting) {
        while (waiting != nullptr) {
            Waiting *next = waiting->next;  // once rung it may be gone
            waiting->served.ring();
            waiting = next;
        }
    }

    Queue &queue_;
    bool held_ = true;
};

Queue::Queue(std::size_t capacity, std::size_t bytes) : capacity_(capacity), bytes_max_(bytes) {
    assert(capacity > 0);
}

Queue::~Queue() {
    let_go();
    taken_.append(std::move(written_));
    std::size_t from = read_to_.at;
    for (Page *page = taken_.first(); page != nullptr; page = page->next, from = 0) end_records(*page, from);
}

Queue::Push Queue::check(std::size_t count, std::size_t bytes) const {
    if (refuses()) return Push::closed;
    if (count > capacity_ || bytes > bytes_max_) return Push::never_fits;
    if (length_ + count > capacity_) return Push::full;
    if (bytes_ + bytes > bytes_max_) return Push::full_bytes;
    return Push::accepted;
}

/// Pages for all of it, before any of it is moved: where there is no memory for them, nothing has changed.
template <class Bytes>
void Queue::make_pages(std::span<Bytes> data, bool claimed) {
    std::size_t room = written_.empty() ? 0 : Page::bytes - written_.last()->used;
    std::size_t pages = 0;
    for (const auto &each : data) {
        const std::size_t record = record_bytes(each.size(), claimed);
        if (record > room) {
            ++pages;
            room = Page::bytes;
        }
        room -= record;
    }
    for (; spares_ < pages; ++spares_) spare_.append(new Page);
}

Page &Queue::page_for(std::size_t record) noexcept {
    if (written_.empty() || Page::bytes - written_.last()->used < record) {
        written_.append(spare_.take_first());
        --spares_;
    }
    return *written_.last();
}

template <class Bytes>
void Queue::accept(std::span<Bytes> data, std::size_t bytes, std::uint64_t &first, const Claim &claim) {
    const bool claimed = claim.completions != nullptr;
    make_pages(data, claimed);
    if (length_ == 0 && gathers_) first_came_ = Clock::now();
    for (auto &each : data) write_record(page_for(record_bytes(each.size(), claimed)), each, claim);
    first = last_id_ + 1;
    last_id_ += data.size();
    length_ += data.size();
    bytes_ += bytes;
    assert(length_ <= capacity_);
    assert(bytes_ <= bytes_max_);
    if (wake_at_ != 0 && length_ >= wake_at_) {
        wake_at_ = 0;
        ring_due_ = true;
    }
}

template <class Bytes>
Queue::Push Queue::push_all(std::span<Bytes> data, std::uint64_t &first, const Claim &claim) {
    const std::size_t bytes = size_of(data);
    const Locked locked(*this);
    Push result = check(data.size(), bytes);
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

Queue::Push Queue::push(std::span<std::string> data, std::uint64_t &first, const Claim &claim) {
    return push_all(data, first, claim);
}

Queue::Push Queue::push(std::span<const std::string_view> data, std::uint64_t &first, const Claim &claim) {
    return push_all(data, first, claim);
}

Queue::Push Queue::push(std::string_view data, std::uint64_t &id, const Claim &claim) {
    if (data.size() <= copied_max_bytes) return push_all(std::span<const std::string_view>(&data, 1), id, claim);
    std::string copy(data);
    return push_all(std::span(&copy, 1), id, claim);
}

Queue::Push Queue::push_until(std::span<std::string> data, std::uint64_t &first, Instant deadline, const Claim &claim) {
    RoomListeners listeners;
    const Push result = wait_in_line(data, first, deadline, claim, listeners);
    tell_room(listeners);
    return result;
}

Queue::Push Queue::wait_in_line(std::span<std::string> data, std::uint64_t &first, Instant deadline, const Claim &claim,
                                RoomListeners &listeners) {
    const std::size_t bytes = size_of(data);
    Waiting waiting{data, bytes, first, claim};
    {
        const Locked locked(*this);
        const Push now = check(data.size(), bytes);
        if (now == Push::closed || now == Push::never_fits) return now;
        if (now == Push::accepted && line_first_ == nullptr) {
            accept(data, bytes, first, claim);
            return now;
        }
        waiting.previous = line_last_;
        (line_last_ != nullptr ? line_last_->next : line_first_) = &waiting;
        line_last_ = &waiting;
        refused_ = true;
        ring_due_ = wake_at_ != 0;
    }
    if (!waiting.served.wait_until(deadline)) {
        Locked locked(*this);
        if (waiting.in_line) {
            leave_line(waiting);
            serve_line(locked.served);  // it may have been the one that did not fit
            listeners = take_room_listeners();
            return Push::timeout;
        }
        locked.give_back();
        waiting.served.wait();  // it was served, and is told in a moment
    }
    if (waiting.no_memory) throw std::bad_alloc();
    return waiting.result;
}

void Queue::serve_line(Waiting *&served) {
    while (line_first_ != nullptr) {
        Waiting &waiting = *line_first_;
        Push result = check(waiting.data.size(), waiting.bytes);
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
        waiting.next = served;
        served = &waiting;
    }
}

void Queue::leave_line(Waiting &waiting) {
    (waiting.previous != nullptr ? waiting.previous->next : line_first_) = waiting.next;
    (waiting.next != nullptr ? waiting.next->previous : line_last_) = waiting.previous;
    waiting.in_line = false;
}

bool Queue::ready(std::size_t limit) const {
    return refuses() || refused_ || length_ >= std::min(limit, capacity_) || last_id_ - length_ < hurry_to_;
}

/// Sleeps without the lock until somebody rings, or the deadline; false where that passed.
bool Queue::sleep(Lock &lock, std::size_t wake_at, Instant deadline) {
    wake_at_ = wake_at;
    Chain gone;
    if (length_ == 0)
        for (; spares_ > spares_at_rest; --spares_) gone.append(spare_.take_first());
    lock.unlock();
    gone.append(std::move(returned_));
    returns_ = 0;
    Chain().swap(gone);
    const bool rung = bell_.wait_until(deadline);
    lock.lock();
    return rung;
}

void Queue::await_locked(Lock &lock, std::size_t limit, milliseconds gather) {
    gathers_ = gather.count() > 0;
    for (; returns_ > 0 && spares_ < spares_max(capacity_); --returns_, ++spares_)
        spare_.append(returned_.take_first());
    while (length_ == 0 && !refuses()) sleep(lock, 1, never);
    if (gathers_ && length_ > 0) {
        const Instant until = first_came_ + gather;
        while (!ready(limit) && Clock::now() < until && sleep(lock, std::min(limit, capacity_), until)) {
        }
    }
    wake_at_ = 0;
}

bool Queue::await(std::size_t limit, milliseconds gather) {
    let_go();
    Lock lock(mutex_);
    await_locked(lock, limit, gather);
    return length_ > 0;
}

/// What the last drain gave out is no longer looked at.
void Queue::let_go() noexcept {
    for (; returns_ > 0; --returns_) delete returned_.take_first();  // more than are kept
    for (Page *page = given_from_.page; page != nullptr; page = page->next) {
        end_strings(*page, page == given_from_.page ? given_from_.at : 0,
                    page == read_to_.page ? read_to_.at : page->used);
        if (page == read_to_.page) break;
    }
    const auto is_read = [&](const Page *page) { return page != read_to_.page || read_to_.at == page->used; };
    while (!taken_.empty() && is_read(taken_.first())) {
        Page *page = taken_.take_first();
        if (page == read_to_.page) read_to_ = {taken_.first(), 0};
        page->clear();
        returned_.append(page);
        ++returns_;
    }
    given_from_ = read_to_;
}

/// Gives out the next `count`, which there are; their bytes.
std::size_t Queue::read(std::vector<Transaction> &out, std::size_t count) {
    std::size_t bytes = 0;
    for (std::size_t done = 0; done < count; ++done) {
        if (read_to_.at == read_to_.page->used) read_to_ = {read_to_.page->next, 0};
        out.push_back(read_record(*read_to_.page, read_to_.at, next_id_++));
        bytes += out.back().data.size();
    }
    unread_ -= count;
    return bytes;
}

std::size_t Queue::drain(std::vector<Transaction> &out, std::size_t limit, milliseconds gather) {
    let_go();
    if (limit == 0) return 0;
    std::size_t count = 0;
    {
        Lock lock(mutex_);
        await_locked(lock, limit, gather);
        closed_ = refuses();
        count = std::min(limit, length_);
        if (unread_ < count) {
            taken_.append(std::move(written_));
            unread_ = length_;
        }
    }
    if (read_to_.page == nullptr) given_from_ = read_to_ = {taken_.first(), 0};
    try {
        out.reserve(out.size() + count);
    } catch (const std::bad_alloc &) {
        const std::size_t wanted = count;
        count = std::min(count, out.capacity() - out.size());
        if (count == 0 && wanted > 0) throw;  // nothing was taken
    }
    const std::size_t bytes = read(out, count);
    RoomListeners listeners;
    {
        Locked locked(*this);
        refused_ = false;
        length_ -= count;
        bytes_ -= bytes;
        serve_line(locked.served);
        listeners = take_room_listeners();
    }
    tell_room(listeners);
    return count;
}

bool Queue::has_room() const {
    return refuses() || (line_first_ == nullptr && length_ < capacity_ && bytes_ < bytes_max_);
}

Queue::RoomListeners Queue::take_room_listeners() {
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
    RoomListeners listeners;
    {
        Locked locked(*this);
        closed_ = true;
        serve_line(locked.served);
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
    return length_;
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
