// SPDX-License-Identifier: MIT
/// The option route_prefix: every route lies below it. Pure; any thread.
#pragma once

#include <optional>
#include <string_view>

namespace mempool::http {

/// The route that a path names: what is behind the prefix, which begins with a slash; empty where the path is the prefix itself, none
/// where it lies elsewhere. prefix: empty, or as Options keeps it, without a slash at its end.
inline std::optional<std::string_view> below(std::string_view prefix, std::string_view path) {
    if (!path.starts_with(prefix)) return std::nullopt;
    path.remove_prefix(prefix.size());
    if (!path.empty() && path.front() != '/') return std::nullopt;
    return path;
}

}  // namespace mempool::http
