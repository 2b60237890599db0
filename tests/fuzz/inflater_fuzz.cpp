// SPDX-License-Identifier: MIT
/// Property: what Inflater makes of a message depends on the message and the limit alone, not on what the inflater has read before; it gives
/// no byte more than the limit and holds one more at most; the limit that a message needs is its size, exactly; FrameReader makes the
/// same of it in frames, however they are cut; and what Deflater makes of any bytes inflates to them again, as zlib itself says.
///
/// An input: byte 0 chooses the limit, byte 1 the cuts, the rest is a compressed message. libFuzzer's own thread only.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/utf8.hpp"
#include "check.hpp"
#include "unit/websocket/client_frames.hpp"
#include "unit/websocket/plain_zlib.hpp"
#include "websocket/deflater.hpp"
#include "websocket/inflater.hpp"

namespace {

using namespace mempool::websocket;
using namespace mempool::websocket::test;
using Outcome = Inflater::Outcome;

Outcome inflate(Inflater &inflater, std::string_view compressed, std::size_t limit, std::string &out) {
    const Input copy(compressed);  // of exactly its size, for AddressSanitizer
    const Outcome outcome = inflater.inflate({copy.bytes().data(), copy.bytes().size()}, limit, out);
    FUZZ_CHECK(out.capacity() <= std::max<std::size_t>(limit + 1, 31));  // what libstdc++ rounds a tiny string up to
    return outcome;
}

/// The message in frames of `piece` bytes, a ping between them.
void check_frames(std::string_view compressed, std::size_t limit, std::size_t piece, Outcome outcome,
                  std::string_view message) {
    if (compressed.size() > compressed_max(limit) || compressed.size() / piece > 10'000) return;
    std::string stream;
    unsigned begins = 0x42;  // RSV1, binary
    for (; compressed.size() > piece; compressed.remove_prefix(piece), begins = 0)
        stream += frame(begins, compressed.substr(0, piece)) + ping("p");
    stream += frame(fin | begins, compressed);
    Inflater inflater;
    FrameReader reader(limit, &inflater);
    Lines lines;
    hear(reader, stream.substr(0, stream.size() / 2), lines);
    hear(reader, stream.substr(stream.size() / 2), lines);
    FUZZ_CHECK(!lines.empty());
    if (outcome == Outcome::whole)
        FUZZ_CHECK(lines.back() == std::string("binary ").append(message));
    else
        FUZZ_CHECK(lines.back().starts_with(outcome == Outcome::too_big ? "failed 1009" : "failed 1007"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size) {
    if (size < 2) return 0;
    const std::size_t limit = std::size_t{1} << (bytes[0] % 18);  // 1 byte to 128 KiB
    const std::size_t piece = std::size_t{1} + bytes[1];
    const std::string_view compressed(reinterpret_cast<const char *>(bytes) + 2, size - 2);

    static Inflater used;  // by every input before
    Inflater fresh;
    std::string message;
    std::string again;
    const Outcome outcome = inflate(fresh, compressed, limit, message);
    FUZZ_CHECK(inflate(used, compressed, limit, again) == outcome);
    FUZZ_CHECK(fresh.bytes() <= limit + 1);
    if (outcome == Outcome::whole) {
        FUZZ_CHECK(again == message && message.size() <= limit);
        FUZZ_CHECK(inflate(used, compressed, message.size(), again) == Outcome::whole && again == message);
        if (!message.empty()) FUZZ_CHECK(inflate(used, compressed, message.size() - 1, again) == Outcome::too_big);
    }
    check_frames(compressed, limit, piece, outcome, message);

    static Deflater deflater;
    for (const std::string_view plain : {compressed, std::string_view(message)}) {
        const auto deflated = deflater.deflate(plain);
        if (!deflated) continue;
        FUZZ_CHECK(deflated->size() < plain.size());
        FUZZ_CHECK(inflate(used, *deflated, plain.size(), again) == Outcome::whole && again == plain);
        FUZZ_CHECK(unsqueezed(*deflated) == plain);
    }
    return 0;
}
