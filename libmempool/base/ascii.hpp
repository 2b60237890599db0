// SPDX-License-Identifier: MIT
/// Characters as the grammars of HTTP name them (RFC 5234 B.1, RFC 9110 5.6.2): bytes, never of a locale. Any thread.
#pragma once

#include <algorithm>
#include <string_view>

namespace mempool {

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
constexpr bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}
constexpr bool is_alpha(char c) {
    return is_lower(c) || (c >= 'A' && c <= 'Z');
}
/// -1 where it is none.
constexpr int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}
/// VCHAR: what can be seen.
constexpr bool is_visible(char c) {
    return c > 0x20 && c < 0x7f;
}
/// tchar, of which tokens are made.
constexpr bool is_token_char(char c) {
    return is_digit(c) || is_alpha(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
/// A token: never empty.
constexpr bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, is_token_char);
}

constexpr char to_lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, to_lower, to_lower);
}

/// Without the spaces and tabs at both ends (OWS, RFC 9110 5.6.3).
constexpr std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Calls `each` with every element of a comma-separated list, trimmed; one that is empty too. False, and no further one, where `each` gave false.
template <class Each>
constexpr bool every_element(std::string_view list, Each each) {
    for (;;) {
        const std::size_t comma = list.find(',');
        if (!each(trimmed(list.substr(0, comma)))) return false;
        if (comma == std::string_view::npos) return true;
        list.remove_prefix(comma + 1);
    }
}

}  // namespace mempool
