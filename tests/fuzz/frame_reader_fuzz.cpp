// SPDX-License-Identifier: MIT
/// Property: what FrameReader reads does not depend on how the bytes are cut into inputs, nor on a new reader at every
/// idle point; it never allocates beyond the message limit, what it hands out lies in the input or in what it gathered
/// and is within its kind's bounds, text is UTF-8; and what the writer writes, masked, reads back.
///
/// An input: byte 0 chooses the limit, byte 1 seeds the cuts, the rest is the client's stream. libFuzzer's own thread
/// only.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "check.hpp"
#include "unit/websocket/allocations.hpp"
#include "unit/websocket/client_frames.hpp"
#include "websocket/frame_writer.hpp"

namespace {

using namespace mempool::websocket;
using namespace mempool::websocket::test;
using Kind = Inbound::Kind;

void check_bounds(const Inbound &inbound, std::size_t limit) {
    // Reads every byte, so that AddressSanitizer sees where the views lie.
    const bool utf8 = mempool::utf8_valid(inbound.payload) && mempool::utf8_valid(inbound.reason);
    switch (inbound.kind) {
        case Kind::text:
            FUZZ_CHECK(utf8);
            [[fallthrough]];
        case Kind::binary:
            FUZZ_CHECK(inbound.payload.size() <= limit);
            break;
        case Kind::ping:
        case Kind::pong:
            FUZZ_CHECK(inbound.payload.size() <= control_max_bytes);
            break;
        case Kind::close:
            FUZZ_CHECK(utf8 && inbound.payload.empty());
            FUZZ_CHECK(inbound.reason.size() <= control_max_bytes - 2);
            FUZZ_CHECK(inbound.code == CloseCode::none || close_code_valid(static_cast<std::uint16_t>(inbound.code)));
            break;
        case Kind::failed:
            FUZZ_CHECK(inbound.code == CloseCode::protocol || inbound.code == CloseCode::bad_text ||
                       inbound.code == CloseCode::too_big || inbound.code == CloseCode::policy);
            FUZZ_CHECK(!inbound.reason.empty() && inbound.reason.size() <= control_max_bytes - 2);
            break;
        case Kind::need_more:
            FUZZ_CHECK(inbound.payload.empty());
            break;
    }
}

/// Reads the stream in pieces of the sizes that `piece` gives; `renew`: a new reader wherever the old one is idle.
template <class Piece>
Lines read(std::string_view stream, std::size_t limit, bool renew, Piece piece) {
    Lines lines;
    std::optional<FrameReader> reader(limit);
    while (true) {
        const Input copy(stream.substr(0, std::min(stream.size(), piece())));
        stream.remove_prefix(copy.bytes().size());
        std::span<char> input = copy.bytes();
        while (true) {
            Inbound inbound;
            const Allocations seen = allocated_by([&] { inbound = reader->next(input); });
            // The terminator; and what libstdc++ rounds a tiny string up to.
            FUZZ_CHECK(seen.largest <= std::max<std::size_t>(limit + 1, 31));
            check_bounds(inbound, limit);
            if (inbound.kind == Kind::need_more) break;
            lines.push_back(line(inbound));
            if (inbound.kind == Kind::failed) return lines;
        }
        FUZZ_CHECK(input.empty());
        if (stream.empty()) return lines;
        if (renew && reader->idle()) reader.emplace(limit);
    }
}

void check_writer(std::string_view payload, unsigned seed) {
    const std::string key = big_endian(seed * 2654435761u, 4);
    std::string out;
    append_frame(out, Opcode::binary, payload);
    FUZZ_CHECK(out.size() == header_bytes(payload.size()) + payload.size());
    FUZZ_CHECK(heard(sent_by_client(out, key)) == Lines{std::string("binary ").append(payload)});

    const std::string reason = mempool::utf8_replaced(payload);
    out.clear();
    append_close(out, CloseCode::policy, reason);
    const Lines close = heard(sent_by_client(out, key));
    FUZZ_CHECK(close.size() == 1 && close[0].starts_with("close 1008 "));
    FUZZ_CHECK(reason.starts_with(close[0].substr(11)) &&
               close[0].size() - 11 + 3 >= std::min<std::size_t>(reason.size(), 123));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size) {
    if (size < 2) return 0;
    const std::size_t limit = std::size_t{1} << (bytes[0] % 18);  // 1 byte to 128 KiB
    const unsigned seed = bytes[1];
    const std::string_view stream(reinterpret_cast<const char *>(bytes) + 2, size - 2);

    const Lines whole = read(stream, limit, false, [&] { return stream.size(); });
    FUZZ_CHECK(read(stream, limit, false, [] { return std::size_t{1}; }) == whole);
    FUZZ_CHECK(read(stream, limit, true, [] { return std::size_t{1}; }) == whole);
    unsigned state = seed;
    FUZZ_CHECK(read(stream, limit, false, [&] {
                   state = state * 1664525u + 1013904223u;
                   return std::size_t{1} + (state >> 24) % (1 + seed);
               }) == whole);
    check_writer(stream, seed);
    return 0;
}
