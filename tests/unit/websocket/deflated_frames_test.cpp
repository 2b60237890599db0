// SPDX-License-Identifier: MIT
/// What the reader makes of a client's compressed messages (RFC 7692 6, 7.2.2): fragments, RSV1, limits, refusals.
#include <gtest/gtest.h>

#include <random>

#include "unit/websocket/client_frames.hpp"
#include "unit/websocket/plain_zlib.hpp"
#include "websocket/frame_reader.hpp"

namespace mempool::websocket {
namespace {

using namespace std::string_literals;
using namespace test;

constexpr std::size_t limit = 1000;
constexpr unsigned rsv1 = 0x40;
constexpr unsigned rsv2 = 0x20;

/// Reads the stream whole, in two at every place, and byte by byte: always the same.
Lines heard_deflated(std::string_view stream) {
    const auto cut_at = [&](const std::vector<std::size_t> &cuts) {
        Inflater inflater;
        FrameReader reader(limit, &inflater);
        Lines lines;
        std::size_t from = 0;
        for (const std::size_t cut : cuts) {
            hear(reader, stream.substr(from, cut - from), lines);
            if (!lines.empty() && lines.back().starts_with("failed")) return lines;
            from = cut;
        }
        hear(reader, stream.substr(from), lines);
        return lines;
    };
    const Lines whole = cut_at({});
    std::vector<std::size_t> each;
    for (std::size_t cut = 1; cut < stream.size(); ++cut) {
        EXPECT_EQ(cut_at({cut}), whole) << "cut at " << cut;
        each.push_back(cut);
    }
    EXPECT_EQ(cut_at(each), whole) << "byte by byte";
    return whole;
}

std::string deflated_text(std::string_view message) {
    return frame(fin | rsv1 | 1, squeezed(message));
}

TEST(DeflatedFrames, compressed_and_plain_messages_come_in_any_order) {
    EXPECT_EQ(heard_deflated(deflated_text("one") + text("two") + frame(fin | rsv1 | 2, squeezed("\xff\0"s)) +
                             binary("\xff") + deflated_text("three")),
              (Lines{"text one", "text two", "binary \xff\0"s, "binary \xff", "text three"}));
}

TEST(DeflatedFrames, fragments_are_one_message_cut_anywhere_with_controls_between_them) {
    const std::string payload = squeezed("the same words, the same words, the same words");
    for (std::size_t cut = 0; cut <= payload.size(); ++cut)
        EXPECT_EQ(
            heard_deflated(frame(rsv1 | 1, payload.substr(0, cut)) + ping("p") + more("") + last(payload.substr(cut))),
            (Lines{"ping p", "text the same words, the same words, the same words"}))
            << cut;
}

TEST(DeflatedFrames, an_empty_message_is_one) {
    EXPECT_EQ(heard_deflated(deflated_text("") + frame(fin | rsv1 | 1, "") + frame(rsv1 | 2, "") + last("\0"s)),
              (Lines{"text ", "text ", "binary "}));
}

TEST(DeflatedFrames, a_message_that_ends_with_a_final_block_is_whole) {
    const std::string final = zlib_deflated("bye", Z_FINISH);
    EXPECT_EQ(heard_deflated(frame(fin | rsv1 | 1, final) + frame(fin | rsv1 | 1, final + "\0"s) +
                             frame(rsv1 | 1, final) + last(squeezed(" again"))),
              (Lines{"text bye", "text bye", "text bye again"}));
}

TEST(DeflatedFrames, rsv1_begins_a_message_and_stands_nowhere_else) {
    for (const std::string &bytes :
         {frame(fin | rsv1 | 9, ""), frame(fin | rsv1 | 10, ""), frame(fin | rsv1 | 8, ""),
          frame(rsv1 | 1, "\0"s) + frame(fin | rsv1 | 0, ""), first_text("a") + frame(fin | rsv1 | 0, "b"),
          frame(fin | rsv1 | 3, "x"), frame(fin | rsv1 | 0, "x")})
        EXPECT_EQ(heard_deflated(bytes).back(), "failed 1002 RSV1 on a frame that begins no message");
    for (const unsigned bits : {rsv2, rsv1 | rsv2, rsv1 | 0x10, 0x10u})
        EXPECT_EQ(heard_deflated(frame(fin | bits | 1, "\0"s)), Lines{"failed 1002 reserved bits are set"});
    EXPECT_EQ(heard(deflated_text("x")), Lines{"failed 1002 reserved bits are set"}) << "it was not agreed on";
}

TEST(DeflatedFrames, text_is_utf8_when_it_is_inflated) {
    EXPECT_EQ(heard_deflated(deflated_text("zo\xc3\xab")), Lines{"text zo\xc3\xab"});
    EXPECT_EQ(heard_deflated(deflated_text("zo\xc3")), Lines{"failed 1007 text is not UTF-8"});
    EXPECT_EQ(heard_deflated(frame(rsv1 | 1, squeezed("\xff").substr(0, 1)) + last(squeezed("\xff").substr(1))),
              Lines{"failed 1007 text is not UTF-8"});
    EXPECT_EQ(heard_deflated(frame(fin | rsv1 | 2, squeezed("\xff"))), Lines{"binary \xff"});
}

TEST(DeflatedFrames, what_is_no_deflate_is_1007) {
    EXPECT_EQ(heard_deflated(frame(fin | rsv1 | 1, "\xff\xff\xff\xff")),
              Lines{"failed 1007 compressed data is broken"});
    EXPECT_EQ(heard_deflated(frame(fin | rsv1 | 1, squeezed("Hello").substr(0, 3)) + text("behind")),
              Lines{"failed 1007 compressed data is broken"});
}

TEST(DeflatedFrames, a_message_of_the_limit_is_read_and_a_bomb_is_1009) {
    const std::string most(limit, 'x');
    EXPECT_EQ(heard_deflated(deflated_text(most)), Lines{"text " + most});
    EXPECT_EQ(heard_deflated(deflated_text(most + "x")), Lines{"failed 1009 message is too big"});
    EXPECT_EQ(heard_deflated(deflated_text(std::string(100'000, 'x'))), Lines{"failed 1009 message is too big"});
}

TEST(DeflatedFrames, a_message_of_the_limit_is_read_though_it_can_not_be_compressed) {
    std::mt19937 random(1);
    std::string most(limit, '\0');
    for (char &byte : most) byte = static_cast<char>(random());
    for (const int level : {0, 6}) {
        const std::string payload = squeezed(most, 15, level);
        ASSERT_GT(payload.size(), limit);
        EXPECT_EQ(heard_deflated(frame(fin | rsv1 | 2, payload)), Lines{"binary " + most});
    }
}

TEST(DeflatedFrames, what_is_held_of_a_message_is_what_was_sent_up_to_its_limit) {
    // Blocks with nothing in them: the message never grows.
    const std::string nothing(compressed_max(limit), '\0');
    Inflater inflater;
    FrameReader reader(limit, &inflater);
    Lines lines;
    hear(reader, header(rsv1 | 2, nothing.size()) + masked(nothing), lines);
    EXPECT_EQ(lines, Lines{});
    hear(reader, header(0, 1), lines);
    EXPECT_EQ(lines, Lines{"failed 1009 message is too big"});
    EXPECT_EQ(inflater.bytes(), 0U) << "nothing was inflated before the end";
    EXPECT_EQ(heard_deflated(header(fin | rsv1 | 2, compressed_max(limit) + 1)),
              Lines{"failed 1009 message is too big"});
}

TEST(DeflatedFrames, a_reader_remembers_nothing_between_two_messages) {
    Inflater inflater;
    FrameReader reader(limit, &inflater);
    Lines lines;
    hear(reader, deflated_text(std::string(limit, 'x')), lines);
    EXPECT_TRUE(reader.idle());
    hear(reader, frame(rsv1 | 1, ""), lines);
    EXPECT_FALSE(reader.idle());
}

}  // namespace
}  // namespace mempool::websocket
