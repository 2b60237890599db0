// SPDX-License-Identifier: MIT
/// The framing of a chunked body (RFC 9112 7.1), walked before the parser sees it: a size in up to 16 hexadecimal digits, extensions that
/// are ignored and bounded (7.1.1), CRLF and nothing else for an end of line, no trailer fields (RFC 9110 6.5.1: a field that comes after
/// the body must not be taken for one that came before it).
///
/// Bytes in, a verdict out: no I/O, no allocation. One thread at a time. However the body is cut into pieces, the verdict is the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/gate.hpp"

namespace mempool::http {

/// Bytes of all extensions of one body together.
inline constexpr std::size_t extensions_max_bytes = 4 * 1024;

class Chunks {
public:
    /// Walks over what came, up to the body's end. `walked`: how many bytes are good and of this body; behind an accepted one another request may follow.
    Verdict look(std::string_view bytes, std::size_t &walked);

    /// Valid once it is refused.
    const Refusal &refusal() const { return refusal_; }

private:
    enum class At {
        size,
        extension,
        quoted,  // in a quoted-string of an extension (RFC 9110 5.6.4)
        escaped,
        size_lf,
        octets,  // `left_` of the chunk's
        octets_cr,
        octets_lf,
        last_cr,  // where trailer fields would be
        last_lf,
        done,
    };

    Verdict step(char byte);
    Verdict extension(char byte);
    Verdict refuse(std::string_view detail);

    At at_ = At::size;
    std::size_t digits_ = 0;
    std::size_t extension_bytes_ = 0;
    std::uint64_t left_ = 0;
    Refusal refusal_{};
};

}  // namespace mempool::http
