// SPDX-License-Identifier: MIT
#include "http/many.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <optional>
#include <utility>

#include "base/ascii.hpp"
#include "base/utf8.hpp"

namespace mempool::http {
namespace {

using ErrorCode = boost::system::error_code;

constexpr std::string_view an_array = "give a JSON array of strings, such as [\"pay alice bob 5\",\"pay bob eve 2\"]";

Reply bad_request(std::string_view detail) {
    return error_reply(400, "bad_request", detail);
}

Reply none() {
    return error_reply(400, "empty", "there is no transaction in the body; give at least one");
}

Reply too_many(const ManyLimits &limits) {
    return error_reply(413, "too_large",
                       "the body holds more transactions than the whole queue: " + std::to_string(limits.count_max) +
                           " (queue_capacity); send them in several requests");
}

/// number: which of them, counted from 1.
Reply too_long(std::size_t number, const ManyLimits &limits) {
    return error_reply(413, "too_large",
                       "transaction " + std::to_string(number) + " is longer than " +
                           std::to_string(limits.tx_max_bytes) + " bytes (tx_max_bytes); none was queued");
}

/// Takes the next line that is not empty off the text; empty at its end.
std::string_view next_line(std::string_view &text) {
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (end != std::string_view::npos && line.ends_with('\r')) line.remove_suffix(1);
        if (!line.empty()) return line;
    }
    return {};
}

/// Hears the parser's events, and stops it at the first that does not belong into an array of strings.
class Strings {
public:
    // The parser's own limits: ours are in what follows.
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

    explicit Strings(const ManyLimits &limits) : limits_(limits) {}

    std::vector<std::string> strings;
    std::optional<Reply> refusal;

    bool on_array_begin(ErrorCode &error) {
        if (std::exchange(in_array_, true)) return stop(error, bad_request(an_array));
        return true;
    }
    bool on_string_part(boost::json::string_view part, std::size_t, ErrorCode &error) {
        if (!in_array_) return stop(error, bad_request(an_array));
        if (strings.size() == limits_.count_max) return stop(error, too_many(limits_));
        if (part.size() > limits_.tx_max_bytes - current_.size())
            return stop(error, too_long(strings.size() + 1, limits_));
        current_.append(part.data(), part.size());
        return true;
    }
    bool on_string(boost::json::string_view rest, std::size_t total, ErrorCode &error) {
        if (!on_string_part(rest, total, error)) return false;
        if (current_.empty())
            return stop(error, error_reply(400, "empty",
                                           "transaction " + std::to_string(strings.size() + 1) +
                                               " is empty; give each 1 byte or more; none was queued"));
        strings.push_back(std::move(current_));
        current_.clear();
        return true;
    }
    bool on_object_begin(ErrorCode &error) { return stop(error, bad_request(an_array)); }
    bool on_number_part(boost::json::string_view, ErrorCode &error) { return stop(error, bad_request(an_array)); }
    bool on_int64(std::int64_t, boost::json::string_view, ErrorCode &error) { return on_number_part({}, error); }
    bool on_uint64(std::uint64_t, boost::json::string_view, ErrorCode &error) { return on_number_part({}, error); }
    bool on_double(double, boost::json::string_view, ErrorCode &error) { return on_number_part({}, error); }
    bool on_bool(bool, ErrorCode &error) { return stop(error, bad_request(an_array)); }
    bool on_null(ErrorCode &error) { return stop(error, bad_request(an_array)); }

    bool on_document_begin(ErrorCode &) { return true; }
    bool on_document_end(ErrorCode &) { return true; }
    bool on_array_end(std::size_t, ErrorCode &) { return true; }
    // Of objects and comments, which never get so far
    bool on_object_end(std::size_t, ErrorCode &) { return true; }
    bool on_key_part(boost::json::string_view, std::size_t, ErrorCode &) { return true; }
    bool on_key(boost::json::string_view, std::size_t, ErrorCode &) { return true; }
    bool on_comment_part(boost::json::string_view, ErrorCode &) { return true; }
    bool on_comment(boost::json::string_view, ErrorCode &) { return true; }

private:
    bool stop(ErrorCode &error, Reply reply) {
        refusal = std::move(reply);
        error = boost::json::error::syntax;  // any: the parser only has to stop
        return false;
    }

    const ManyLimits limits_;
    std::string current_;
    bool in_array_ = false;
};

}  // namespace

Many read_lines(std::string_view body, const ManyLimits &limits) {
    // First without memory: a body of line ends and single letters would become sixteen times as large.
    std::size_t count = 0;
    std::string_view unread = body;
    for (std::string_view line = next_line(unread); !line.empty(); line = next_line(unread)) {
        if (++count > limits.count_max) return too_many(limits);
        if (line.size() > limits.tx_max_bytes) return too_long(count, limits);
    }
    if (count == 0) return none();
    std::vector<std::string> lines;
    lines.reserve(count);
    while (lines.size() < count) lines.emplace_back(next_line(body));
    return lines;
}

Many read_strings(std::string_view body, const ManyLimits &limits) {
    if (body.empty()) return none();
    boost::json::basic_parser<Strings> parser({}, limits);
    ErrorCode error;
    const std::size_t read = parser.write_some(false, body.data(), body.size(), error);
    if (parser.handler().refusal) return *std::move(parser.handler().refusal);
    if (!error && read < body.size()) error = boost::json::error::extra_data;
    if (error)
        return bad_request("the body is no JSON text (behind string " +
                           std::to_string(parser.handler().strings.size()) + ": " + error.message() + "); " +
                           std::string(an_array));
    if (parser.handler().strings.empty()) return none();
    return std::move(parser.handler().strings);
}

Many read_many(std::string_view content_type, std::string_view body, const ManyLimits &limits) {
    const std::string_view type = trimmed(content_type.substr(0, content_type.find(';')));
    if (equal_ignoring_case(type, "application/x-ndjson")) return read_lines(body, limits);
    if (equal_ignoring_case(type, "application/json")) return read_strings(body, limits);
    const std::string given(utf8_cut(utf8_replaced(type.substr(0, 64)), 64));
    Reply reply = error_reply(
        415, "unsupported_media_type",
        "the Content-Type is `" + given +
            "`; allowed: application/x-ndjson (each line is a transaction), application/json (an array of strings)");
    reply.headers = "Accept: application/x-ndjson, application/json\r\n";
    return reply;
}

}  // namespace mempool::http
