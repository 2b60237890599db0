// SPDX-License-Identifier: MIT
/// What an audience asks of the system: its clients' sockets, and the time. Sockets (fanout/sockets) is the real one; tests have sockets
/// in memory and a clock moved by hand; TLS will be another. No call waits. Shard thread only.
///
/// One virtual call stands beside each system call: a nanosecond or two beside some thousand.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/clock.hpp"

namespace mempool {

using SeatId = std::uint32_t;

/// How many bytes the socket took, or that the client is gone. Fewer than were offered: it is full, and writability will be told.
struct Written {
    std::size_t bytes = 0;
    bool gone = false;
    bool timed_out = false;  // gone, as the peer acknowledged nothing for so long that TCP gave it up
};

struct Received {
    enum class Kind {
        bytes,
        nothing,    // for now; readability will be told
        end,        // the peer sends no more
        gone,       // the connection is dead
        timed_out,  // it is, as above
    };
    Kind kind;
    std::size_t bytes = 0;
};

/// One piece for one socket, and what came of it.
struct Offer {
    int socket;
    iovec from;
    Written written = {};
};

/// What a socket has to tell.
struct Readiness {
    bool readable = false;
    bool writable = false;
    bool ended = false;  // the peer sends no more: a read to the end will see it
    bool gone = false;   // the connection is dead; a read tells why
};

class Kernel {
public:
    virtual Instant now() = 0;
    /// From now on the socket's readiness is told for this seat, once for each change (edge-triggered), until it is ended.
    /// False where the system has no room for it.
    virtual bool watch(int socket, SeatId seat) = 0;
    virtual Written write(int socket, std::span<iovec> from) = 0;
    /// Each offer as by write(), in any order; none is under way when it returns.
    virtual void write_many(std::span<Offer> offers) {
        for (Offer &offer : offers) offer.written = write(offer.socket, {&offer.from, 1});
    }
    virtual Received read(int socket, std::span<char> into) = 0;
    /// No byte of ours will follow; what the peer still sends can be read.
    virtual void finish(int socket) = 0;
    /// Ends the connection; the peer can read what was written.
    virtual void end(int socket) = 0;
    /// Ends the connection and forgets what was written: the peer takes nothing, or is not there.
    virtual void abort(int socket) = 0;

protected:
    ~Kernel() = default;
};

}  // namespace mempool
