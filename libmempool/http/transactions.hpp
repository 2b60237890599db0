// SPDX-License-Identifier: MIT
/// What the paths of transactions answer: POST /tx, POST /txs, GET /tx/{id} (docs/spec/wire.md, Routes). Network thread only.
#pragma once

#include <string_view>
#include <variant>

#include "http/request.hpp"
#include "http/routes.hpp"

namespace mempool::http {

/// Its bodies may have request_max_bytes, all others tx_max_bytes.
inline constexpr std::string_view many_path = "/txs";

std::variant<Reply, Upgrade, Wait> post_tx(Request &request, const Services &services, Awaited &awaited);

Reply post_txs(Request &request, const Services &services);

/// id_text: what stands behind `/tx/`.
std::variant<Reply, Upgrade, Wait> get_tx(const Request &request, std::string_view id_text, const Services &services,
                                          Awaited &awaited);

/// 200, with what became of it.
Reply outcome_reply(const Completion &settled);

}  // namespace mempool::http
