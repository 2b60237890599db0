// SPDX-License-Identifier: MIT
/// The door of the queue, the same for every producer: what may come in, and why something may not. Any thread. Owned by the pool.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/status.hpp"
#include "channel/queue.hpp"

namespace mempool {

/// A deadline that is always over: does not wait, and does not stand in line either.
inline constexpr Instant at_once = Instant::min();

class Intake {
public:
    Intake(Queue &queue, std::size_t tx_max_bytes, std::size_t queue_capacity, std::size_t queue_bytes)
        : queue_(queue), tx_max_bytes_(tx_max_bytes), queue_capacity_(queue_capacity), queue_bytes_(queue_bytes) {}
    Intake(const Intake &) = delete;
    Intake &operator=(const Intake &) = delete;

    /// Queues one transaction, copied. Waits in line for room until the deadline (`at_once`: not at all). Not ok: nothing was queued,
    /// and the detail says what to do.
    /// claim: whom the outcome is for; FULL too where its queue has no place for it.
    Status submit(std::string_view data, std::uint64_t &id, Instant deadline = at_once, const Claim &claim = {});
    /// The same, all of them or none: their ids are first, first + 1 ... Long ones are moved from, not copied.
    Status submit_many(std::span<std::string> data, std::uint64_t &first, Instant deadline, const Claim &claim = {});
    /// The same for borrowed bytes, at once; each of at most copied_max_bytes.
    Status submit_many(std::span<const std::string_view> data, std::uint64_t &first, const Claim &claim = {});
    /// Whether `size` bytes would be taken: INVALID for none, TOO_LARGE. So that nobody copies or reads what is refused anyway.
    Status check_size(std::size_t size) const {
        return size - 1 < tx_max_bytes_ ? Status() : bad_size(size);  // 0 - 1 is more than any limit
    }

    std::size_t tx_max_bytes() const { return tx_max_bytes_; }
    /// More at once than this never fit.
    std::size_t queue_capacity() const { return queue_capacity_; }

    void open() { open_.store(true, std::memory_order_release); }
    /// Submissions answer CLOSED from now on.
    void close() { queue_.close(); }

    /// Submissions that found no room, waiting ones that gave up included; a batch of many is one.
    std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
    std::uint64_t last_id() const { return queue_.last_id(); }
    /// Whether the queue would take one more, of now.
    bool has_room() const { return queue_.takes_more(); }

private:
    /// queue_bytes counts what they are, so what they lie in must not be much more.
    static void fit(std::span<std::string> data);
    template <class Push>
    Status claimed(std::size_t count, const Claim &claim, Push push);
    // What went wrong, out of the way of what did not.
    Status bad_size(std::size_t size) const;
    Status not_open() const;
    Status no_places(std::size_t count, const Completions &completions);
    Status refusal(Queue::Push result, std::size_t count);

    Queue &queue_;
    const std::size_t tx_max_bytes_;
    const std::size_t queue_capacity_;
    const std::size_t queue_bytes_;
    std::atomic<std::uint64_t> refused_{0};  // relaxed: a sum that nothing hangs on
    std::atomic<bool> open_{
        false};  // release in open(), acquire in submit(): the pool's threads stand before the first transaction
};

}  // namespace mempool
