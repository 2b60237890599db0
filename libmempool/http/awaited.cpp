// SPDX-License-Identifier: MIT
#include "http/awaited.hpp"

namespace mempool::http {
namespace {

constexpr std::size_t handed_out_at_once = 256;

}  // namespace

Awaited::Awaited(boost::asio::io_context &context, std::size_t capacity)
    : completions_(std::make_shared<Completions>(capacity)), told_(context, completions_->fd()) {
    settled_.reserve(handed_out_at_once);
    watch();
}

void Awaited::watch() {
    told_.once([this] {
        watch();
        hand_out();
    });
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
        const Told told = std::move(waiting->second);
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
