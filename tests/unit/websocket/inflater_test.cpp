// SPDX-License-Identifier: MIT
/// What the inflater makes of compressed messages (RFC 7692 7.2), of bombs and of garbage (bad-inputs, row 27).
#include "websocket/inflater.hpp"

#include <gtest/gtest.h>

#include <random>

#include "unit/websocket/plain_zlib.hpp"

namespace mempool::websocket {
namespace {

using namespace std::string_literals;
using test::squeezed;
using test::zlib_deflated;

/// "whole X", "too big" or "broken".
std::string inflated(std::string_view compressed, std::size_t limit = 1 << 20) {
    Inflater inflater;
    std::string out;
    switch (inflater.inflate(compressed, limit, out)) {
        case Inflater::Outcome::whole:
            EXPECT_LE(out.size(), limit);
            return "whole " + out;
        case Inflater::Outcome::too_big:
            return "too big";
        case Inflater::Outcome::broken:
            return "broken";
    }
    return "?";
}

std::string words(std::size_t size) {
    std::mt19937 random(1);
    std::string out;
    while (out.size() < size) out += "word" + std::to_string(random() % 1000) + ' ';
    out.resize(size);
    return out;
}

TEST(Inflater, reads_the_examples_of_the_rfc) {
    // RFC 7692 7.2.3.1 to 7.2.3.5
    EXPECT_EQ(inflated("\xf2\x48\xcd\xc9\xc9\x07\x00"s), "whole Hello");
    EXPECT_EQ(inflated("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"s), "whole Hello") << "no compression";
    EXPECT_EQ(inflated("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"s), "whole Hello") << "BFINAL, and 00";
    EXPECT_EQ(inflated("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"s), "whole Hello") << "two blocks";
    EXPECT_EQ(inflated("\x02\x00"s), "whole ");
    EXPECT_EQ(inflated("\x00"s), "whole ") << "an empty message";
}

TEST(Inflater, reads_what_any_peer_compresses) {
    for (const std::size_t size : {1, 100, 255, 256, 257, 1023, 1024, 1025, 33'000, 200'000})
        for (const int bits : {9, 12, 15})
            for (const int level : {0, 1, 9}) {
                const std::string message = words(size);
                EXPECT_EQ(inflated(squeezed(message, bits, level)), "whole " + message)
                    << size << " bytes, window " << bits << ", level " << level;
            }
}

TEST(Inflater, a_final_block_ends_the_message_or_has_others_behind_it) {
    const std::string final = zlib_deflated("first ", Z_FINISH);
    EXPECT_EQ(inflated(final), "whole first ") << "without the 00 that RFC 7692 7.2.3.4 asks for";
    EXPECT_EQ(inflated(final + "\0"s), "whole first ");
    EXPECT_EQ(inflated(final + squeezed("second")), "whole first second");
    EXPECT_EQ(inflated(final + zlib_deflated("second", Z_FINISH)), "whole first second");
    EXPECT_EQ(inflated(final + final + final), "whole first first first ");
    EXPECT_EQ(inflated(final + "\xff"s), "broken") << "what is behind it is read";
}

TEST(Inflater, a_message_at_the_limit_is_whole_and_one_byte_more_is_too_big) {
    const std::string message = words(1000);
    for (const int level : {0, 6}) {
        EXPECT_EQ(inflated(squeezed(message, 15, level), 1000), "whole " + message);
        EXPECT_EQ(inflated(squeezed(message, 15, level), 999), "too big");
    }
    EXPECT_EQ(inflated(zlib_deflated(message, Z_FINISH), 1000), "whole " + message);
    EXPECT_EQ(inflated(zlib_deflated(message, Z_FINISH), 999), "too big");
    EXPECT_EQ(inflated("\0"s, 0), "whole ");
    EXPECT_EQ(inflated(squeezed("a"), 0), "too big");
}

TEST(Inflater, a_bomb_takes_no_more_memory_and_work_than_the_limit) {
    constexpr std::size_t limit = 10'000;
    const std::string bomb = squeezed(std::string(64 << 20, '\0'));
    ASSERT_LT(bomb.size(), 70'000U);
    Inflater inflater;
    std::string out;
    EXPECT_EQ(inflater.inflate(bomb, limit, out), Inflater::Outcome::too_big);
    EXPECT_LE(out.capacity(), limit + 1);
    EXPECT_LE(inflater.bytes(), limit + 1);
    EXPECT_EQ(inflater.inflate(squeezed("next"), limit, out), Inflater::Outcome::whole);
    EXPECT_EQ(out, "next");
}

TEST(Inflater, garbage_is_broken_wherever_it_begins) {
    EXPECT_EQ(inflated("\xff\xff\xff\xff"s), "broken") << "a reserved kind of block";
    EXPECT_EQ(inflated("\x00\x05\x00\x00\x00Hello\x00"s), "broken") << "LEN and NLEN differ";
    EXPECT_EQ(inflated("\x02\x02\x00\x00"s), "broken") << "refers to what is before the message";
    const std::string message = words(5000);
    const std::string good = squeezed(message);
    for (std::size_t cut = 1; cut < good.size(); cut += 7)
        EXPECT_EQ(inflated(good.substr(0, cut)), "broken") << "cut off at " << cut;
    EXPECT_EQ(inflated(good + "\xff"s), "broken");
}

TEST(Inflater, remembers_nothing_of_the_message_before) {
    const std::string message = words(5000);
    const std::string good = squeezed(message);
    Inflater inflater;
    std::string out;
    for (const std::string &before : {good, good.substr(0, 100), "\xff"s, zlib_deflated(message, Z_FINISH)}) {
        static_cast<void>(inflater.inflate(before, 4000, out));
        ASSERT_EQ(inflater.inflate(good, 5000, out), Inflater::Outcome::whole);
        EXPECT_EQ(out, message);
        // One that goes on where that ended: its window is gone.
        EXPECT_EQ(inflater.inflate("\x02\x02\x00\x00"s, 5000, out), Inflater::Outcome::broken);
    }
    inflater.rest();
    ASSERT_EQ(inflater.inflate(good, 5000, out), Inflater::Outcome::whole);
    EXPECT_EQ(out, message);
    EXPECT_GE(inflater.bytes(), 5 * message.size()) << "what it has cost is still known";
}

}  // namespace
}  // namespace mempool::websocket
