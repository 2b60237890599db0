// SPDX-License-Identifier: MIT
/// A message of permessage-deflate, without context takeover, made plain again (RFC 7692, 7.2.2). Empty where it can't be, or where
/// the load generator was built without zlib (then no client offers the extension).
#pragma once

#include <string>
#include <string_view>

namespace bench {

extern const bool can_inflate;

std::string inflated(std::string_view deflated);

}  // namespace bench
