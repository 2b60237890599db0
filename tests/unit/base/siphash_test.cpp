// SPDX-License-Identifier: MIT
#include "base/siphash.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

using namespace mempool;

namespace {

// Bytes 0, 1 ... 15, as the paper's vectors have it.
constexpr SipHash::Secret secret{0x0706050403020100, 0x0f0e0d0c0b0a0908};

std::string counting(std::size_t size) {
    std::string bytes;
    for (std::size_t at = 0; at < size; ++at) bytes += static_cast<char>(at);
    return bytes;
}

std::string hex(const SipHash::Digest &digest) {
    std::string text;
    for (const std::uint64_t word : digest)
        for (int at = 0; at < 8; ++at) {
            char two[3];
            std::snprintf(two, sizeof two, "%02X", static_cast<unsigned>(word >> (8 * at) & 0xff));
            text += two;
        }
    return text;
}

SipHash::Digest digest_of(std::string_view bytes, const SipHash::Secret &key = secret) {
    SipHash hash(key);
    hash.update(bytes);
    return hash.finish();
}

}  // namespace

TEST(SipHash, digests_are_those_of_openssl) {
    // openssl mac -macopt hexkey:000102030405060708090a0b0c0d0e0f -macopt size:16 SIPHASH
    const struct {
        std::size_t size;
        std::string_view digest;
    } rows[] = {{0, "A3817F04BA25A8E66DF67214C7550293"},  {1, "DA87C1D86B99AF44347659119B22FC45"},
                {7, "A1F1EBBED8DBC153C0B84AA61FF08239"},  {8, "3B62A9BA6258F5610F83E264F31497B4"},
                {15, "5493E99933B0A8117E08EC0F97CFC3D9"}, {16, "6EE2A4CA67B054BBFD3315BF85230577"},
                {63, "5150D1772F50834A503E069A973FBD7C"}};
    for (const auto &row : rows) EXPECT_EQ(hex(digest_of(counting(row.size))), row.digest) << row.size;
}

TEST(SipHash, however_the_bytes_are_cut_the_digest_is_the_same) {
    const std::string bytes = counting(40);
    for (std::size_t first = 0; first <= bytes.size(); ++first)
        for (std::size_t second = first; second <= bytes.size(); ++second) {
            SipHash hash(secret);
            hash.update(std::string_view(bytes).substr(0, first));
            hash.update(std::string_view(bytes).substr(first, second - first));
            hash.update(std::string_view(bytes).substr(second));
            ASSERT_EQ(hash.finish(), digest_of(bytes)) << first << ' ' << second;
        }
}

TEST(SipHash, another_secret_is_another_hash) {
    EXPECT_NE(digest_of("pay"), digest_of("pay", {secret[0], secret[1] ^ 1}));
    EXPECT_NE(digest_of("pay"), digest_of("pay", {secret[0] ^ 1, secret[1]}));
}

TEST(SipHash, a_number_is_its_eight_bytes) {
    SipHash hash(secret);
    hash.update(std::uint64_t{0x0706050403020100});
    EXPECT_EQ(hash.finish(), digest_of(counting(8)));
}
