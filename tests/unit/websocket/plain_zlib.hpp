// SPDX-License-Identifier: MIT
/// permessage-deflate as a peer does it, by zlib alone: what the tests hold our inflater and deflater to. Pure functions; any thread.
/// Invariant: it shares no code with either.
#pragma once

#include <zlib.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace mempool::websocket::test {

/// A window of 2^bits; flush: Z_SYNC_FLUSH, or Z_FINISH for a final block. All that zlib gives, its tail too.
inline std::string zlib_deflated(std::string_view bytes, int flush = Z_SYNC_FLUSH, int bits = 15, int level = 6) {
    z_stream stream{};
    if (deflateInit2(&stream, level, Z_DEFLATED, -bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::runtime_error("deflateInit2");
    std::string out(bytes.size() + bytes.size() / 8 + 256, '\0');
    stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef *>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    ::deflate(&stream, flush);
    out.resize(out.size() - stream.avail_out);
    deflateEnd(&stream);
    return out;
}

/// What a frame with RSV1 carries for that message (RFC 7692 7.2.1).
inline std::string squeezed(std::string_view message, int bits = 15, int level = 6) {
    std::string out = zlib_deflated(message, Z_SYNC_FLUSH, bits, level);
    out.resize(out.size() - 4);
    return out;
}

/// The message in such a payload; nothing where it is broken.
inline std::optional<std::string> unsqueezed(std::string_view payload) {
    std::string in(payload);
    in.append("\0\0\xff\xff", 4);
    z_stream stream{};
    if (inflateInit2(&stream, -15) != Z_OK) throw std::runtime_error("inflateInit2");
    stream.next_in = reinterpret_cast<Bytef *>(in.data());
    stream.avail_in = static_cast<uInt>(in.size());
    std::string out;
    char piece[4096];
    int status = Z_OK;
    do {
        stream.next_out = reinterpret_cast<Bytef *>(piece);
        stream.avail_out = sizeof piece;
        status = ::inflate(&stream, Z_SYNC_FLUSH);
        out.append(piece, sizeof piece - stream.avail_out);
    } while (status == Z_OK && (stream.avail_in > 0 || stream.avail_out == 0));
    inflateEnd(&stream);
    if ((status != Z_OK && status != Z_BUF_ERROR) || stream.avail_in > 0) return std::nullopt;
    return out;
}

}  // namespace mempool::websocket::test
