// SPDX-License-Identifier: MIT
/// Where a pool listens, from its options: listen_host and listen_port, listen_unix, listen_fd; each adds a place. Any thread.
#pragma once

#include <vector>

#include "base/options.hpp"
#include "base/status.hpp"
#include "http/listen_socket.hpp"

namespace mempool::http {

/// All of them, or none and why. No place at all: a pool without a network.
Status listen_everywhere(const Options &options, std::vector<ListenSocket> &places);

/// The first one's that has one, else 0.
std::uint16_t port_of(const std::vector<ListenSocket> &places);

}  // namespace mempool::http
