// SPDX-License-Identifier: MIT
/// Property: an answer is made of the words of RFC 7692 alone, and of each parameter once; it names no client_max_window_bits that was not
/// offered; offered itself, it is answered by itself; and offers of others before it change nothing.
///
/// An input is the value of Sec-WebSocket-Extensions. libFuzzer's own thread only.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "check.hpp"
#include "http/extensions.hpp"
#include "unit/websocket/client_frames.hpp"

using mempool::http::accept_deflate;

namespace {

/// Takes `word` from the front, if it is there.
bool take(std::string_view &text, std::string_view word) {
    if (!text.starts_with(word)) return false;
    text.remove_prefix(word.size());
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size) {
    const mempool::websocket::test::Input copy({reinterpret_cast<const char *>(bytes), size});
    const std::string_view offers(copy.bytes().data(), copy.bytes().size());
    const auto answer = accept_deflate(offers);
    FUZZ_CHECK(accept_deflate(std::string("other; a=\"b\\\",c\", permessage-deflate; x , ").append(offers)) == answer);
    if (!answer) return 0;

    std::string_view rest = *answer;
    FUZZ_CHECK(take(rest, "permessage-deflate; server_no_context_takeover; client_no_context_takeover"));
    if (take(rest, "; server_max_window_bits=15")) FUZZ_CHECK(offers.find("server_max_window_bits") != offers.npos);
    if (take(rest, "; client_max_window_bits=")) {
        FUZZ_CHECK(offers.find("client_max_window_bits") != offers.npos);
        const int bits = std::stoi(std::string(rest));
        FUZZ_CHECK(bits >= 8 && bits <= 15);
        FUZZ_CHECK(take(rest, std::to_string(bits)));
    }
    FUZZ_CHECK(rest.empty());
    FUZZ_CHECK(offers.find("permessage-deflate") != offers.npos);
    FUZZ_CHECK(accept_deflate(*answer) == answer);
    return 0;
}
