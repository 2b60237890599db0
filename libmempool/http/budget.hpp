// SPDX-License-Identifier: MIT
/// How many bytes the requests that submit many transactions may hold at once, all connections together: each alone may be
/// large, and a hundred thousand of them must not be. Shared by the network threads and whoever holds a share; a share is its thread's own.
///
/// Invariant: what is held is the sum of the shares. It passes the budget only by answers, which can't be refused any more.
#pragma once

#include <atomic>
#include <cassert>
#include <cstddef>
#include <memory>
#include <utility>

namespace mempool::http {

class Budget : public std::enable_shared_from_this<Budget> {
public:
    /// Gives its bytes back at its end. An empty one holds none.
    class Share {
    public:
        Share() = default;
        ~Share() { resize(0); }
        Share(Share &&other) noexcept
            : budget_(std::move(other.budget_)), bytes_(std::exchange(other.bytes_, std::size_t{0})) {}
        Share &operator=(Share &&other) noexcept {
            std::swap(budget_, other.budget_);
            std::swap(bytes_, other.bytes_);
            return *this;
        }

        explicit operator bool() const { return budget_ != nullptr; }
        /// To so many bytes, at least as many as it has; false, and it stays as it is, where that would pass the budget.
        bool grow(std::size_t bytes) noexcept {
            if (!budget_ || bytes <= bytes_) return true;
            if (!budget_->hold(bytes - bytes_)) return false;
            bytes_ = bytes;
            return true;
        }
        /// Whether or not it passes the budget. Nothing for an empty share.
        void resize(std::size_t bytes) noexcept {
            if (!budget_) return;
            [[maybe_unused]] const std::size_t before =
                budget_->held_.fetch_add(bytes - bytes_, std::memory_order_relaxed);  // modulo: it may be fewer
            assert(before >= bytes_);
            bytes_ = bytes;
        }

    private:
        friend class Budget;
        Share(std::shared_ptr<Budget> budget, std::size_t bytes) : budget_(std::move(budget)), bytes_(bytes) {}

        std::shared_ptr<Budget> budget_;
        std::size_t bytes_ = 0;
    };

    explicit Budget(std::size_t bytes) : bytes_(bytes) {}

    /// Empty where so many would pass the budget.
    Share take(std::size_t bytes) {
        std::shared_ptr<Budget> self = shared_from_this();
        if (!hold(bytes)) return {};
        return {std::move(self), bytes};
    }
    std::size_t held() const { return held_.load(std::memory_order_relaxed); }

private:
    bool hold(std::size_t more) noexcept {
        std::size_t held = held_.load(std::memory_order_relaxed);
        do {
            if (held > bytes_ || more > bytes_ - held) return false;
        } while (!held_.compare_exchange_weak(held, held + more, std::memory_order_relaxed));
        return true;
    }

    const std::size_t bytes_;
    std::atomic<std::size_t> held_{0};  // relaxed: a sum, which publishes nothing
};

}  // namespace mempool::http
