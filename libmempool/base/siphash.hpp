// SPDX-License-Identifier: MIT
/// SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012): a hash with a secret. Who does not know the secret can't find two
/// inputs of one digest, nor many that crowd one bucket of a table; two others meet by chance once in 2^64 inputs.
///
/// A value; one thread at a time. No allocation. However the bytes are cut into pieces, the digest is the same.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mempool {

class SipHash {
public:
    using Secret = std::array<std::uint64_t, 2>;
    using Digest = std::array<std::uint64_t, 2>;

    explicit SipHash(const Secret &secret);

    void update(std::string_view bytes);
    /// As eight bytes: to keep apart what follows each other.
    void update(std::uint64_t number);
    /// Of all that came; nothing may follow.
    Digest finish();

private:
    void rounds(int count);
    void word(std::uint64_t word);

    std::array<std::uint64_t, 4> v_;
    std::uint64_t partial_ = 0;  // the bytes behind the last whole word, the first of them lowest
    std::uint64_t size_ = 0;
};

}  // namespace mempool
