// SPDX-License-Identifier: MIT
/// Property: whatever is published, a reader that follows the HTML standard dispatches exactly one event of it, whole, under its id, with LF
/// for each line end; and what comes behind it is read as if it stood alone.
///
/// An input is a message. libFuzzer's own thread only.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "check.hpp"
#include "fanout/event_stream.hpp"
#include "unit/fanout/event_stream_reader.hpp"

using namespace mempool;
using mempool::test::EventStreamReader;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char *>(bytes), size);
    std::string out;
    event_stream::append_id(out, "k3v9:0");
    event_stream::append_block(out, {.id = "k3v9:1", .event = "message", .data = text});
    event_stream::append_block(out, {.event = "draining", .data = "draining 500", .retry_ms = 500});
    // In two pieces: a client may be sent any.
    EventStreamReader reader;
    reader.take(std::string_view(out).substr(0, size));
    reader.take(std::string_view(out).substr(size));
    FUZZ_CHECK(!reader.in_the_middle());
    const auto blocks = reader.blocks();
    FUZZ_CHECK(blocks.size() == 3);
    FUZZ_CHECK(!blocks[0].data && blocks[0].last_id == "k3v9:0");
    FUZZ_CHECK(blocks[1].data == mempool::test::with_lf(text));
    FUZZ_CHECK(blocks[1].event == "message" && blocks[1].last_id == "k3v9:1" && blocks[1].comments.empty());
    FUZZ_CHECK(blocks[2].data == "draining 500" && blocks[2].last_id == "k3v9:1" && blocks[2].retry_ms == 500U);
    return 0;
}
