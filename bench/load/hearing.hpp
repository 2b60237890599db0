// SPDX-License-Identifier: MIT
/// What a client must hear, and the check that it does: every event once, in order, byte for byte, or a `lagged N` that covers it.
/// Knows no socket. Bytes in, progress out, or a Failure that names the client, what was expected and what came.
///
/// Cheap where all is well: the frames that are due are made once for all clients and compared whole, nothing is allocated.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// How far one client is. Numbers are those of the events, or, in a run of batches, of the transactions.
struct Heard {
    std::uint64_t next = 1;       // the event that is due
    std::uint64_t delivered = 0;  // frames of events
    std::uint64_t lagged = 0;     // events that a `lagged N` covered
    std::string answer;           // what it owes the server: a pong
};

class Hearing {
public:
    /// From now on events of `size` bytes are due; size 0: the texts `batch applied N/N txs`.
    void begin(std::size_t size);

    /// Takes the whole frames at the start of `bytes`; returns how many bytes those were.
    std::size_t take(std::string_view bytes, std::size_t client, Heard &heard);

private:
    struct Due {
        std::uint64_t number = 0;
        std::string frame;
    };
    struct Frame {
        std::uint8_t first = 0;  // FIN, RSV and opcode, as they came
        std::string_view payload;
        std::size_t bytes = 0;  // 0: not whole yet
    };

    Due &due(std::uint64_t number);
    static Frame read(std::string_view bytes, std::size_t client);
    void take_other(const Frame &frame, std::string_view whole, std::size_t client, Heard &heard);
    void take_text(std::string_view text, std::string_view whole, std::size_t client, Heard &heard);

    std::size_t size_ = smallest_size;
    std::vector<Due> due_;  // by number, modulo its size
    std::string event_;

    static constexpr std::size_t smallest_size = 16;
};

}  // namespace bench
