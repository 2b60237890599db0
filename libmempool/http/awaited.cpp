// SPDX-License-Identifier: MIT
#include "http/awaited.hpp"

#include "http/session.hpp"

namespace mempool::http {
namespace {

constexpr std::size_t handed_out_at_once = 256;

}  // namespace

Awaited::Awaited(boost::asio::io_context &context, std::size_t capacity)
    : completions_(std::make_shared<Completions>(capacity)), told_(context, completions_->fd()) {
    settled_.reserve(handed_out_at_once);
    watch();
}

Awaited::~Awaited() {
    told_.release();
}

void Awaited::watch() {
    told_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code &error) {
        watching_ = false;
        if (error) return;
        watch();
        hand_out();
    });
    watching_ = true;
}

void Awaited::go_on() {
    if (!watching_) watch();
}

void Awaited::hand_out() {
    settled_.clear();
    completions_->next(settled_, handed_out_at_once, Instant::min());
    for (const Completion &each : settled_) {
        const auto waiting = sessions_.find(each.user_data);
        if (waiting == sessions_.end()) continue;
        const std::shared_ptr<Session> session = waiting->second.lock();
        sessions_.erase(waiting);
        if (session) session->on_outcome(each);
    }
}

void Awaited::wait_for(std::uint64_t ticket, const std::shared_ptr<Session> &session) {
    sessions_.emplace(ticket, session);
}

}  // namespace mempool::http
