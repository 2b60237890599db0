// SPDX-License-Identifier: MIT
/// UTF-8 as Unicode table 3-7 has it: no overlong forms, no surrogates, nothing above U+10FFFF. Bytes in, a verdict
/// out. Owner: whoever holds the value. Threads: the functions are pure, a Utf8Validator belongs to one thread at a
/// time. Invariant: what a validator has seen so far is either a prefix of valid UTF-8 or refused, at the first byte
/// that rules it out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mempool {

/// A text that arrives in pieces, which may be cut anywhere. Three bytes of state: what the next byte has to be.
class Utf8Validator {
public:
    /// False as soon as no continuation could make the text valid, and from then on. Linear; ASCII goes 8 bytes a step.
    [[nodiscard]] bool feed(std::string_view bytes) noexcept;

    /// True where the text may end: nothing refused, no code point half read.
    [[nodiscard]] bool complete() const noexcept { return missing_ == 0; }

private:
    bool step(unsigned char byte) noexcept;

    std::uint8_t missing_ = 0;  // continuation bytes that the code point being read still lacks
    std::uint8_t low_ = 0x80;   // the next continuation byte is in low_..high_;
    std::uint8_t high_ = 0xBF;  // low_ > high_: refused, no byte fits any more
};

/// True if the whole text is valid UTF-8.
[[nodiscard]] bool utf8_valid(std::string_view text) noexcept;

/// The longest prefix of at most `max_bytes` bytes that does not split a code point. Text that is not UTF-8 is cut
/// somewhere in the last 4 bytes before the limit.
[[nodiscard]] std::string_view utf8_cut(std::string_view text, std::size_t max_bytes) noexcept;

/// The text made valid: each maximal subpart that is not UTF-8 becomes one U+FFFD, as the WHATWG decoder does it.
[[nodiscard]] std::string utf8_replaced(std::string_view text);

}  // namespace mempool
