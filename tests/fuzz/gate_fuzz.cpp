// SPDX-License-Identifier: MIT
/// Property: what the gate accepts, Beast's parser reads as one request with the same method, target, version, fields and framing, from the
/// same bytes; and the gate's verdict does not depend on how the bytes are cut.
///
/// An input is a cut (its first byte) and the bytes of a connection. libFuzzer's own thread only.
#include "http/gate.hpp"

#include <algorithm>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <string>

#include "base/ascii.hpp"
#include "check.hpp"

namespace {

using namespace mempool::http;
namespace beast = boost::beast;

/// The header block the simplest way: split at CRLF. The gate said that there is no other end of line in it.
struct Lines {
    std::string_view rest;
    std::string_view next() {
        const std::size_t end = rest.find("\r\n");
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(end + 2);
        return line;
    }
};

void beast_agrees(const Gate &gate, std::string_view bytes) {
    const std::string_view block = bytes.substr(gate.skipped(), gate.size());
    FUZZ_CHECK(block.ends_with("\r\n\r\n") && block.size() + gate.skipped() <= header_max_bytes);
    FUZZ_CHECK(block.find("\r\n\r\n") == block.size() - 4);

    beast::http::request_parser<beast::http::string_body> parser;
    parser.header_limit(header_max_bytes);
    parser.body_limit(boost::none);
    boost::system::error_code error;
    const std::size_t used = parser.put(boost::asio::buffer(block.data(), block.size()), error);
    FUZZ_CHECK(!error && used == block.size() && parser.is_header_done());
    FUZZ_CHECK(parser.chunked() == gate.chunked());
    FUZZ_CHECK(parser.content_length().value_or(0) == gate.content_length());
    FUZZ_CHECK(parser.is_done() == (!gate.chunked() && gate.content_length() == 0));

    const auto &request = parser.get();
    Lines lines{block};
    const std::string_view version = request.version() == 10 ? " HTTP/1.0" : " HTTP/1.1";
    FUZZ_CHECK(lines.next() ==
               std::string(request.method_string()) + " " + std::string(request.target()) + std::string(version));
    std::size_t fields = 0;
    for (const auto &field : request) {
        FUZZ_CHECK(field.value().size() <= value_max_bytes);
        ++fields;
    }
    FUZZ_CHECK(fields <= fields_max && request.count(beast::http::field::host) <= 1);
    std::size_t counted = 0;
    for (std::string_view line = lines.next(); !line.empty(); line = lines.next()) {
        const std::size_t colon = line.find(':');
        const std::string_view value = mempool::trimmed(line.substr(colon + 1));
        const auto [first, last] = request.equal_range(std::string(line.substr(0, colon)));
        FUZZ_CHECK(std::any_of(first, last, [&](const auto &field) { return field.value() == value; }));
        ++counted;
    }
    FUZZ_CHECK(counted == fields);
    if (const auto split = split_absolute(request.target()))
        FUZZ_CHECK(split->path.empty() || split->path.front() == '/' || split->path.front() == '?');
    else
        FUZZ_CHECK(request.target().front() == '/' || request.target() == "*");
}

bool same(const Gate &a, const Gate &b, Verdict verdict) {
    if (verdict == Verdict::refused)
        return a.refusal().status == b.refusal().status && a.refusal().detail == b.refusal().detail;
    return a.size() == b.size() && a.skipped() == b.skipped() && a.chunked() == b.chunked() &&
           a.content_length() == b.content_length();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char *>(data) + 1, size - 1);
    Gate whole;
    const Verdict verdict = whole.look(bytes);
    FUZZ_CHECK(verdict != Verdict::more || bytes.size() <= header_max_bytes);
    if (verdict == Verdict::refused) FUZZ_CHECK(whole.refusal().status >= 400 && !whole.refusal().detail.empty());
    if (verdict == Verdict::accepted) beast_agrees(whole, bytes);

    Gate cut;
    cut.look(bytes.substr(0, bytes.size() * data[0] / 256));
    FUZZ_CHECK(cut.look(bytes) == verdict && same(cut, whole, verdict));

    Gate bytewise;
    Verdict last = Verdict::more;
    for (std::size_t end = 0; end <= bytes.size() && last == Verdict::more; ++end)
        last = bytewise.look(bytes.substr(0, end));
    FUZZ_CHECK(last == verdict && same(bytewise, whole, verdict));
    return 0;
}
