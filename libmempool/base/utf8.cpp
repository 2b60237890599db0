// SPDX-License-Identifier: MIT
/// The state is WHATWG's UTF-8 decoder (encoding.spec.whatwg.org 8.1.1) without the code point: bytes needed, and the
/// bounds of the next one. The bounds are what makes it fail fast: E0 A0 is the least after E0, so E0 9F is refused at
/// its 9F.
#include "base/utf8.hpp"

#include <cassert>
#include <cstring>

namespace mempool {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

bool is_continuation(char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

bool ascii_8(const char *bytes) {
    std::uint64_t word;
    std::memcpy(&word, bytes, sizeof word);
    return (word & 0x8080808080808080u) == 0;
}

}  // namespace

bool Utf8Validator::feed(std::string_view bytes) noexcept {
    const char *at = bytes.data();
    const char *const end = at + bytes.size();
    while (at != end) {
        while (missing_ == 0 && end - at >= 8 && ascii_8(at)) at += 8;
        if (at == end) break;
        if (!step(static_cast<unsigned char>(*at))) return false;
        ++at;
    }
    return low_ <= high_;
}

bool Utf8Validator::step(unsigned char byte) noexcept {
    assert(missing_ <= 3);
    if (missing_ > 0) {
        if (byte >= low_ && byte <= high_) {
            --missing_;
            low_ = 0x80;
            high_ = 0xBF;
            return true;
        }
    } else if (byte <= 0x7F) {
        return true;
    } else if (byte >= 0xC2 && byte <= 0xDF) {  // C0, C1 would be overlong
        missing_ = 1;
        return true;
    } else if (byte >= 0xE0 && byte <= 0xEF) {
        missing_ = 2;
        if (byte == 0xE0) low_ = 0xA0;   // below: overlong
        if (byte == 0xED) high_ = 0x9F;  // above: surrogates
        return true;
    } else if (byte >= 0xF0 && byte <= 0xF4) {
        missing_ = 3;
        if (byte == 0xF0) low_ = 0x90;   // below: overlong
        if (byte == 0xF4) high_ = 0x8F;  // above: past U+10FFFF
        return true;
    }
    missing_ = 1;  // refused for good: a byte is missing that can't exist
    low_ = 1;
    high_ = 0;
    return false;
}

bool utf8_valid(std::string_view text) noexcept {
    Utf8Validator validator;
    return validator.feed(text) && validator.complete();
}

std::string_view utf8_cut(std::string_view text, std::size_t max_bytes) noexcept {
    if (text.size() <= max_bytes) return text;
    std::size_t cut = max_bytes;
    for (int back = 0; back < 3 && cut > 0 && is_continuation(text[cut]); ++back) --cut;
    return text.substr(0, cut);
}

std::string utf8_replaced(std::string_view text) {
    if (utf8_valid(text)) return std::string(text);
    std::string out;
    std::size_t begun = 0;  // where the code point being read begins
    Utf8Validator validator;
    for (std::size_t i = 0; i < text.size();) {
        if (validator.feed(text.substr(i, 1))) {
            ++i;
            if (validator.complete()) {
                out.append(text, begun, i - begun);
                begun = i;
            }
            continue;
        }
        out.append(replacement);
        validator = {};
        if (i == begun) ++i;  // else the byte ends a half-read code point, and may begin another
        begun = i;
    }
    if (begun < text.size()) out.append(replacement);
    return out;
}

}  // namespace mempool
