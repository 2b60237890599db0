// SPDX-License-Identifier: MIT
#include "http/rate.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cassert>
#include <cstring>

namespace mempool::http {
namespace {

constexpr Clock::duration second = std::chrono::seconds(1);

// Above every /64 of global unicast addresses, which begin with 2 or 3.
constexpr std::uint64_t v4_mark = std::uint64_t{0xffff'ffff} << 32;

std::uint64_t mixed(std::uint64_t value) {
    // Two rounds of multiply and fold: every bit of the key reaches every bit of the row.
    for (int round = 0; round < 2; ++round) {
        value ^= value >> 32;
        value *= 0x9e3779b97f4a7c15;  // 2^64 divided by the golden ratio
    }
    return value ^ value >> 32;
}

}  // namespace

std::uint64_t rate_key(const sockaddr_storage &peer) {
    const auto v4_key = [](const void *address) {
        std::uint32_t bits;
        std::memcpy(&bits, address, sizeof bits);
        return v4_mark | ntohl(bits);
    };
    if (peer.ss_family == AF_INET) return v4_key(&reinterpret_cast<const sockaddr_in &>(peer).sin_addr);
    if (peer.ss_family != AF_INET6) return 0;
    const in6_addr &address = reinterpret_cast<const sockaddr_in6 &>(peer).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&address)) return v4_key(&address.s6_addr[12]);
    std::uint64_t prefix = 0;
    for (int byte = 0; byte < 8; ++byte) prefix = prefix << 8 | address.s6_addr[byte];
    return std::max<std::uint64_t>(prefix, 1);  // ::1 is one too
}

ConnectionRate::ConnectionRate(std::uint32_t per_second, std::uint64_t seed)
    : interval_(per_second == 0 ? Clock::duration::zero() : second / per_second),
      burst_(interval_ * per_second),
      seed_(seed),
      table_(per_second == 0 ? 0 : rows * ways) {}

bool ConnectionRate::take(std::uint64_t key, Instant now) {
    if (table_.empty() || key == 0) return true;
    Entry &entry = entry_of(key, now);
    const Instant full_again = std::max(entry.full_again, now) + interval_;
    if (full_again > now + burst_) return false;
    entry = {key, full_again};
    return true;
}

ConnectionRate::Entry &ConnectionRate::entry_of(std::uint64_t key, Instant now) {
    Entry *const row = &table_[mixed(key ^ seed_) % rows * ways];
    Entry *const end = row + ways;
    if (Entry *const found = std::find_if(row, end, [&](const Entry &entry) { return entry.key == key; }); found != end)
        return *found;
    Entry &forgotten =
        *std::min_element(row, end, [](const Entry &a, const Entry &b) { return a.full_again < b.full_again; });
    forgotten = {0, now};
    return forgotten;
}

}  // namespace mempool::http
