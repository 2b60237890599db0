// SPDX-License-Identifier: MIT
/// What became of each transaction: the last `capacity` outcomes, kept by range, since a batch is one range of ids. Any thread: one
/// leaf lock. The batcher settles; everybody may look or wait.
///
/// Invariants: batches are settled in id order without holes; an outcome never changes.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/clock.hpp"
#include "channel/completions.hpp"
#include "channel/event.hpp"

namespace mempool {

struct Outcome {
    enum class Kind { pending, applied, rejected, gone, unknown };
    Kind kind;
    std::uint64_t batch = 0;
    std::string reason;
};

class Outcomes {
public:
    /// capacity: outcomes kept, exactly; memory as used.
    explicit Outcomes(std::size_t capacity) : capacity_(capacity) {}
    Outcomes(const Outcomes &) = delete;
    Outcomes &operator=(const Outcomes &) = delete;

    /// Settles ids first..last, the range after the one before. rejected: in id order. Wakes who waits for one of them, and tells who
    /// watches one, each in one list.
    /// Without memory it throws, and has neither changed anything nor taken `rejected`.
    void settle(std::uint64_t first, std::uint64_t last, std::uint64_t batch, std::vector<Rejection> &&rejected);

    /// given: the id given last, so that `pending` and `unknown` can be told apart.
    Outcome look(std::uint64_t id, std::uint64_t given) const;
    /// Waits while it is pending: until the deadline passes, or nothing will be settled any more.
    Outcome wait(std::uint64_t id, std::uint64_t given, Instant deadline) const;

    struct Watched {
        Outcome now;
        bool will_be_told =
            false;  // only where it is pending, somebody will settle it, and the claim's queue has a place
    };
    /// What is known of it now; where it is pending, the claim is told once it is settled. Without waiting.
    Watched watch(std::uint64_t id, std::uint64_t given, const Claim &claim);
    /// Who watched needs to know no longer: gives the place back, unless it is being told.
    void unwatch(std::uint64_t id, const Claim &claim) noexcept;

    /// How many watch.
    std::size_t watched() const;

    /// Waits until all ids up to `id` are settled; false where the deadline passed, or they never will be.
    bool wait_all(std::uint64_t id, Instant deadline) const;

    /// Sums over all that was ever settled, of one moment: applied + rejected is the last id settled.
    struct Totals {
        std::uint64_t applied = 0;
        std::uint64_t rejected = 0;
        std::uint64_t batches = 0;
    };
    Totals totals() const;

    /// Nothing will be settled any more: who waits is woken.
    void close();
    bool closed() const;

private:
    struct Range {
        std::uint64_t first;
        std::uint64_t last;
        std::uint64_t batch;
        std::vector<Rejection> rejected;
    };
    struct Watcher {
        std::uint64_t id;
        Claim claim;
        bool operator<(const Watcher &other) const {
            return std::tie(id, claim.user_data, claim.completions) <
                   std::tie(other.id, other.claim.user_data, other.claim.completions);
        }
    };
    /// What those who watch are to be told, and whom: whom[i] is told what[i].
    struct News {
        std::vector<std::shared_ptr<Completions>> whom;
        std::vector<Completion> what;
    };
    Outcome look_locked(std::uint64_t id, std::uint64_t given) const;
    News news_of(std::uint64_t last, std::uint64_t batch, const std::vector<Rejection> &rejected) const;
    static void tell(News &news) noexcept;

    const std::size_t capacity_;

    mutable std::mutex mutex_;  // leaf; guards all below
    mutable std::condition_variable settled_;
    std::deque<Range> ranges_;
    std::set<Watcher> watching_;  // each with a place reserved
    Totals totals_;
    std::uint64_t settled_to_ = 0;  // the last id settled
    bool closed_ = false;
};

}  // namespace mempool
