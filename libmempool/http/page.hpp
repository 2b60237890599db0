// SPDX-License-Identifier: MIT
/// The page at /: self-contained HTML, made from page.html at build time.
#pragma once

#include <string_view>

namespace mempool::http {

/// The whole page, UTF-8. Static.
std::string_view page();

}  // namespace mempool::http
