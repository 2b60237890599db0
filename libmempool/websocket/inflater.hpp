// SPDX-License-Identifier: MIT
/// Compressed messages as permessage-deflate receives them (RFC 7692 7.2.2), without context takeover: each whole message on its own, up to a
/// limit that is enforced while it is inflated. Bytes in, bytes and verdicts out; no sockets.
///
/// Owner: whoever receives, one a thread, for all its clients: between two messages it remembers nothing. It takes its 40 KiB with the first
/// message. Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct z_stream_s;

namespace mempool::websocket {

class Inflater {
public:
    enum class Outcome : std::uint8_t {
        whole,
        too_big,  // more than the limit
        broken,   // it is no DEFLATE, or ends in the middle of a block
    };

    Inflater() noexcept;
    ~Inflater();
    Inflater(const Inflater &) = delete;
    Inflater &operator=(const Inflater &) = delete;

    /// compressed: the payloads of the message's frames, together. What comes of it is in `out`, which never has room for more than limit + 1
    /// bytes; it is of use with `whole` only. A block with BFINAL may end the message, or have others behind it, which then
    /// do not refer to what lies before it. std::bad_alloc: the next message can be inflated all the same.
    [[nodiscard]] Outcome inflate(std::string_view compressed, std::size_t limit, std::string &out);

    /// Inflated since the beginning: what it has cost.
    std::uint64_t bytes() const noexcept { return bytes_; }
    /// Gives its memory back, until the next message.
    void rest() noexcept;

private:
    class Message;
    std::unique_ptr<z_stream_s> stream_;  // in one place for good: zlib keeps its address
    std::uint64_t bytes_ = 0;
};

}  // namespace mempool::websocket
