// SPDX-License-Identifier: MIT
/// A count that one thread changes and any thread may read: a plain load and store for its owner, no contention for anybody.
#pragma once

#include <atomic>
#include <cstdint>

namespace mempool {

class Count {
public:
    void add(std::uint64_t more) noexcept {
        count_.store(count_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
    }
    /// For what goes down too.
    void subtract(std::uint64_t fewer) noexcept { add(0 - fewer); }
    std::uint64_t get() const noexcept { return count_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> count_{0};  // relaxed: a number that nothing hangs on
};

}  // namespace mempool
