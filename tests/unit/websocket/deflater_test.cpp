// SPDX-License-Identifier: MIT
/// What the deflater makes of messages is what zlib reads back as them, and is left alone where it would not be shorter.
#include "websocket/deflater.hpp"

#include <gtest/gtest.h>

#include <random>

#include "unit/websocket/plain_zlib.hpp"
#include "websocket/frame_writer.hpp"

namespace mempool::websocket {
namespace {

using namespace std::string_literals;
using test::unsqueezed;

std::string noise(std::size_t size) {
    std::mt19937 random(1);
    std::string out(size, '\0');
    for (char &byte : out) byte = static_cast<char>(random());
    return out;
}

std::string frame_of(Opcode opcode, std::string_view payload) {
    std::string out;
    append_frame(out, opcode, payload);
    return out;
}

TEST(Deflater, what_it_makes_inflates_to_the_message) {
    Deflater deflater;
    for (const std::size_t size : {20, 125, 126, 300, 65535, 65536, 1 << 20}) {
        std::string message;
        while (message.size() < size) message += R"({"type":"batch","applied":)" + std::to_string(message.size()) + "}";
        message.resize(size);
        const auto deflated = deflater.deflate(message);
        if (size == 20 && !deflated) continue;
        ASSERT_TRUE(deflated) << size;
        EXPECT_LT(deflated->size(), size);
        EXPECT_EQ(unsqueezed(*deflated), message) << size;
    }
}

TEST(Deflater, what_would_not_get_shorter_is_left_alone) {
    Deflater deflater;
    for (const std::string &message : {""s, "a"s, "short"s, noise(300), noise(70'000)})
        EXPECT_FALSE(deflater.deflate(message)) << message.size();
    EXPECT_TRUE(deflater.deflate("aaaaaaaaaa")) << "ten of a kind are";
}

TEST(Deflater, a_message_is_compressed_as_if_there_had_been_none_before_it) {
    const std::string message(1000, 'x');
    Deflater once;
    Deflater again;
    EXPECT_FALSE(again.deflate(noise(70'000))) << "stopped in the middle";
    EXPECT_TRUE(again.deflate(std::string(5000, 'x')));
    EXPECT_EQ(again.deflate(message), once.deflate(message));
}

TEST(Deflater, a_frame_that_gets_shorter_has_rsv1_and_the_same_opcode) {
    Deflater deflater;
    for (const Opcode opcode : {Opcode::text, Opcode::binary})
        for (const std::size_t size : {100, 200, 100'000}) {
            const std::string message(size, 'x');
            std::string frame = frame_of(opcode, message);
            deflater.shorten(frame, size);
            EXPECT_EQ(static_cast<unsigned char>(frame[0]), 0xC0U | static_cast<unsigned>(opcode));
            EXPECT_LT(frame.size(), header_bytes(size) + size);
            const std::string_view payload = payload_of(frame);
            EXPECT_EQ(frame.size(), header_bytes(payload.size()) + payload.size());
            EXPECT_EQ(unsqueezed(payload), message);
        }
}

TEST(Deflater, a_frame_that_is_short_or_gets_no_shorter_stays_as_it_is) {
    Deflater deflater;
    std::string frame = frame_of(Opcode::text, std::string(100, 'x'));
    const std::string before = frame;
    deflater.shorten(frame, 101);
    EXPECT_EQ(frame, before);
    deflater.shorten(frame, 100);
    EXPECT_NE(frame, before);

    for (const std::string &payload : {noise(126), noise(70'000), ""s}) {
        frame = frame_of(Opcode::binary, payload);
        deflater.shorten(frame, 0);
        EXPECT_EQ(frame, frame_of(Opcode::binary, payload));
    }
}

}  // namespace
}  // namespace mempool::websocket
