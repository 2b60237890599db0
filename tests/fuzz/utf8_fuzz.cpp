// SPDX-License-Identifier: MIT
/// Property: a validator's verdict does not depend on how the text is cut, and agrees with a decoder written another
/// way; what utf8_replaced returns is valid, and the text itself where that was valid; a cut of valid text is valid and
/// as long as can be.
///
/// An input is a text. libFuzzer's own thread only.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/utf8.hpp"
#include "check.hpp"

namespace {

/// By arithmetic on the decoded code point, where the validator goes by bounds of bytes.
bool valid_by_decoding(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i++]);
        if (lead < 0x80) continue;
        const unsigned more = lead >> 5 == 6 ? 1 : lead >> 4 == 14 ? 2 : lead >> 3 == 30 ? 3 : 0;
        if (more == 0 || text.size() - i < more) return false;
        unsigned point = lead & (0x3Fu >> more);
        for (unsigned k = 0; k < more; ++k) {
            const auto byte = static_cast<unsigned char>(text[i++]);
            if (byte >> 6 != 2) return false;
            point = point << 6 | (byte & 0x3Fu);
        }
        constexpr unsigned least[] = {0, 0x80, 0x800, 0x10000};
        if (point < least[more] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return false;
    }
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char *>(bytes), size);
    const bool valid = valid_by_decoding(text);
    FUZZ_CHECK(mempool::utf8_valid(text) == valid);

    mempool::Utf8Validator bytewise;
    bool fed = true;
    for (std::size_t i = 0; i < size; ++i) fed = bytewise.feed(text.substr(i, 1));
    FUZZ_CHECK((fed && bytewise.complete()) == valid);

    const std::string replaced = mempool::utf8_replaced(text);
    FUZZ_CHECK(valid_by_decoding(replaced));
    FUZZ_CHECK(!valid || replaced == text);

    const std::string_view clean = replaced;
    for (std::size_t max = 0; max <= std::min<std::size_t>(clean.size(), 64); ++max) {
        const std::string_view cut = mempool::utf8_cut(clean, max);
        FUZZ_CHECK(cut.size() <= max && cut.size() + 3 >= max);
        FUZZ_CHECK(valid_by_decoding(cut));
        FUZZ_CHECK(mempool::utf8_cut(text, max).size() <= max);
    }
    return 0;
}
