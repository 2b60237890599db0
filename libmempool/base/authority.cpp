// SPDX-License-Identifier: MIT
#include "base/authority.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/ascii.hpp"

namespace mempool {
namespace {

constexpr std::size_t host_max_bytes = 255;  // RFC 1035 2.3.4

template <class Address>
bool parse_address(int family, std::string_view text, Address &address) {
    std::array<char, INET6_ADDRSTRLEN> terminated;
    if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return false;
    std::memcpy(terminated.data(), text.data(), text.size());
    terminated[text.size()] = '\0';
    return inet_pton(family, terminated.data(), &address) == 1;
}

bool is_name_char(char c) {
    // `unreserved`: RFC 3986 3.2.2 has percent-encoding and sub-delims too, no name that resolves does.
    return is_digit(c) || is_alpha(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

bool is_host(std::string_view text) {
    if (text.empty() || text.size() > host_max_bytes) return false;
    if (text.front() != '[') return std::ranges::all_of(text, is_name_char);
    in6_addr address;
    return text.back() == ']' && parse_address(AF_INET6, text.substr(1, text.size() - 2), address);
}

bool parse_port(std::string_view text, std::optional<std::uint16_t> &port) {
    if (text.size() > 5 || !std::ranges::all_of(text, is_digit)) return false;
    std::uint32_t value = 0;
    for (const char digit : text) value = 10 * value + static_cast<std::uint32_t>(digit - '0');
    if (value > 65535) return false;
    if (!text.empty()) port = static_cast<std::uint16_t>(value);
    return true;
}

std::optional<std::uint16_t> port_of(const Origin &origin) {
    if (origin.authority.port) return origin.authority.port;
    if (equal_ignoring_case(origin.scheme, "http")) return std::uint16_t{80};
    if (equal_ignoring_case(origin.scheme, "https")) return std::uint16_t{443};
    return std::nullopt;
}

}  // namespace

std::optional<Authority> parse_authority(std::string_view text) {
    // The colons of an IPv6 address stand before the bracket.
    const std::size_t colon = text.find(':', text.starts_with('[') ? text.find(']') : 0);
    Authority authority{text.substr(0, colon), {}};
    if (!is_host(authority.host)) return std::nullopt;
    if (colon != std::string_view::npos && !parse_port(text.substr(colon + 1), authority.port)) return std::nullopt;
    return authority;
}

std::optional<Origin> parse_origin(std::string_view text) {
    const std::size_t end = text.find("://");
    if (end == std::string_view::npos || text.ends_with(':')) return std::nullopt;
    const std::string_view scheme = text.substr(0, end);
    const auto is_scheme_char = [](char c) { return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.'; };
    if (scheme.empty() || !is_alpha(scheme.front()) || !std::ranges::all_of(scheme, is_scheme_char))
        return std::nullopt;  // RFC 3986 3.1
    const auto authority = parse_authority(text.substr(end + 3));
    if (!authority) return std::nullopt;
    return Origin{scheme, *authority};
}

bool same_origin(const Origin &a, const Origin &b) {
    return equal_ignoring_case(a.scheme, b.scheme) && equal_ignoring_case(a.authority.host, b.authority.host) &&
           port_of(a) == port_of(b);
}

bool is_loopback(std::string_view host) {
    constexpr std::string_view below = ".localhost";
    if (equal_ignoring_case(host, below.substr(1))) return true;
    if (host.size() > below.size() && equal_ignoring_case(host.substr(host.size() - below.size()), below)) return true;
    in_addr v4;
    if (parse_address(AF_INET, host, v4)) return ntohl(v4.s_addr) >> 24 == 127;
    in6_addr v6;
    return host.size() > 2 && host.front() == '[' && parse_address(AF_INET6, host.substr(1, host.size() - 2), v6) &&
           IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace mempool
