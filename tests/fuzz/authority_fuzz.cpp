// SPDX-License-Identifier: MIT
/// Property: what is read as an origin is, put together again from its parts, the text itself; no part holds a separator; an origin is the
/// same as itself in any case, and as itself with the port that its scheme leaves out; loopback is what inet_aton's like would find too.
///
/// An input is a text. libFuzzer's own thread only.
#include "base/authority.hpp"

#include <cstdint>
#include <string>

#include "base/ascii.hpp"
#include "check.hpp"

using namespace mempool;

namespace {

std::string upper(std::string_view text) {
    std::string raised(text);
    for (char &c : raised)
        if (is_lower(c)) c = static_cast<char>(c - 'a' + 'A');
    return raised;
}

void authority_holds(std::string_view text) {
    const auto authority = parse_authority(text);
    if (!authority) return;
    FUZZ_CHECK(!authority->host.empty() && text.starts_with(authority->host));
    FUZZ_CHECK(authority->host.find_first_of(" \t\r\n/@?#\\,%") == std::string_view::npos);
    const std::string_view behind = text.substr(authority->host.size());
    FUZZ_CHECK(behind.empty() || behind.front() == ':');
    FUZZ_CHECK(authority->port.has_value() == (behind.size() > 1));
    if (authority->port) FUZZ_CHECK(std::stoul(std::string(behind.substr(1))) == *authority->port);
    if (is_loopback(authority->host)) {
        const char last = to_lower(authority->host.back());
        FUZZ_CHECK(last == ']' || last == 't' || is_digit(last));
        FUZZ_CHECK(last != 't' || equal_ignoring_case(authority->host.substr(authority->host.size() - 9), "localhost"));
        FUZZ_CHECK(!is_digit(last) || authority->host.starts_with("127."));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char *>(data), size);
    authority_holds(text);
    const auto origin = parse_origin(text);
    if (!origin) return 0;
    authority_holds(text.substr(origin->scheme.size() + 3));
    FUZZ_CHECK(text.starts_with(std::string(origin->scheme) + "://" + std::string(origin->authority.host)));

    const std::string raised = upper(text);
    const auto again = parse_origin(raised);
    FUZZ_CHECK(again && same_origin(*origin, *again));
    if (origin->authority.port) return 0;
    const bool http = equal_ignoring_case(origin->scheme, "http");
    const std::string with_port = std::string(text) + (http ? ":80" : ":443");
    const auto explicitly = parse_origin(with_port);
    FUZZ_CHECK(explicitly &&
               same_origin(*origin, *explicitly) == (http || equal_ignoring_case(origin->scheme, "https")));
    return 0;
}
