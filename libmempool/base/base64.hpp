// SPDX-License-Identifier: MIT
/// Base64 with padding (RFC 4648 4). Any thread. The code behind it is Boost.Beast's own, of its `detail` namespace (docs/decisions.md 9).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mempool {

std::string base64(std::string_view bytes);

/// Nothing where `text` is not what base64() gives for some bytes: with padding, no other character, no bit left over.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace mempool
