// SPDX-License-Identifier: MIT
/// The counters as text for others: JSON, and what Prometheus reads. Pure; any thread. Throws std::bad_alloc.
#pragma once

#include <string>
#include <string_view>

#include "base/counters.hpp"

namespace mempool {

/// One object; the counters by their names in mempool.h, the answers by route and class of status.
std::string json_of(const Observation &now, std::string_view topic);

enum class Exposition {
    prometheus,   // text format 0.0.4
    openmetrics,  // 1.0.0
};
/// Static text.
std::string_view content_type_of(Exposition exposition);
std::string exposition_of(const Observation &now, Exposition exposition);

}  // namespace mempool
