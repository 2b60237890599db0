// SPDX-License-Identifier: MIT
/// Where the messages of the clients go, as an audience sees it: somebody above, who may answer. Every call comes on the shard's thread.
/// Owned by the HTTP side; outlives the shard's run().
///
/// What is answered goes out between two events, to that client alone, and is no part of the stream. A client that does not read its
/// answers is not read either (audience.hpp), so that they are bounded by what one read can bring and by what the inbox says later.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "fanout/kernel.hpp"
#include "fanout/manner.hpp"

namespace mempool {

/// A client that has said something. Seats are reused, names never: who comes later is never taken for this one.
struct Speaker {
    SeatId seat;
    std::uint64_t name;
};

/// A whole message of a client's; text is UTF-8.
struct Said {
    Format format;  // that the client reads the stream in
    bool binary;
    std::string_view payload;
};

class Inbox {
public:
    /// Appends whole frames to `answers`, or nothing. False: nobody wanted this message, it is ignored. It calls nothing of the audience.
    /// std::bad_alloc: the client is ended.
    virtual bool message(const Speaker &who, const Said &said, std::string &answers) = 0;
    /// Who has said something is gone: what it waits for is nobody's. It calls nothing of the audience.
    virtual void left(const Speaker &who) noexcept = 0;

protected:
    ~Inbox() = default;
};

/// The names of those who have said something, until they leave. Owned by an audience; shard thread only.
class Speakers {
public:
    Speaker of(SeatId seat) {
        const auto [here, is_new] = names_.try_emplace(seat, last_ + 1);
        if (is_new) ++last_;
        return {seat, here->second};
    }
    bool is_here(const Speaker &who) const {
        const auto here = names_.find(who.seat);
        return here != names_.end() && here->second == who.name;
    }
    /// Who it was, if it has said something.
    std::optional<Speaker> left(SeatId seat) noexcept {
        const auto here = names_.find(seat);
        if (here == names_.end()) return std::nullopt;
        const Speaker who{seat, here->second};
        names_.erase(here);
        return who;
    }

private:
    std::unordered_map<SeatId, std::uint64_t> names_;
    std::uint64_t last_ = 0;
};

}  // namespace mempool
