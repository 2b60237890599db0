// SPDX-License-Identifier: MIT
/// zlib's default level: of what a batch or a few hundred bytes of JSON become, and of the time that takes, all levels are alike; of 64 KiB
/// level 1 makes a seventh more bytes in a quarter of the time, but it is compressed once and sent to everybody.
#include "websocket/deflater.hpp"

#include <zlib.h>

#include <cassert>
#include <limits>
#include <new>

#include "websocket/frame_writer.hpp"
#include "websocket/zlib_memory.hpp"

namespace mempool::websocket {
namespace {

constexpr int window_bits = -15;  // 32 KiB, raw DEFLATE: what a client's inflater has that asked for nothing else
constexpr int memory_level = 8;
constexpr std::size_t tail_bytes = 4;  // 00 00 FF FF, the end of a sync flush, which is not sent (7.2.1)

}  // namespace

Deflater::Deflater() : stream_(std::make_unique<z_stream>(fresh_stream())) {
    if (deflateInit2(stream_.get(), Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits, memory_level, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        throw std::bad_alloc();  // all else that it may say is of wrong parameters
}

Deflater::~Deflater() {
    deflateEnd(stream_.get());
}

std::optional<std::string> Deflater::deflate(std::string_view payload) {
    assert(payload.size() <= std::numeric_limits<uInt>::max() - tail_bytes);
    // Room for what is worth having, and one byte by which zlib says that there was room.
    std::string out(payload.size() + tail_bytes, '\0');
    deflateReset(stream_.get());
    stream_->next_in = read_by_zlib(payload.data());
    stream_->avail_in = static_cast<uInt>(payload.size());
    stream_->next_out = reinterpret_cast<Bytef *>(out.data());
    stream_->avail_out = static_cast<uInt>(out.size());
    const int status = ::deflate(stream_.get(), Z_SYNC_FLUSH);
    if (status != Z_OK || stream_->avail_out == 0) return std::nullopt;
    assert(stream_->avail_in == 0);
    const std::size_t size = out.size() - stream_->avail_out;
    assert(size > tail_bytes);
    out.resize(size - tail_bytes);
    return out;
}

void Deflater::shorten(std::string &frame, std::size_t min_bytes) {
    const std::string_view payload = payload_of(frame);
    if (payload.size() < min_bytes) return;
    const std::optional<std::string> deflated = deflate(payload);
    if (!deflated) return;
    const std::size_t before = frame.size();
    const auto opcode = opcode_of(frame);
    assert(!is_control(opcode));
    frame.clear();  // it keeps its room: the shorter one needs no memory
    append_frame(frame, opcode, *deflated, Coding::deflated);
    assert(frame.size() < before);
    static_cast<void>(before);
}

}  // namespace mempool::websocket
