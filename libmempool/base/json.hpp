// SPDX-License-Identifier: MIT
/// JSON text for what we write. Any thread. The library behind it is Boost.JSON; this room is the only one that compiles it.
#pragma once

#include <string>
#include <string_view>

namespace mempool {

/// `text` as a JSON string, quotes included (RFC 8259 7). `text` must be UTF-8.
std::string json_string(std::string_view text);

}  // namespace mempool
