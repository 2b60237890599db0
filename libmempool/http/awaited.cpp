// SPDX-License-Identifier: MIT
#include "http/awaited.hpp"

#include <limits>

namespace mempool::http {
namespace {

constexpr std::size_t handed_out_at_once = 256;

}  // namespace

Awaited::Awaited(boost::asio::io_context &context, Outcomes &outcomes)
    : outcomes_(outcomes),
      completions_(std::make_shared<Completions>(std::numeric_limits<std::size_t>::max())),
      told_(context, completions_->fd()) {
    settled_.reserve(handed_out_at_once);
    watch();
}

void Awaited::watch() {
    told_.once([this] {
        watch();
        hand_out();
    });
}

void Awaited::wait_for(std::uint64_t ticket, Told told, std::uint64_t watched) {
    try {
        waiting_.emplace(ticket, Waiting{std::move(told), watched});
    } catch (...) {
        if (watched != 0) outcomes_.unwatch(watched, {completions_, ticket});
        throw;
    }
}

void Awaited::forget(std::uint64_t ticket) noexcept {
    const auto waiting = waiting_.find(ticket);
    if (waiting == waiting_.end()) return;
    if (const std::uint64_t id = waiting->second.watched; id != 0) outcomes_.unwatch(id, {completions_, ticket});
    waiting_.erase(waiting);
}

void Awaited::go_on() {
    watch();
    if (handed_out_ < settled_.size()) hand_out();
}

/// Gives the number of those that were settled.
std::size_t Awaited::hand_out() {
    if (handed_out_ == settled_.size()) {
        settled_.clear();
        handed_out_ = 0;
        completions_->next(settled_, handed_out_at_once, Instant::min());
    }
    while (handed_out_ < settled_.size()) {  // where one throws, the others are told by go_on()
        const Completion &each = settled_[handed_out_++];
        const auto waiting = waiting_.find(each.user_data);
        if (waiting == waiting_.end()) continue;
        const Told told = std::move(waiting->second.told);
        waiting_.erase(waiting);
        told(each);
    }
    return settled_.size();
}

void Awaited::tell_all() {
    while (hand_out() > 0) {
    }
}

}  // namespace mempool::http
