// SPDX-License-Identifier: MIT
/// Where something is on the network, as text: `host[:port]` (a Host header, RFC 3986 3.2) and `scheme://host[:port]` (an Origin header,
/// RFC 6454 6.2). Pure: text in, views of that text out. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mempool {

struct Authority {
    std::string_view host;  // as it was written, an IPv6 address in its brackets; never empty
    std::optional<std::uint16_t> port;
};

/// None where it is something else: with userinfo, a path, spaces, a port above 65535. `host:` is a host without a port.
std::optional<Authority> parse_authority(std::string_view text);

struct Origin {
    std::string_view scheme;
    Authority authority;
};

/// None for `null`, for a list, and where anything stands behind the port.
std::optional<Origin> parse_origin(std::string_view text);

/// Scheme, host and port alike: whatever the case, and with 80 and 443 for a port that http and https leave out.
bool same_origin(const Origin &a, const Origin &b);

/// localhost, *.localhost, 127.0.0.0/8, [::1]: what can't be anybody else's machine (RFC 6761 6.3), spelled exactly so.
bool is_loopback(std::string_view host);

}  // namespace mempool
