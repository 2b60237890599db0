// SPDX-License-Identifier: MIT
/// How often an address may connect: `rate_limit_connections` new connections a second, in one burst or spread, counted for each IPv4
/// address and each IPv6 /64 (which is what one subscriber gets). Network thread only; time is an argument, and monotonic.
///
/// Memory is fixed, however many addresses come: a table of ways by rows, a row found by a hash with a secret seed. An address that has its
/// whole burst left needs no entry; where a row is full of others, the one that is nearest to that is forgotten. Who floods is thus kept
/// longest, and a table that is too small lets somebody in, never shuts somebody out.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.hpp"

namespace mempool::http {

/// What an address is counted as; 0: not at all (a unix socket).
std::uint64_t rate_key(const sockaddr_storage &peer);

class ConnectionRate {
public:
    static constexpr std::size_t rows = 2048;
    static constexpr std::size_t ways = 8;

    /// per_second: 0 for no limit, and no memory then.
    ConnectionRate(std::uint32_t per_second, std::uint64_t seed);

    /// Whether one more connection may come now; it is counted if so.
    bool take(std::uint64_t key, Instant now);

private:
    struct Entry {
        std::uint64_t key = 0;
        Instant full_again = Instant::min();  // when the whole burst is left again
    };

    Entry &entry_of(std::uint64_t key, Instant now);

    const Clock::duration interval_;  // one connection's share of a second
    const Clock::duration burst_;
    const std::uint64_t seed_;
    std::vector<Entry> table_;
};

}  // namespace mempool::http
