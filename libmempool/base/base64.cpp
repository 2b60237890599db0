// SPDX-License-Identifier: MIT
#include "base/base64.hpp"

#include <boost/beast/core/detail/base64.hpp>

namespace mempool {

std::string base64(std::string_view bytes) {
    std::string text(boost::beast::detail::base64::encoded_size(bytes.size()), '\0');
    text.resize(boost::beast::detail::base64::encode(text.data(), bytes.data(), bytes.size()));
    return text;
}

std::optional<std::string> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
    unsigned bits = 0;  // the last `count` of them are to become bytes
    unsigned count = 0;
    for (const char each : text.substr(0, text.size() - padding)) {
        unsigned value = 0;
        if (each >= 'A' && each <= 'Z')
            value = static_cast<unsigned>(each - 'A');
        else if (each >= 'a' && each <= 'z')
            value = static_cast<unsigned>(each - 'a') + 26;
        else if (each >= '0' && each <= '9')
            value = static_cast<unsigned>(each - '0') + 52;
        else if (each == '+' || each == '/')
            value = each == '+' ? 62 : 63;
        else
            return std::nullopt;
        bits = (bits << 6 | value) & 0xFFFF;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        bytes.push_back(static_cast<char>(bits >> count & 0xFF));
    }
    if ((bits & ((1U << count) - 1)) != 0) return std::nullopt;
    return bytes;
}

}  // namespace mempool
