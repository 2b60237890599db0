// SPDX-License-Identifier: MIT
#include "http/chunks.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

using namespace mempool::http;

namespace {

struct Walk {
    Verdict verdict;
    std::size_t walked;
    bool operator==(const Walk &) const = default;
};

Walk walk(std::string_view body) {
    Chunks chunks;
    Walk walk{};
    walk.verdict = chunks.look(body, walk.walked);
    return walk;
}

}  // namespace

TEST(Chunks, a_body_ends_at_its_last_chunk_and_what_follows_is_left) {
    EXPECT_EQ(walk("3\r\npay\r\n0\r\n\r\nGET / HTTP/1.1"), (Walk{Verdict::accepted, 13}));
    EXPECT_EQ(walk("0\r\n\r\n0\r\n\r\n"), (Walk{Verdict::accepted, 5}));
}

TEST(Chunks, a_body_that_is_cut_anywhere_is_the_same) {
    const std::string_view body = "3;a=\"\\\"\";b\r\npay\r\n0A\r\n\r\n0\r\n\r\nx\r\n\r\n0\r\n\r\n";
    ASSERT_EQ(walk(body), (Walk{Verdict::accepted, body.size()}));
    for (std::size_t cut = 0; cut < body.size(); ++cut) {
        Chunks chunks;
        std::size_t first = 0;
        std::size_t second = 0;
        EXPECT_EQ(chunks.look(body.substr(0, cut), first), Verdict::more) << cut;
        EXPECT_EQ(first, cut);
        EXPECT_EQ(chunks.look(body.substr(cut), second), Verdict::accepted) << cut;
        EXPECT_EQ(first + second, body.size());
    }
}

TEST(Chunks, a_wrong_byte_is_not_walked_over) {
    const struct {
        std::string_view body;
        std::size_t walked;
    } rows[] = {
        {"x", 0},      {"\r\n", 0},      {"3\n", 1},           {"3 \r\n", 1},
        {"3\rx", 2},   {"3\r\npayX", 6}, {"3\r\npay\rX", 7},   {"00000000000000003", 16},
        {"3;\x01", 2}, {"3;\"\r\n", 3},  {"0\r\nA: b\r\n", 3}, {"0\r\n\rX", 4},
    };
    for (const auto &row : rows) EXPECT_EQ(walk(row.body), (Walk{Verdict::refused, row.walked})) << row.body;
}

TEST(Chunks, the_largest_size_is_counted_and_not_wrapped) {
    const std::string body = "ffffffffffffffff\r\n" + std::string(1000, 'x');
    EXPECT_EQ(walk(body), (Walk{Verdict::more, body.size()}));
}

TEST(Chunks, extensions_are_bounded_over_the_whole_body) {
    std::string body;
    for (std::size_t bytes = 0; bytes < extensions_max_bytes; bytes += 16) body += "1;0123456789abcdef\r\nx\r\n";
    EXPECT_EQ(walk(body + "0\r\n\r\n").verdict, Verdict::accepted);
    EXPECT_EQ(walk(body + "0;x\r\n\r\n"), (Walk{Verdict::refused, body.size() + 2}));
}
