// SPDX-License-Identifier: MIT
#include "http/many.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace mempool::http;

namespace {

using Texts = std::vector<std::string>;

constexpr ManyLimits limits{8, 4};

Texts taken(const Many &many) {
    if (const auto *reply = std::get_if<Reply>(&many)) return {"(refused)", std::to_string(reply->status), reply->body};
    return std::get<Texts>(many);
}

/// "400 bad_request"
std::string refused(const Many &many) {
    const auto *reply = std::get_if<Reply>(&many);
    if (reply == nullptr) return "taken";
    constexpr std::size_t begin = std::string_view("{\"error\":\"").size();
    return std::to_string(reply->status) + " " + reply->body.substr(begin, reply->body.find('"', begin) - begin);
}

}  // namespace

TEST(Many, each_line_is_a_transaction_as_it_is) {
    EXPECT_EQ(taken(read_lines("a\nb\n", limits)), (Texts{"a", "b"}));
    EXPECT_EQ(taken(read_lines("a\nb", limits)), (Texts{"a", "b"}));
    EXPECT_EQ(taken(read_lines(" {\"x\":1}", limits)), (Texts{" {\"x\":1}"}));
    EXPECT_EQ(taken(read_lines({"\xff\0\n\t \n", 6}, limits)), (Texts{{"\xff\0", 2}, "\t "}));
}

TEST(Many, a_line_may_end_with_crlf_and_an_empty_one_is_none) {
    EXPECT_EQ(taken(read_lines("a\r\nb\r\n", limits)), (Texts{"a", "b"}));
    EXPECT_EQ(taken(read_lines("\n\r\na\n\n\r\n\nb\n\n", limits)), (Texts{"a", "b"}));
    EXPECT_EQ(taken(read_lines("a\r\r\nb\rc\nd\r", limits)), (Texts{"a\r", "b\rc", "d\r"}));
}

TEST(Many, each_string_of_a_json_array_is_a_transaction) {
    EXPECT_EQ(taken(read_strings(R"(["a","b"])", limits)), (Texts{"a", "b"}));
    EXPECT_EQ(taken(read_strings(" [ \"a\" ,\r\n\t\"b\" ] \n", limits)), (Texts{"a", "b"}));
    EXPECT_EQ(taken(read_strings(R"(["\u00e9\n\"\\\/","\ud83d\ude00","[]"])", limits)),
              (Texts{"\xc3\xa9\n\"\\/", "\xf0\x9f\x98\x80", "[]"}));
    EXPECT_EQ(taken(read_strings(R"(["a\u0000b"])", limits)), (Texts{{"a\0b", 3}}));
}

TEST(Many, whatever_is_no_array_of_strings_is_400) {
    for (const std::string_view body : {"{}",
                                        "{\"a\":\"b\"}",
                                        "\"a\"",
                                        "1",
                                        "-1.5e9",
                                        "null",
                                        "true",
                                        "[1]",
                                        "[\"a\",1.5]",
                                        "[\"a\",null]",
                                        "[false]",
                                        "[[\"a\"]]",
                                        "[\"a\",[]]",
                                        "[\"a\",{}]",
                                        "[",
                                        "[\"a\"",
                                        "[\"a",
                                        "[\"a\",]",
                                        "[,\"a\"]",
                                        "[\"a\"]]",
                                        "[\"a\"][\"b\"]",
                                        "[\"a\"]x",
                                        "['a']",
                                        "[\"a\"/**/]",
                                        "[\"\xff\"]",
                                        "[\"\\ud800\"]",
                                        "[\"\\x\"]",
                                        "[\"\n\"]",
                                        "\xef\xbb\xbf[\"a\"]",
                                        "nul",
                                        " "})
        EXPECT_EQ(refused(read_strings(body, limits)), "400 bad_request") << body;
    EXPECT_EQ(refused(read_strings(std::string(1'000'000, '['), limits)), "400 bad_request");
}

TEST(Many, none_is_400_empty) {
    for (const std::string_view body : {"", "\n", "\r\n\n"})
        EXPECT_EQ(refused(read_lines(body, limits)), "400 empty") << body;
    for (const std::string_view body : {"", "[]", " [ ]"})
        EXPECT_EQ(refused(read_strings(body, limits)), "400 empty") << body;
}

TEST(Many, an_empty_string_is_400_and_named) {
    EXPECT_EQ(refused(read_strings(R"(["a",""])", limits)), "400 empty");
    EXPECT_NE(taken(read_strings(R"(["a",""])", limits))[2].find("transaction 2"), std::string::npos);
}

TEST(Many, one_that_is_too_long_is_413_and_named) {
    EXPECT_EQ(taken(read_lines("12345678\n", limits)), (Texts{"12345678"}));
    EXPECT_EQ(taken(read_lines("12345678\r\n", limits)), (Texts{"12345678"}));
    EXPECT_EQ(taken(read_strings(R"(["1234567\n"])", limits)), (Texts{"1234567\n"}));
    for (const Many &many : {read_lines("a\n\n123456789", limits), read_strings(R"(["a","123456789"])", limits),
                             read_strings(R"(["a","1234\n5678"])", limits)}) {
        EXPECT_EQ(refused(many), "413 too_large");
        EXPECT_NE(taken(many)[2].find("transaction 2 is longer than 8 bytes (tx_max_bytes)"), std::string::npos)
            << taken(many)[2];
    }
}

TEST(Many, more_than_the_queue_holds_are_413) {
    EXPECT_EQ(taken(read_lines("1\n2\n3\n4\n\n", limits)).size(), 4u);
    EXPECT_EQ(taken(read_strings(R"(["1","2","3","4"])", limits)).size(), 4u);
    EXPECT_EQ(refused(read_lines("1\n2\n3\n4\n5", limits)), "413 too_large");
    EXPECT_EQ(refused(read_strings(R"(["1","2","3","4","5"])", limits)), "413 too_large");
}

TEST(Many, the_content_type_says_how_it_is_read) {
    for (const std::string_view type : {"application/x-ndjson", "Application/X-NDJSON",
                                        "application/x-ndjson; charset=utf-8", "application/x-ndjson ;x"})
        EXPECT_EQ(taken(read_many(type, "[\"a\"]", limits)), (Texts{"[\"a\"]"})) << type;
    for (const std::string_view type : {"application/json", "APPLICATION/JSON;charset=utf-8"})
        EXPECT_EQ(taken(read_many(type, "[\"a\"]", limits)), (Texts{"a"})) << type;
    for (const std::string_view type :
         {"", ";", "text/plain", "application/jsonl", "application/json2", "application/json, application/json",
          "application", "application/x-www-form-urlencoded", "\xff\xfe"})
        EXPECT_EQ(refused(read_many(type, "[\"a\"]", limits)), "415 unsupported_media_type") << type;
    const Many many = read_many("text/plain", "a", limits);
    EXPECT_EQ(std::get<Reply>(many).headers, "Accept: application/x-ndjson, application/json\r\n");
    EXPECT_NE(taken(many)[2].find("`text/plain`"), std::string::npos);
}
