// SPDX-License-Identifier: MIT
#include "channel/receiver.hpp"

#include <utility>

namespace mempool {

Heard Receiver::next(Instant deadline) {
    EventPtr event;
    const Ring::Read read = ring_.read_until(cursor_, {&event, 1}, deadline);
    return heard(read, std::move(event));
}

Heard Receiver::next(Waiter &waiter) {
    EventPtr event;
    const Ring::Read read = ring_.read(cursor_, {&event, 1}, &waiter);
    return heard(read, std::move(event));
}

Heard Receiver::heard(const Ring::Read &read, EventPtr event) const {
    switch (read.outcome) {
        case Ring::Outcome::events:
            return {Heard::Kind::event, cursor_ - 1, std::move(event)};
        case Ring::Outcome::lagged:
            return {Heard::Kind::lagged, cursor_ - 1, nullptr, read.missed};
        case Ring::Outcome::closed:
            return {Heard::Kind::closed, cursor_ - 1};
        case Ring::Outcome::empty:
            break;
    }
    return {Heard::Kind::timeout, cursor_ - 1};
}

}  // namespace mempool
