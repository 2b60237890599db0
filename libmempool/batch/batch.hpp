// SPDX-License-Identifier: MIT
/// One batch while the host decides on it: its transactions in queue order and the verdicts so far. Lives on the batch thread, for
/// the time of one apply; nobody else touches it.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "channel/event.hpp"
#include "channel/queue.hpp"

namespace mempool {

/// Bytes of a rejection's reason; a longer one is cut at a UTF-8 boundary.
inline constexpr std::size_t reason_max_bytes = 256;

class Batch {
public:
    explicit Batch(std::span<const Transaction> transactions) : transactions_(transactions) {}

    std::span<const Transaction> transactions() const { return transactions_; }

    /// The last word on a transaction holds. index < transactions().size().
    void reject(std::size_t index, std::string_view reason);
    /// Rejects them all, whatever else was said; the first reason holds.
    void fail(std::string_view reason);
    bool failed() const { return failure_.has_value(); }

    /// A message that apply publishes waits here: it goes out before the batch's event, or not at all if the batch fails.
    void hold(EventPtr message) { held_.push_back(std::move(message)); }
    std::vector<EventPtr> take_held();

    /// Every rejection, in id order.
    std::vector<Rejection> rejections() const;

private:
    std::span<const Transaction> transactions_;
    std::vector<std::optional<std::string>> reasons_;  // as long as the transactions once one was rejected
    std::optional<std::string> failure_;
    std::vector<EventPtr> held_;
};

/// The host's decision. Runs on the batch thread only, never twice at once. What it throws fails the batch.
using Apply = std::function<void(Batch &)>;

}  // namespace mempool
