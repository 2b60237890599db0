// SPDX-License-Identifier: MIT
#include "websocket/inflater.hpp"

#include <zlib.h>

#include <algorithm>
#include <cassert>
#include <new>

#include "websocket/zlib_memory.hpp"

namespace mempool::websocket {
namespace {

constexpr int window_bits = -15;  // raw DEFLATE, with the largest window: whichever the client's is

/// The end of a sync flush, which the sender has left out (7.2.1).
constexpr std::string_view tail("\0\0\xff\xff", 4);

/// zlib tells in data_type where it stands: at the end of a block, with so many bits of a byte left.
bool between_blocks(const z_stream &stream) {
    return (stream.data_type & 128) != 0 && (stream.data_type & 7) == 0;
}

}  // namespace

/// One message on its way into `out`.
class Inflater::Message {
public:
    Message(z_stream &stream, std::size_t limit, std::string &out) : stream_(stream), room_max_(limit + 1), out_(out) {
        out_.clear();
    }

    /// Z_OK: all of it was taken. Z_STREAM_END: too, and it ends a final block. Z_BUF_ERROR: the limit is passed. Z_DATA_ERROR.
    int take(std::string_view bytes) {
        stream_.next_in = read_by_zlib(bytes.data());
        stream_.avail_in = static_cast<uInt>(bytes.size());
        for (;;) {
            make_room();
            stream_.next_out = reinterpret_cast<Bytef *>(out_.data() + size_);
            stream_.avail_out = static_cast<uInt>(out_.size() - size_);
            const int status = ::inflate(&stream_, Z_SYNC_FLUSH);
            size_ = out_.size() - stream_.avail_out;
            if (status == Z_MEM_ERROR) throw std::bad_alloc();
            if (status == Z_STREAM_END && stream_.avail_in == 0) return status;
            if (size_ == room_max_) return Z_BUF_ERROR;
            if (status == Z_STREAM_END) {
                inflateReset(&stream_);
                continue;
            }
            // No progress for want of input is no error: the last bits of a block may still lie in zlib.
            if (status != Z_OK && status != Z_BUF_ERROR) return Z_DATA_ERROR;
            if (stream_.avail_in == 0 && stream_.avail_out > 0) return Z_OK;
        }
    }

    std::size_t size() const { return size_; }

private:
    /// Grows fourfold, from what little there is at first: a short message takes little, a long one few steps.
    void make_room() {
        if (size_ < out_.size()) return;
        std::string larger;
        const std::size_t wanted = std::max<std::size_t>({256, 4 * out_.size(), stream_.avail_in});
        larger.resize(std::min(room_max_, wanted));
        larger.replace(0, size_, out_, 0, size_);
        out_.swap(larger);
    }

    z_stream &stream_;
    const std::size_t room_max_;  // the limit, and one byte that tells where it is passed
    std::string &out_;
    std::size_t size_ = 0;  // of out_, what is inflated
};

Inflater::Inflater() noexcept = default;

Inflater::~Inflater() {
    rest();
}

void Inflater::rest() noexcept {
    if (stream_) inflateEnd(stream_.get());
    stream_.reset();
}

Inflater::Outcome Inflater::inflate(std::string_view compressed, std::size_t limit, std::string &out) {
    if (stream_) {
        inflateReset(stream_.get());
    } else {
        auto stream = std::make_unique<z_stream>(fresh_stream());
        if (inflateInit2(stream.get(), window_bits) != Z_OK) throw std::bad_alloc();
        stream_ = std::move(stream);
    }
    Message message(*stream_, limit, out);
    // Nothing at all is an empty message, though a sender should say 00 (7.2.3.6).
    int status = compressed.empty() ? Z_STREAM_END : message.take(compressed);
    // Behind a final block there need not be more (7.2.3.4).
    if (status == Z_OK) {
        status = message.take(tail);
        if (status == Z_OK && !between_blocks(*stream_)) status = Z_DATA_ERROR;
    }
    bytes_ += message.size();
    assert(message.size() <= limit + 1);
    if (status == Z_DATA_ERROR) return Outcome::broken;
    if (status == Z_BUF_ERROR || message.size() > limit) return Outcome::too_big;
    out.resize(message.size());
    return Outcome::whole;
}

}  // namespace mempool::websocket
