// SPDX-License-Identifier: MIT
#include "base/siphash.hpp"

#include <bit>
#include <cstring>

namespace mempool {
namespace {

std::uint64_t little_endian(const char *bytes, std::size_t count) {
    std::uint64_t word = 0;
    for (std::size_t at = 0; at < count; ++at) word |= std::uint64_t{static_cast<unsigned char>(bytes[at])} << (8 * at);
    return word;
}

std::uint64_t whole_word(const char *bytes) {
    std::uint64_t word;
    if constexpr (std::endian::native == std::endian::little)
        std::memcpy(&word, bytes, sizeof word);
    else
        word = little_endian(bytes, sizeof word);
    return word;
}

}  // namespace

// The constants are "somepseudorandomlygeneratedbytes"; 0xee and 0xdd tell the 128 bits from the hash of 64.
SipHash::SipHash(const Secret &secret)
    : v_{secret[0] ^ 0x736f6d6570736575, secret[1] ^ 0x646f72616e646f6d ^ 0xee, secret[0] ^ 0x6c7967656e657261,
         secret[1] ^ 0x7465646279746573} {}

void SipHash::rounds(int count) {
    auto [v0, v1, v2, v3] = v_;
    while (count-- > 0) {
        v0 += v1;
        v2 += v3;
        v1 = std::rotl(v1, 13) ^ v0;
        v3 = std::rotl(v3, 16) ^ v2;
        v0 = std::rotl(v0, 32) + v3;
        v2 += v1;
        v3 = std::rotl(v3, 21) ^ v0;
        v1 = std::rotl(v1, 17) ^ v2;
        v2 = std::rotl(v2, 32);
    }
    v_ = {v0, v1, v2, v3};
}

void SipHash::word(std::uint64_t word) {
    v_[3] ^= word;
    rounds(2);
    v_[0] ^= word;
}

void SipHash::update(std::string_view bytes) {
    const std::size_t held = size_ % 8;
    size_ += bytes.size();
    if (held > 0) {
        const std::size_t taken = bytes.size() < 8 - held ? bytes.size() : 8 - held;
        partial_ |= little_endian(bytes.data(), taken) << (8 * held);
        bytes.remove_prefix(taken);
        if (held + taken < 8) return;
        word(partial_);
    }
    for (; bytes.size() >= 8; bytes.remove_prefix(8)) word(whole_word(bytes.data()));
    partial_ = little_endian(bytes.data(), bytes.size());
}

void SipHash::update(std::uint64_t number) {
    std::array<char, 8> bytes;
    for (std::size_t at = 0; at < bytes.size(); ++at) bytes[at] = static_cast<char>(number >> (8 * at));
    update({bytes.data(), bytes.size()});
}

SipHash::Digest SipHash::finish() {
    word(partial_ | size_ << 56);
    v_[2] ^= 0xee;
    rounds(4);
    const std::uint64_t first = v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
    v_[1] ^= 0xdd;
    rounds(4);
    return {first, v_[0] ^ v_[1] ^ v_[2] ^ v_[3]};
}

}  // namespace mempool
