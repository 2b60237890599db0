// SPDX-License-Identifier: MIT
/// Property: a chunked body that Chunks lets pass, Beast's parser reads as one body, to the same end, with the octets that a decoder written
/// another way finds and no trailer field; or it refuses an extension's grammar. The verdict does not depend on how the body is cut.
///
/// An input is a cut (its first byte) and what follows the header. libFuzzer's own thread only.
#include "http/chunks.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <string>

#include "check.hpp"

namespace {

using namespace mempool::http;
namespace beast = boost::beast;

/// By lines and std::stoull, where Chunks goes by bytes. Only for what Chunks accepted.
std::string decoded(std::string_view body) {
    std::string octets;
    for (;;) {
        const std::size_t eol = body.find("\r\n");
        const std::size_t size = std::stoull(std::string(body.substr(0, eol)), nullptr, 16);
        body.remove_prefix(eol + 2);
        if (size == 0) {
            FUZZ_CHECK(body == "\r\n");
            return octets;
        }
        FUZZ_CHECK(size + 2 <= body.size() && body.substr(size, 2) == "\r\n");
        octets.append(body.substr(0, size));
        body.remove_prefix(size + 2);
    }
}

void beast_agrees(std::string_view body) {
    constexpr std::string_view header = "POST /tx HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    beast::http::request_parser<beast::http::string_body> parser;
    parser.eager(true);
    boost::system::error_code error;
    parser.put(boost::asio::buffer(header.data(), header.size()), error);
    const std::size_t used = parser.put(boost::asio::buffer(body.data(), body.size()), error);
    if (error == beast::http::error::bad_chunk_extension) return;
    FUZZ_CHECK(!error && used == body.size() && parser.is_done());
    FUZZ_CHECK(parser.get().body() == decoded(body));
    FUZZ_CHECK(std::distance(parser.get().begin(), parser.get().end()) == 2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char *>(data) + 1, size - 1);
    Chunks whole;
    std::size_t walked = 0;
    const Verdict verdict = whole.look(bytes, walked);
    FUZZ_CHECK(walked <= bytes.size() && (verdict != Verdict::more || walked == bytes.size()));
    if (verdict == Verdict::accepted) beast_agrees(bytes.substr(0, walked));

    const std::size_t cut = bytes.size() * data[0] / 256;
    Chunks pieces;
    std::size_t first = 0;
    std::size_t second = 0;
    if (pieces.look(bytes.substr(0, cut), first) == Verdict::refused) {
        FUZZ_CHECK(verdict == Verdict::refused && first == walked);
        return 0;
    }
    FUZZ_CHECK(pieces.look(bytes.substr(first), second) == verdict && first + second == walked);
    FUZZ_CHECK(pieces.refusal().detail == whole.refusal().detail);
    return 0;
}
