// SPDX-License-Identifier: MIT
/// Outcomes on their way to one reader of the host's, so that nobody has to wait for each. A submission that names a completion queue
/// reserves a place in it, or is refused: so what is settled always finds room, and nothing settles into the void.
///
/// Any thread reserves; whoever settles delivers, one list a tick; one thread at a time reads. One short leaf lock. Shared by the
/// reader and by every transaction under way, so that it lives until the last of them is settled.
///
/// Invariants: entries ready + places reserved <= capacity; deliver() never allocates.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/wake_fd.hpp"

namespace mempool {

struct Completion {
    enum class Kind { applied, rejected, room };
    Kind kind;
    std::uint64_t id = 0;
    std::uint64_t batch = 0;
    std::uint64_t user_data = 0;
    std::string reason = {};
};

/// Somebody who wants to know when a full queue has room.
class RoomListener {
public:
    /// The queue has room, or was closed. Any thread, no lock held.
    virtual void room() noexcept = 0;

protected:
    ~RoomListener() = default;
};

class Completions final : public RoomListener {
public:
    /// capacity: entries; at least 1.
    explicit Completions(std::size_t capacity) : capacity_(capacity) {}
    Completions(const Completions &) = delete;
    Completions &operator=(const Completions &) = delete;

    std::size_t capacity() const { return capacity_; }

    /// Places for `count` outcomes; false: there is no room, nothing was reserved.
    bool reserve(std::size_t count);
    /// They will not be needed: the submission failed.
    void give_back(std::size_t count);
    /// Each takes a place that was reserved.
    void deliver(std::span<Completion> settled) noexcept;
    /// A place beside the others: at most one `room` is ready at a time.
    void room() noexcept override;
    /// Nothing will be submitted any more: who reads hears the rest, then the end.
    void finish() noexcept;

    /// Appends up to `most` entries to `out`; waits for the first until the deadline. 0: the time was up, or ended().
    std::size_t next(std::vector<Completion> &out, std::size_t most, Instant deadline);
    /// Nothing is ready, and nothing can come any more.
    bool ended() const;
    /// Readable exactly while next() would not time out at once; made by the first call. Throws std::system_error.
    int fd();

private:
    std::size_t ready() const { return entries_.size() - taken_ + (room_ ? 1 : 0); }
    bool news() const { return ready() > 0 || (finished_ && reserved_ == 0); }
    void tell() noexcept;
    void rest() noexcept;

    const std::size_t capacity_;

    mutable std::mutex mutex_;  // leaf; guards all below
    std::condition_variable told_;
    std::vector<Completion> entries_;  // [taken_, size) are ready; its capacity covers the reserved too
    std::size_t taken_ = 0;
    std::size_t reserved_ = 0;
    bool room_ = false;
    bool finished_ = false;
    std::unique_ptr<WakeFd> bell_;
};

/// Whom to tell what became of a transaction. Empty: nobody.
struct Claim {
    std::shared_ptr<Completions> completions = nullptr;
    std::uint64_t user_data = 0;
};

}  // namespace mempool
