// SPDX-License-Identifier: MIT
/// From where a listening place can be reached; it decides what a Host and an Origin have to say there (who_may_ask).
#pragma once

#include <cstdint>

namespace mempool::http {

enum class Reach : std::uint8_t {
    loopback,     // this machine, browsers included
    unix_socket,  // who may open the file; no browser, but a proxy with browsers behind it
    network,      // other machines too
};

}  // namespace mempool::http
