// SPDX-License-Identifier: MIT
#include "http/chunks.hpp"

#include <algorithm>
#include <cassert>

#include "base/ascii.hpp"

namespace mempool::http {
namespace {

constexpr std::size_t digits_max = 16;  // 64 bits; more would be leading zeros

}  // namespace

Verdict Chunks::look(std::string_view bytes, std::size_t &walked) {
    Verdict verdict = at_ == At::done ? Verdict::accepted : Verdict::more;
    for (walked = 0; verdict == Verdict::more && walked < bytes.size();) {
        if (at_ != At::octets) {
            verdict = step(bytes[walked]);
            if (verdict != Verdict::refused) ++walked;
            continue;
        }
        const std::uint64_t octets = std::min<std::uint64_t>(left_, bytes.size() - walked);
        walked += octets;
        left_ -= octets;
        if (left_ == 0) at_ = At::octets_cr;
    }
    return verdict;
}

Verdict Chunks::step(char byte) {
    switch (at_) {
        case At::size:  // 7.1: 1*HEXDIG; no white space behind it, which others skip or stumble over
            if (hex_value(byte) >= 0) {
                if (++digits_ > digits_max) return refuse("a chunk's size has more than 16 digits");
                left_ = left_ << 4 | static_cast<std::uint64_t>(hex_value(byte));
                return Verdict::more;
            }
            if (digits_ == 0 || (byte != ';' && byte != '\r'))
                return refuse("a chunk's size is not a hexadecimal number");
            at_ = byte == ';' ? At::extension : At::size_lf;
            return Verdict::more;
        case At::extension:
            if (byte != '\r') return extension(byte);
            at_ = At::size_lf;
            return Verdict::more;
        case At::quoted:
        case At::escaped:
            return extension(byte);
        case At::size_lf:
            if (byte != '\n') return refuse("a CR without its LF behind a chunk's size");
            at_ = left_ == 0 ? At::last_cr : At::octets;
            return Verdict::more;
        case At::octets_cr:
            if (byte != '\r') return refuse("a chunk is longer than its size says");
            at_ = At::octets_lf;
            return Verdict::more;
        case At::octets_lf:
            if (byte != '\n') return refuse("a CR without its LF behind a chunk");
            at_ = At::size;
            digits_ = 0;
            return Verdict::more;
        case At::last_cr:
            if (byte != '\r') return refuse("trailer fields are not taken; send them as header fields");
            at_ = At::last_lf;
            return Verdict::more;
        case At::last_lf:
            if (byte != '\n') return refuse("a CR without its LF at the end of the body");
            at_ = At::done;
            return Verdict::accepted;
        case At::octets:
        case At::done:
            break;
    }
    assert(false);
    return Verdict::refused;
}

/// 7.1.1: ignored, and bounded over the whole body. An open quotation mark at the end of the line is refused with its CR: another reader
/// might look for the end of the string in the next lines, as Beast does.
Verdict Chunks::extension(char byte) {
    if (!is_visible(byte) && byte != ' ' && byte != '\t')
        return refuse("a chunk's extension holds a control character, or a string that is not closed");
    if (++extension_bytes_ > extensions_max_bytes) return refuse("the body's chunk extensions are longer than 4 KiB");
    if (at_ == At::escaped)
        at_ = At::quoted;
    else if (at_ == At::quoted)
        at_ = byte == '\\' ? At::escaped : byte == '"' ? At::extension : At::quoted;
    else if (byte == '"')
        at_ = At::quoted;
    return Verdict::more;
}

Verdict Chunks::refuse(std::string_view detail) {
    refusal_ = {400, "bad_request", detail};
    return Verdict::refused;
}

}  // namespace mempool::http
