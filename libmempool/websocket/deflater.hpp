// SPDX-License-Identifier: MIT
/// Messages as permessage-deflate sends them (RFC 7692 7.2.1), without context takeover: each is compressed on its own, so that the same bytes
/// go to every client. Payloads in, payloads out; no sockets.
///
/// Owner: whoever sends, one a thread; it costs 264 KiB however many clients there are, and takes no more while it works but for what it
/// gives. Threads: one at a time.
/// Always holds: what it has made of one message depends on that message alone.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct z_stream_s;

namespace mempool::websocket {

class Deflater {
public:
    /// Throws std::bad_alloc.
    Deflater();
    ~Deflater();
    Deflater(const Deflater &) = delete;
    Deflater &operator=(const Deflater &) = delete;

    /// What a frame with RSV1 carries for this payload, of which there are below 4 GiB; nothing where that would not be shorter.
    [[nodiscard]] std::optional<std::string> deflate(std::string_view payload);

    /// One whole frame that append_frame wrote becomes the compressed frame of the same message, where its payload has at least min_bytes and
    /// that is shorter. std::bad_alloc: the frame is as it was.
    void shorten(std::string &frame, std::size_t min_bytes);

private:
    std::unique_ptr<z_stream_s> stream_;  // in one place for good: zlib keeps its address
};

}  // namespace mempool::websocket
