// SPDX-License-Identifier: MIT
/// Property: what is taken from a body of POST /txs keeps to the limits, and written again in the plainest form of its kind it is read
/// as the same. What is refused is refused in UTF-8 and a few hundred bytes, by one of the contract's statuses. Lines lose no byte but
/// their ends.
///
/// An input: a byte for tx_max_bytes, one for queue_capacity, one for the kind, then the body. libFuzzer's own thread only.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.hpp"
#include "base/utf8.hpp"
#include "check.hpp"
#include "http/many.hpp"

using namespace mempool;
using namespace mempool::http;

namespace {

/// How many bytes are no CR and no LF.
std::size_t letters(std::string_view text) {
    std::size_t count = 0;
    for (const char each : text) count += each != '\r' && each != '\n' ? 1U : 0U;
    return count;
}

std::string plain(const std::vector<std::string> &transactions, bool lines) {
    std::string body = lines ? "" : "[";
    for (const std::string &each : transactions) {
        if (lines)
            body += each + "\r\n";
        else
            body += (body.size() > 1 ? "," : "") + json_string(each);
    }
    return lines ? body : body + "]";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size) {
    if (size < 3) return 0;
    const ManyLimits limits{bytes[0] + std::size_t{1}, bytes[1] + std::size_t{1}};
    const bool lines = bytes[2] % 2 == 0;
    const std::string_view body(reinterpret_cast<const char *>(bytes + 3), size - 3);
    const Many many = lines ? read_lines(body, limits) : read_strings(body, limits);
    if (const auto *refused = std::get_if<Reply>(&many)) {
        FUZZ_CHECK(refused->status == 400 || refused->status == 413);
        FUZZ_CHECK(utf8_valid(refused->body) && refused->body.size() < 400);
        return 0;
    }
    const auto &transactions = std::get<std::vector<std::string>>(many);
    FUZZ_CHECK(!transactions.empty() && transactions.size() <= limits.count_max);
    std::size_t taken = 0;
    for (const std::string &each : transactions) {
        FUZZ_CHECK(!each.empty() && each.size() <= limits.tx_max_bytes);
        FUZZ_CHECK(lines ? each.find('\n') == std::string::npos : utf8_valid(each));
        taken += letters(each);
    }
    if (lines) FUZZ_CHECK(taken == letters(body));
    const Many again =
        lines ? read_lines(plain(transactions, lines), limits) : read_strings(plain(transactions, lines), limits);
    FUZZ_CHECK(std::holds_alternative<std::vector<std::string>>(again));
    FUZZ_CHECK(std::get<std::vector<std::string>>(again) == transactions);
    return 0;
}
