// SPDX-License-Identifier: MIT
/// Property: what the query parser accepts, written again in its plainest form, is accepted as the same; what it refuses, it refuses in
/// UTF-8, and in a few hundred bytes however long the target was. A wait is at most 60 s, whatever the query and the header say.
///
/// An input is a target. libFuzzer's own thread only.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/utf8.hpp"
#include "check.hpp"
#include "http/query.hpp"

using namespace mempool;
using namespace mempool::http;

namespace {

std::string plain(const StreamQuery &query) {
    std::string target = "/?";
    if (query.format) target += *query.format == Format::json ? "format=json&" : "format=text&";
    if (query.slow)
        target += *query.slow == Slow::lag ? "slow=lag&" : *query.slow == Slow::latest ? "slow=latest&" : "slow=close&";
    if (query.since && query.since->epoch.empty()) target += "since=0";
    if (query.since && !query.since->epoch.empty())
        target += "since=" + query.since->epoch + ":" + std::to_string(query.since->heard.value);
    return target;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char *>(bytes), size);
    const auto wait = parse_wait(text, text);
    if (const auto *bad = std::get_if<BadQuery>(&wait))
        FUZZ_CHECK(utf8_valid(bad->detail));
    else
        FUZZ_CHECK(std::get<std::chrono::seconds>(wait).count() <= 60);

    const auto parsed = parse_stream_query(text);
    if (const auto *bad = std::get_if<BadQuery>(&parsed)) {
        FUZZ_CHECK(utf8_valid(bad->detail));
        FUZZ_CHECK(bad->detail.size() < 400);
        return 0;
    }
    const std::string once = plain(std::get<StreamQuery>(parsed));
    const auto again = parse_stream_query(once);
    FUZZ_CHECK(std::holds_alternative<StreamQuery>(again));
    FUZZ_CHECK(plain(std::get<StreamQuery>(again)) == once);
    return 0;
}
