// SPDX-License-Identifier: MIT
#include "channel/source.hpp"

#include <utility>

namespace mempool {

std::optional<std::size_t> LocalSource::publish(EventPtr event, std::function<void()> settled) {
    const auto appended = ring_.append(std::move(event));
    if (settled) settled();
    if (!appended) return std::nullopt;
    return appended->listeners;
}

}  // namespace mempool
