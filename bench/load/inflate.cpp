// SPDX-License-Identifier: MIT
#include "load/inflate.hpp"

#ifdef BENCH_HAS_ZLIB
#include <zlib.h>

namespace bench {
const bool can_inflate = true;

std::string inflated(std::string_view deflated) {
    std::string in(deflated);
    in.append("\0\0\xff\xff", 4);
    std::string out(1 << 16, '\0');
    z_stream stream{};
    if (inflateInit2(&stream, -15) != Z_OK) return {};
    stream.next_in = reinterpret_cast<Bytef *>(in.data());
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef *>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int result = inflate(&stream, Z_SYNC_FLUSH);
    const bool whole = (result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR) && stream.avail_in == 0;
    out.resize(whole ? out.size() - stream.avail_out : 0);
    inflateEnd(&stream);
    return out;
}
}  // namespace bench
#else
namespace bench {
const bool can_inflate = false;
std::string inflated(std::string_view) {
    return {};
}
}  // namespace bench
#endif
