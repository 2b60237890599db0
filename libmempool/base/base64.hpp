// SPDX-License-Identifier: MIT
/// Base64 with padding (RFC 4648 4). Any thread. The code behind it is Boost.Beast's own, of its `detail` namespace (docs/decisions.md 9).
#pragma once

#include <string>
#include <string_view>

namespace mempool {

std::string base64(std::string_view bytes);

}  // namespace mempool
