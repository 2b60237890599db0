// SPDX-License-Identifier: MIT
#include "wire.hpp"

#include <strings.h>

#include <array>
#include <bit>

namespace bench {
namespace {

std::uint32_t big_endian(const char *at) {
    std::uint32_t value = 0;
    for (int index = 0; index < 4; ++index) value = value << 8 | static_cast<unsigned char>(at[index]);
    return value;
}

/// RFC 3174. A handshake's answer is all that it is for.
std::string sha1(std::string_view message) {
    std::string padded(message);
    padded += '\x80';
    while (padded.size() % 64 != 56) padded += '\0';
    for (int shift = 56; shift >= 0; shift -= 8) padded += static_cast<char>(message.size() * 8 >> shift);

    std::array<std::uint32_t, 5> state{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    for (std::size_t block = 0; block < padded.size(); block += 64) {
        std::array<std::uint32_t, 80> word;
        for (std::size_t t = 0; t < 16; ++t) word[t] = big_endian(padded.data() + block + 4 * t);
        for (std::size_t t = 16; t < 80; ++t)
            word[t] = std::rotl(word[t - 3] ^ word[t - 8] ^ word[t - 14] ^ word[t - 16], 1);
        auto [a, b, c, d, e] = state;
        for (std::size_t t = 0; t < 80; ++t) {
            std::uint32_t mixed = 0;
            if (t < 20)
                mixed = ((b & c) | (~b & d)) + 0x5a827999;
            else if (t < 40)
                mixed = (b ^ c ^ d) + 0x6ed9eba1;
            else if (t < 60)
                mixed = ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
            else
                mixed = (b ^ c ^ d) + 0xca62c1d6;
            const std::uint32_t next = std::rotl(a, 5) + mixed + e + word[t];
            e = d;
            d = c;
            c = std::rotl(b, 30);
            b = a;
            a = next;
        }
        state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d, state[4] + e};
    }
    std::string digest;
    for (const std::uint32_t part : state)
        for (int shift = 24; shift >= 0; shift -= 8) digest += static_cast<char>(part >> shift);
    return digest;
}

}  // namespace

std::string base64(std::string_view bytes) {
    static constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        std::uint32_t three = 0;
        for (std::size_t index = 0; index < 3; ++index)
            three = three << 8 | (at + index < bytes.size() ? static_cast<unsigned char>(bytes[at + index]) : 0);
        for (std::size_t index = 0; index < 4; ++index)
            text += at + index > bytes.size() ? '=' : letters[three >> (18 - 6 * index) & 63];
    }
    return text;
}

std::string accept_of(std::string_view key) {
    return base64(sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
}

void append_event(std::string &out, std::uint64_t number, std::size_t size) {
    std::array<char, 14> start;
    start.front() = 'e';
    start.back() = ' ';
    std::uint64_t rest = number;
    for (std::size_t digit = 12; digit > 0; --digit, rest /= 10) start[digit] = static_cast<char>('0' + rest % 10);
    out.append(start.data(), start.size());
    out.append(size - start.size(), static_cast<char>('a' + number % 26));
}

void append_frame(std::string &out, std::uint8_t opcode, std::string_view payload) {
    out += static_cast<char>(0x80 | opcode);
    if (payload.size() < 126) {
        out += static_cast<char>(payload.size());
    } else {
        const bool wide = payload.size() > 0xffff;
        out += static_cast<char>(wide ? 127 : 126);
        for (int shift = wide ? 56 : 8; shift >= 0; shift -= 8) out += static_cast<char>(payload.size() >> shift);
    }
    out += payload;
}

std::string_view header(std::string_view head, std::string_view name) {
    for (std::size_t line = head.find("\r\n"); line != std::string_view::npos;) {
        const std::size_t start = line + 2;
        line = head.find("\r\n", start);
        const std::string_view field = head.substr(start, line == std::string_view::npos ? line : line - start);
        if (field.size() <= name.size() || field[name.size()] != ':' ||
            strncasecmp(field.data(), name.data(), name.size()) != 0)
            continue;
        std::string_view value = field.substr(name.size() + 1);
        while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
        while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
        return value;
    }
    return {};
}

}  // namespace bench
