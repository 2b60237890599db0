// SPDX-License-Identifier: MIT
#include "base/authority.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace mempool;

namespace {

bool same(std::string_view a, std::string_view b) {
    const auto first = parse_origin(a);
    const auto second = parse_origin(b);
    EXPECT_TRUE(first && second) << a << " " << b;
    return first && second && same_origin(*first, *second);
}

}  // namespace

TEST(Authority, is_a_host_with_or_without_a_port) {
    EXPECT_EQ(parse_authority("app.example.com")->host, "app.example.com");
    EXPECT_EQ(parse_authority("app.example.com:8080")->port, 8080);
    EXPECT_EQ(parse_authority("[::1]:65535")->host, "[::1]");
    EXPECT_EQ(parse_authority("[::1]:65535")->port, 65535);
    EXPECT_EQ(parse_authority("[::1]")->port, std::nullopt);
    EXPECT_EQ(parse_authority("h:")->port, std::nullopt);
}

TEST(Authority, is_nothing_else) {
    for (const char *text : {"",       ":80",     "h:65536", "h:99999999999", "h:-1", "h:+1",        "h: 80",
                             "h:8 0",  "h:80:80", "u@h",     "u:p@h",         "h/",   "h?",          "h#",
                             "a b",    " h",      "h ",      "h,h",           "h%41", "::1",         "[::1",
                             "::1]",   "[]",      "[::1]x",  "[::1]80",       "[x]",  "[127.0.0.1]", "[::1%lo]",
                             "[v1.x]", "h\\",     "h\t",     "caf\xc3\xa9"})
        EXPECT_FALSE(parse_authority(text)) << text;
    EXPECT_FALSE(parse_authority(std::string_view("[::\0x]", 6))) << "inet_pton would stop at the NUL";
    EXPECT_FALSE(parse_authority(std::string(256, 'x')));
    EXPECT_TRUE(parse_authority(std::string(255, 'x')));
}

TEST(Origin, is_a_scheme_and_an_authority_with_nothing_behind) {
    EXPECT_EQ(parse_origin("https://h:1")->scheme, "https");
    EXPECT_EQ(parse_origin("https://h:1")->authority.host, "h");
    for (const char *text : {"",
                             "null",
                             "h",
                             "//h",
                             "http:/h",
                             "http//h",
                             "://h",
                             "http://",
                             "http://h/",
                             "http://h:80/",
                             "http://h:",
                             "http://h?x",
                             "http://h#x",
                             "http://a http://b",
                             "http://a,http://b",
                             "http://u@h",
                             "1http://h",
                             "ht tp://h",
                             "http://http://h",
                             "*",
                             "http://*"})
        EXPECT_FALSE(parse_origin(text)) << text;
}

TEST(Origin, is_the_same_in_any_case_and_with_the_port_of_its_scheme) {
    EXPECT_TRUE(same("http://h", "HTTP://H:80"));
    EXPECT_TRUE(same("https://h:443", "https://h"));
    EXPECT_TRUE(same("http://[::A]", "http://[::a]"));
    EXPECT_FALSE(same("http://h", "https://h"));
    EXPECT_FALSE(same("http://h", "http://h:443"));
    EXPECT_FALSE(same("http://h", "http://h."));
    EXPECT_FALSE(same("http://h", "http://h.evil"));
    EXPECT_FALSE(same("http://h", "http://xh"));
    EXPECT_FALSE(same("ftp://h", "ftp://h:80"));
}

TEST(Loopback, is_spelled_exactly) {
    for (const char *host : {"localhost", "LocalHost", "a.localhost", "a.b.LOCALHOST", "127.0.0.1", "127.255.255.255",
                             "[::1]", "[0:0:0:0:0:0:0:1]"})
        EXPECT_TRUE(is_loopback(host)) << host;
    for (const char *host :
         {"", "localhost.", ".localhost", "xlocalhost", "localhost.evil", "127.0.0.1.evil", "127.0.0.1.", "128.0.0.1",
          "127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433", "[::2]", "[::ffff:127.0.0.1]", "::1", "0.0.0.0", "[::]"})
        EXPECT_FALSE(is_loopback(host)) << host;
}
