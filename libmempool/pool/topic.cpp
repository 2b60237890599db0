// SPDX-License-Identifier: MIT
#include "pool/topic.hpp"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace mempool {

std::string random_epoch() {
    constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
    std::array<unsigned char, 8> random;
    if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
        throw std::system_error(errno, std::generic_category(), "getrandom");
    std::string epoch;
    for (const unsigned char byte : random) epoch += alphabet[byte % alphabet.size()];
    return epoch;
}

}  // namespace mempool
