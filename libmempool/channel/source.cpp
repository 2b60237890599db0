// SPDX-License-Identifier: MIT
#include "channel/source.hpp"

#include <utility>

namespace mempool {

EventSource::Offer EventSource::offer(EventPtr event, std::size_t &listeners) {
    if (!has_room()) return Offer::full;
    const auto heard_by = publish(std::move(event), nullptr);
    if (!heard_by) return Offer::closed;
    listeners = *heard_by;
    return Offer::taken;
}

std::optional<std::size_t> LocalSource::publish(EventPtr event, std::function<void()> settled) {
    const auto appended = ring_.append(std::move(event));
    if (settled) settled();
    if (!appended) return std::nullopt;
    return appended->listeners;
}

}  // namespace mempool
