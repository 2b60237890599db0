// SPDX-License-Identifier: MIT
/// zlib's memory from the same operator new as all of ours, so that where it has none is seen, and tested, like any other place.
/// Pure; any thread.
#pragma once

#include <zlib.h>

#include <cstddef>
#include <new>

namespace mempool::websocket {

/// A stream that zlib can be given to begin with.
inline z_stream fresh_stream() noexcept {
    z_stream stream{};
    stream.zalloc = [](voidpf, uInt count, uInt bytes) -> voidpf {
        return ::operator new(static_cast<std::size_t>(count) * bytes, std::nothrow);
    };
    stream.zfree = [](voidpf, voidpf memory) { ::operator delete(memory); };
    return stream;
}

/// zlib takes bytes that it only reads as if it wrote them.
inline Bytef *read_by_zlib(const char *bytes) noexcept {
    return reinterpret_cast<Bytef *>(const_cast<char *>(bytes));
}

}  // namespace mempool::websocket
