// SPDX-License-Identifier: MIT
#include "channel/receiver.hpp"

#include <utility>

namespace mempool {

Receiver::~Receiver() {
    if (bell_) ring_.disarm(*bell_);
    ring_.unsubscribe();
}

int Receiver::fd() {
    if (!bell_) {
        bell_ = std::make_unique<Bell>();
        quiet_bell();
    }
    return bell_->fd.fd();
}

/// Readable where there is something to hear, else armed. Taking comes first: what is appended in between rings again.
void Receiver::quiet_bell() {
    bell_->fd.take();
    if (!ring_.arm_if_idle(cursor_, *bell_)) bell_->fd.ring();
}

void Receiver::look(Heard &heard, Instant deadline) {
    if (!look_ahead(heard)) fill(heard, ring_.read_until(cursor_, {&heard.event, 1}, deadline));
    if (bell_) quiet_bell();
}

void Receiver::look(Heard &heard, Waiter &waiter) {
    if (!look_ahead(heard)) fill(heard, ring_.read(cursor_, {&heard.event, 1}, &waiter));
    if (bell_) quiet_bell();
}

/// The usual way: there is an event, and nothing else comes first.
bool Receiver::look_ahead(Heard &heard) {
    if (ahead_next_ < ahead_end_ && !ring_.retains(cursor_))
        while (ahead_next_ < ahead_end_) ahead_[ahead_next_++].reset();
    if (ahead_next_ == ahead_end_) {
        ahead_next_ = 0;
        ahead_end_ = ring_.look_ahead(cursor_, ahead_, ahead_bytes_max);
        if (ahead_end_ == 0) return false;
    }
    give(heard);
    return true;
}

void Receiver::fill(Heard &heard, Ring::Read read) {
    switch (read.outcome) {
        case Ring::Outcome::events:
            heard.kind = Heard::Kind::event;
            break;
        case Ring::Outcome::lagged:
            heard.kind = Heard::Kind::lagged;
            heard.missed = read.missed;
            break;
        case Ring::Outcome::reset:
            heard.kind = Heard::Kind::reset;
            epoch_ = std::move(read.epoch);
            break;
        case Ring::Outcome::closed:
            heard.kind = Heard::Kind::closed;
            break;
        case Ring::Outcome::empty:
            heard.kind = Heard::Kind::timeout;
            break;
    }
    heard.offset = cursor_.next - 1;
    heard.epoch = epoch_.get();
}

}  // namespace mempool
