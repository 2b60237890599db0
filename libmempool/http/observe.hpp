// SPDX-License-Identifier: MIT
/// The routes by which others watch the pool: /stats, /metrics, /healthz, /readyz (docs/spec/wire.md). Network thread.
#pragma once

#include <optional>
#include <string_view>

#include "http/reply.hpp"
#include "http/request.hpp"
#include "http/routes.hpp"

namespace mempool::http {

/// Nothing where the path is none of them. The counters do not count the request that asks for them: it is not answered yet.
std::optional<Reply> answer_observer(const Request &request, std::string_view path, const Services &services);

}  // namespace mempool::http
