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

Heard Receiver::next(Instant deadline) {
    EventPtr event;
    Ring::Read read = ring_.read_until(cursor_, {&event, 1}, deadline);
    return heard(std::move(read), std::move(event));
}

Heard Receiver::next(Waiter &waiter) {
    EventPtr event;
    Ring::Read read = ring_.read(cursor_, {&event, 1}, &waiter);
    return heard(std::move(read), std::move(event));
}

Heard Receiver::heard(Ring::Read read, EventPtr event) {
    const Offset at = cursor_.next - 1;
    if (bell_) quiet_bell();
    switch (read.outcome) {
        case Ring::Outcome::events:
            return {Heard::Kind::event, at, epoch_, std::move(event)};
        case Ring::Outcome::lagged:
            return {Heard::Kind::lagged, at, epoch_, nullptr, read.missed};
        case Ring::Outcome::reset:
            epoch_ = std::move(read.epoch);
            return {Heard::Kind::reset, at, epoch_};
        case Ring::Outcome::closed:
            return {Heard::Kind::closed, at, epoch_};
        case Ring::Outcome::empty:
            break;
    }
    return {Heard::Kind::timeout, at, epoch_};
}

}  // namespace mempool
