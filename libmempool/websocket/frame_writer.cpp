// SPDX-License-Identifier: MIT
/// The header is built on the stack, so that a frame is two appends and at most one growth of the string.
#include "websocket/frame_writer.hpp"

#include <array>
#include <cassert>
#include <cstdint>

#include "base/utf8.hpp"

namespace mempool::websocket {
namespace {

constexpr unsigned fin = 0x80;
constexpr unsigned rsv1 = 0x40;

}  // namespace

void append_frame(std::string &out, Opcode opcode, std::string_view payload, Coding coding) {
    assert(!is_control(opcode) || (payload.size() <= control_max_bytes && coding == Coding::plain));
    std::array<char, 10> header;
    const std::size_t size = header_bytes(payload.size());
    header[0] = static_cast<char>(fin | (coding == Coding::deflated ? rsv1 : 0) | static_cast<unsigned>(opcode));
    if (size == 2) {
        header[1] = static_cast<char>(payload.size());
    } else {
        header[1] = static_cast<char>(size == 4 ? 126 : 127);
        std::uint64_t rest = payload.size();
        for (std::size_t i = size; i-- > 2; rest >>= 8) header[i] = static_cast<char>(rest & 0xFF);  // network order
        assert(rest == 0);
    }
    // A whole frame or nothing: the only step that can throw comes first. Doubling, as reserve alone need not amortise.
    const std::size_t wanted = out.size() + size + payload.size();
    if (wanted > out.capacity()) out.reserve(wanted > 2 * out.capacity() ? wanted : 2 * out.capacity());
    out.append(header.data(), size).append(payload);
}

Opcode opcode_of(std::string_view frame) {
    return static_cast<Opcode>(static_cast<unsigned char>(frame[0]) & 0x0F);
}

std::string_view payload_of(std::string_view frame) {
    const auto length = static_cast<unsigned char>(frame[1]);
    return frame.substr(length <= 125 ? 2 : length == 126 ? 4 : 10);
}

void append_close(std::string &out, CloseCode code, std::string_view reason) {
    if (code == CloseCode::none) return append_frame(out, Opcode::close, {});
    const auto number = static_cast<std::uint16_t>(code);
    std::array<char, control_max_bytes> body;
    body[0] = static_cast<char>(number >> 8);
    body[1] = static_cast<char>(number & 0xFF);
    const std::string_view cut = utf8_cut(reason, control_max_bytes - 2);
    cut.copy(body.data() + 2, cut.size());
    append_frame(out, Opcode::close, {body.data(), 2 + cut.size()});
}

}  // namespace mempool::websocket
