// SPDX-License-Identifier: MIT
/// UTF-8: what is valid, where bad text is noticed, how it is cut and replaced.
#include "base/utf8.hpp"

#include <gtest/gtest.h>

#include <iterator>

namespace mempool {
namespace {

using namespace std::string_literals;

/// Encodes without looking at validity: surrogates too.
std::string encoded(char32_t point) {
    const auto byte = [](char32_t value) { return static_cast<char>(value); };
    if (point < 0x80) return {byte(point)};
    if (point < 0x800) return {byte(0xC0 | point >> 6), byte(0x80 | (point & 0x3F))};
    if (point < 0x10000) {
        return {byte(0xE0 | point >> 12), byte(0x80 | (point >> 6 & 0x3F)), byte(0x80 | (point & 0x3F))};
    }
    return {byte(0xF0 | point >> 18), byte(0x80 | (point >> 12 & 0x3F)), byte(0x80 | (point >> 6 & 0x3F)),
            byte(0x80 | (point & 0x3F))};
}

/// The bytes that a validator takes before it refuses, fed one at a time; npos if it takes all.
std::size_t refused_at(std::string_view text) {
    Utf8Validator validator;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!validator.feed(text.substr(i, 1))) return i;
    }
    return std::string_view::npos;
}

TEST(Utf8, every_code_point_is_valid_but_surrogates) {
    for (char32_t point = 0; point <= 0x10FFFF; ++point) {
        const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
        ASSERT_EQ(utf8_valid(encoded(point)), !surrogate) << std::hex << static_cast<unsigned>(point);
    }
    for (char32_t point = 0x110000; point <= 0x1FFFFF; ++point) ASSERT_FALSE(utf8_valid(encoded(point)));
}

TEST(Utf8, of_three_bytes_exactly_the_encodings_are_valid) {
    // Counts what Unicode table 3-7 allows: every overlong form and stray byte would make it more.
    std::size_t valid_2 = 0, valid_3 = 0;
    for (unsigned a = 0x80; a <= 0xFF; ++a) {
        for (unsigned b = 0; b <= 0xFF; ++b) {
            const std::string two = {static_cast<char>(a), static_cast<char>(b)};
            valid_2 += utf8_valid(two);
            for (unsigned c = 0x80; c <= 0xFF; ++c) valid_3 += b >= 0x80 && utf8_valid(two + static_cast<char>(c));
        }
    }
    EXPECT_EQ(valid_2, 0x800u - 0x80u);
    EXPECT_EQ(valid_3, 0x10000u - 0x800u - 0x800u);  // less the surrogates
}

TEST(Utf8, bad_text_is_refused_at_the_earliest_byte) {
    const struct {
        const char *name;
        std::string bytes;
        std::size_t at;
    } rows[] = {
        {"stray continuation", "ab\x80", 2},
        {"C0 is always overlong", "\xC0\x80", 0},
        {"C1 is always overlong", "\xC1\xBF", 0},
        {"overlong of three", "\xE0\x9F\xBF", 1},
        {"surrogate", "\xED\xA0\x80", 1},
        {"overlong of four", "\xF0\x8F\xBF\xBF", 1},
        {"above 10FFFF", "\xF4\x90\x80\x80", 1},
        {"F5", "\xF5\x80\x80\x80", 0},
        {"FF", "\xFF", 0},
        {"ASCII in a code point",
         "\xE2\x82"
         "a",
         2},
        {"lead in a code point", "\xE2\xE2\x82\xAC", 1},
    };
    for (const auto &row : rows) {
        EXPECT_EQ(refused_at(row.bytes), row.at) << row.name;
        EXPECT_FALSE(Utf8Validator().feed(row.bytes)) << row.name;
    }
}

TEST(Utf8, refused_stays_refused) {
    Utf8Validator validator;
    EXPECT_FALSE(validator.feed("\xFF"));
    EXPECT_FALSE(validator.feed("good"));
    EXPECT_FALSE(validator.feed("\x80"));
    EXPECT_FALSE(validator.feed("\0"s));
    EXPECT_FALSE(validator.feed(""));
    EXPECT_FALSE(validator.complete());
}

TEST(Utf8, half_a_code_point_is_not_complete) {
    for (const char32_t point : {U'\u00FC', U'\u20AC', U'\U0001F600'}) {
        const std::string text = encoded(point);
        for (std::size_t size = 1; size < text.size(); ++size) {
            Utf8Validator validator;
            EXPECT_TRUE(validator.feed(text.substr(0, size)));
            EXPECT_FALSE(validator.complete());
            EXPECT_TRUE(validator.feed(text.substr(size)));
            EXPECT_TRUE(validator.complete());
        }
    }
}

TEST(Utf8, bad_byte_is_found_at_every_alignment) {
    for (std::size_t at = 0; at < 40; ++at) {
        std::string text(40, 'a');
        EXPECT_TRUE(utf8_valid(text));
        text[at] = '\x80';
        EXPECT_FALSE(utf8_valid(text)) << at;
    }
}

TEST(Utf8, cut_never_splits_a_code_point) {
    const std::string text = "a\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80";  // 1 + 2 + 3 + 4
    const std::size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
    for (std::size_t max = 0; max < std::size(expected); ++max)
        EXPECT_EQ(utf8_cut(text, max).size(), expected[max]) << max;
}

TEST(Utf8, cut_of_text_that_is_not_utf8_loses_at_most_three_bytes) {
    const std::string text(50, '\x80');
    EXPECT_EQ(utf8_cut(text, 20).size(), 17u);
    EXPECT_EQ(utf8_cut(text, 2).size(), 0u);
}

TEST(Utf8, each_maximal_invalid_part_becomes_one_replacement) {
    const std::string bad = "\xEF\xBF\xBD";
    const struct {
        std::string bytes;
        std::string expected;
    } rows[] = {
        {"", ""},
        {"plain \xE2\x82\xAC", "plain \xE2\x82\xAC"},
        {"a\xFF"
         "b",
         "a" + bad + "b"},
        {"\xE2\x82", bad},  // cut at the end: one
        {"\xE2\x82"
         "a",
         bad + "a"},                                     // the byte that breaks it stays
        {"\xE2\x82\xE2\x82\xAC", bad + "\xE2\x82\xAC"},  // and may begin the next
        {"\xC0\x80", bad + bad},
        {"\xE0\x80\x80", bad + bad + bad},  // E0 80 is no prefix of anything
        {"\xED\xA0\x80", bad + bad + bad},
        {"\xF0\x9F\x98", bad},
        {"\xF4\x90\x80\x80", bad + bad + bad + bad},
        // Unicode chapter 3, table 3-8
        {"\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64",
         "a" + bad + bad + bad + "b" + bad + "c" + bad + bad + "d"},
    };
    for (const auto &row : rows) EXPECT_EQ(utf8_replaced(row.bytes), row.expected) << testing::PrintToString(row.bytes);
}

}  // namespace
}  // namespace mempool
