// SPDX-License-Identifier: MIT
// The rows of bad inputs are tests/python/test_http_gate.py, against the real socket; here is what only the gate itself can tell.
#include "http/gate.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

using namespace mempool::http;

namespace {

constexpr std::string_view good = "POST /tx HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n";

/// The bytes after which the verdict fell, fed one by one; npos where it never did.
std::size_t decided_after(std::string_view bytes) {
    Gate gate;
    for (std::size_t end = 1; end <= bytes.size(); ++end)
        if (gate.look(bytes.substr(0, end)) != Verdict::more) return end;
    return std::string_view::npos;
}

unsigned status_of(std::string_view bytes) {
    Gate gate;
    return gate.look(bytes) == Verdict::refused ? gate.refusal().status : 0;
}

}  // namespace

TEST(Gate, an_accepted_request_tells_where_its_header_ends_and_how_its_body_is_framed) {
    Gate gate;
    EXPECT_EQ(gate.look("\r\n" + std::string(good) + "payGET / HTTP/1.1"), Verdict::accepted);
    EXPECT_EQ(gate.skipped(), 2u);
    EXPECT_EQ(gate.size(), good.size());
    EXPECT_EQ(gate.content_length(), 3u);
    EXPECT_FALSE(gate.chunked());

    Gate chunked;
    EXPECT_EQ(chunked.look("POST /tx HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"), Verdict::accepted);
    EXPECT_TRUE(chunked.chunked());
    EXPECT_EQ(chunked.content_length(), 0u);
}

TEST(Gate, a_request_that_is_cut_anywhere_is_accepted_with_its_last_byte) {
    EXPECT_EQ(decided_after(good), good.size());
    for (std::size_t cut = 0; cut < good.size(); ++cut) {
        Gate gate;
        EXPECT_EQ(gate.look(good.substr(0, cut)), Verdict::more) << cut;
        EXPECT_EQ(gate.look(good), Verdict::accepted) << cut;
    }
}

TEST(Gate, a_request_is_refused_at_the_first_byte_that_is_wrong) {
    const struct {
        std::string_view bytes;
        std::size_t after;
    } rows[] = {
        {"\x16\x03\x01", 1},
        {"gET / HTTP/1.1\r\n", 1},
        {"GET / HTTP/1.1\r\n Host: h\r\n", 17},
        {"GET / HTTP/1.1\nHost: h", 15},
        {"GET / HTTP/9.9\r\nHost: h", 16},
        {"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\nA: b", 34},
        {"GET / HTTP/1.1\r\nA b", 18},
    };
    for (const auto &row : rows) EXPECT_EQ(decided_after(row.bytes), row.after) << row.bytes;
}

TEST(Gate, a_verdict_stays) {
    Gate gate;
    EXPECT_EQ(gate.look("get"), Verdict::refused);
    EXPECT_EQ(gate.look(good), Verdict::refused);
    Gate open;
    EXPECT_EQ(open.look(good), Verdict::accepted);
    EXPECT_EQ(open.look(std::string(good) + "\r\n\r\n"), Verdict::accepted);
    EXPECT_EQ(open.size(), good.size());
}

TEST(Gate, what_never_ends_is_refused_at_its_limit) {
    const std::string line = "GET / HTTP/1.1\r\n";
    const std::string many(2 * header_max_bytes, 'x');
    EXPECT_EQ(decided_after("GET /" + many), 4 + target_max_bytes + 1);
    EXPECT_EQ(decided_after(line + "A:" + many), line.size() + 2 + value_max_bytes + 1);
    EXPECT_EQ(decided_after(line + many), header_max_bytes + 1);
    EXPECT_EQ(decided_after(line + "A:" + std::string(2 * header_max_bytes, ' ')), header_max_bytes + 1);
    for (const auto &bytes : {"GET /" + many, line + "A:" + many, line + many}) EXPECT_EQ(status_of(bytes), 431u);
    EXPECT_EQ(status_of(std::string(40, 'X')), 501u);
}

TEST(Gate, a_length_is_read_exactly_up_to_64_bits) {
    const auto length = [](std::string_view digits) {
        Gate gate;
        gate.look("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::string(digits) + "\r\n\r\n");
        return gate.content_length();
    };
    EXPECT_EQ(length("0"), 0u);
    EXPECT_EQ(length("18446744073709551615"), ~std::uint64_t{0});
    EXPECT_EQ(length("000000000000000000000000000017"), 17u);
}

TEST(Gate, a_head_is_known_as_one_from_the_end_of_its_method_on) {
    const auto is_head = [](std::string_view bytes) {
        Gate gate;
        gate.look(bytes);
        return gate.head();
    };
    for (const std::string_view bytes : {"HEAD ", "\r\nHEAD / HT", "HEAD /#", "HEAD / HTTP/2.0\r\n",
                                         "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "HEAD / HTTP/1.1\r\n\r\n"})
        EXPECT_TRUE(is_head(bytes)) << bytes;
    for (const std::string_view bytes : {"HEAD", "HEADS / HTTP/1.1\r\n", "GET /HEAD ", "head / HTTP/1.1\r\n", "HEA:D "})
        EXPECT_FALSE(is_head(bytes)) << bytes;
}

TEST(Gate, every_refusal_speaks_to_a_person) {
    for (const std::string_view bytes :
         {"\x01", "GET / HTTP/3.0\r\n", "CONNECT h:1 HTTP/1.1\r\n", "GET x HTTP/1.1\r\n"}) {
        Gate gate;
        ASSERT_EQ(gate.look(bytes), Verdict::refused);
        EXPECT_FALSE(gate.refusal().error.empty());
        EXPECT_FALSE(gate.refusal().detail.empty());
    }
}

TEST(AbsoluteTarget, is_split_into_host_and_path) {
    const auto split = split_absolute("HTTP://h:80/a?b");
    ASSERT_TRUE(split);
    EXPECT_EQ(split->host, "h:80");
    EXPECT_EQ(split->path, "/a?b");
    EXPECT_EQ(split_absolute("http://h")->path, "");
    EXPECT_EQ(split_absolute("http://h?q=/")->path, "?q=/");
    for (const char *other : {"https://h/", "http:/h", "http:///x", "http://u@h/", "/http://h/", "*", ""})
        EXPECT_FALSE(split_absolute(other)) << other;
}
