// SPDX-License-Identifier: MIT
#include "http/gate.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

#include "base/ascii.hpp"
#include "base/authority.hpp"

namespace mempool::http {
namespace {

// RFC 9110 9.1: a method longer than any we know is 501; the longest registered one has 17 letters.
constexpr std::size_t method_max_bytes = 32;

/// field-vchar, SP and HTAB (RFC 9110 5.5). Bytes above 0x7f are opaque; controls are refused, though a recipient may keep some.
bool is_value_char(char c) {
    return is_visible(c) || c == ' ' || c == '\t' || static_cast<unsigned char>(c) >= 0x80;
}

/// RFC 9112 3.2: no spaces, controls or bytes beyond ASCII, and no fragment. Of what RFC 3986 excludes too, browsers leave some unescaped
/// in a query (`|`, `^`, `{`), and nothing here reads it.
bool is_target_char(char c) {
    return is_visible(c) && c != '#';
}

}  // namespace

std::optional<AbsoluteTarget> split_absolute(std::string_view target) {
    constexpr std::string_view scheme = "http://";
    if (!equal_ignoring_case(target.substr(0, scheme.size()), scheme)) return std::nullopt;
    target.remove_prefix(scheme.size());
    const std::size_t end = std::min(target.find_first_of("/?"), target.size());
    const AbsoluteTarget split{target.substr(0, end), target.substr(end)};
    if (!parse_authority(split.host)) return std::nullopt;
    return split;
}

Verdict Gate::look(std::string_view bytes) {
    while (verdict_ == Verdict::more && position_ < bytes.size()) {
        if (position_ == header_max_bytes)
            too_large("the request's header is longer than 16 KiB");
        else
            step(bytes);
        skip_plain(bytes);
    }
    return verdict_;
}

/// Goes past the bytes that change nothing, as most do; what decides, and the byte at a limit, is for step().
void Gate::skip_plain(std::string_view bytes) {
    const auto skip = [&](std::size_t most, auto is_plain) {
        const std::size_t end = std::min({bytes.size(), header_max_bytes, mark_ + most});
        while (position_ < end && is_plain(bytes[position_])) ++position_;
    };
    if (at_ == At::value)
        skip(value_max_bytes, is_value_char);
    else if (at_ == At::name)
        skip(header_max_bytes, [](char c) { return is_alpha(c) || c == '-'; });
    else if (at_ == At::target)
        skip(target_max_bytes, is_target_char);
}

/// Looks at the byte at position_ and goes past it, unless it decides.
void Gate::step(std::string_view bytes) {
    const char byte = bytes[position_];
    switch (at_) {
        case At::
            start:  // RFC 9112 2.2: one empty line before the request is ignored, as old clients send it after a body
            if (byte == '\r' && skipped_ == 0) return begin(At::start_lf);
            at_ = At::method;
            mark_ = position_;
            return step(bytes);
        case At::start_lf:
            if (byte != '\n') return bad_request("a CR without its LF before the request");
            skipped_ = position_ + 1;
            return begin(At::start);

        case At::
            method:  // RFC 9112 3.1, RFC 9110 9.1: a token, its case counts, and no method that we know has small letters
            if (byte == ' ' && position_ > mark_) {
                method_end_ = position_;
                head_ = bytes.substr(mark_, method_end_ - mark_) == "HEAD";
                target_begin_ = position_ + 1;
                return begin(At::target);
            }
            if (!is_token_char(byte) || is_lower(byte))
                return bad_request("the request does not begin with a method in capital letters, such as GET or POST");
            if (position_ - mark_ == method_max_bytes) return refuse(501, "not_implemented", "no method is that long");
            break;
        case At::target:  // RFC 9112 3.2
            if (byte == ' ' && position_ > mark_) {
                target_end_ = position_;
                return begin(At::version);
            }
            if (!is_target_char(byte))
                return bad_request(
                    "the request target may hold visible ASCII characters only, without a fragment; percent-encode the "
                    "rest");
            if (position_ - mark_ == target_max_bytes) return too_large("the request target is longer than 8 KiB");
            break;
        case At::version:  // RFC 9112 2.3: HTTP-version, and one CRLF (3)
            if (byte == '\r') return begin(At::version_lf);
            if (!is_visible(byte) || position_ - mark_ == std::string_view("HTTP/1.1").size())
                return bad_request("the request line does not end with HTTP/1.1 and CRLF");
            break;
        case At::version_lf:
            if (byte != '\n') return bad_request("a CR without its LF in the request line");
            return end_request_line(bytes);

        case At::line:
            if (byte == '\r') return begin(At::end_lf);
            // RFC 9112 5.2: obs-fold; 2.2: white space before the first field
            if (byte == ' ' || byte == '\t')
                return bad_request("a header line begins with white space; a value may not be folded");
            if (!is_token_char(byte)) return bad_request("a header line does not begin with a field name");
            if (++fields_ > fields_max) return too_large("the request has more than 100 header fields");
            name_begin_ = position_;
            return begin(At::name);
        case At::name:  // RFC 9112 5.1: no white space before the colon
            if (byte == ':') {
                name_end_ = position_;
                return begin(At::padding);
            }
            if (!is_token_char(byte))
                return bad_request(
                    "a header's field name holds a character that is none of a token, or no colon follows");
            break;
        case At::padding:  // OWS
            if (byte == ' ' || byte == '\t') break;
            at_ = At::value;
            mark_ = position_;
            return step(bytes);
        case At::value:
            if (byte == '\r') return begin(At::value_lf);
            // RFC 9112 2.2: a bare LF; RFC 9110 5.5: NUL and its like
            if (!is_value_char(byte))
                return bad_request("a header's value holds a control character, or its line ends without CR");
            if (position_ - mark_ == value_max_bytes) return too_large("a header's value is longer than 8 KiB");
            break;
        case At::value_lf:  // RFC 9112 2.2: a bare CR
            if (byte != '\n') return bad_request("a CR without its LF in a header line");
            begin(At::line);
            return end_field(bytes.substr(name_begin_, name_end_ - name_begin_),
                             trimmed(bytes.substr(name_end_ + 1, position_ - 2 - name_end_ - 1)));
        case At::end_lf:
            if (byte != '\n') return bad_request("a CR without its LF at the end of the header");
            begin(At::done);
            return end_block();
        case At::done:
            assert(false);
            return;
    }
    ++position_;
}

void Gate::end_request_line(std::string_view bytes) {
    const std::string_view version = bytes.substr(target_end_ + 1, position_ - 1 - (target_end_ + 1));
    begin(At::line);
    // RFC 9112 2.3: the name's case counts
    if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) || version[6] != '.' ||
        !is_digit(version[7]))
        return bad_request("the request line does not end with HTTP/1.1");
    http_1_0_ = version == "HTTP/1.0";
    if (!http_1_0_ && version != "HTTP/1.1") return refuse(505, "version", "this server speaks HTTP/1.1");

    const std::string_view method = bytes.substr(skipped_, method_end_ - skipped_);
    const std::string_view target = bytes.substr(target_begin_, target_end_ - target_begin_);
    if (method == "CONNECT") return refuse(501, "not_implemented", "this server is no proxy");  // 3.2.3, authority-form
    if (target.front() == '/') return;                                                          // 3.2.1, origin-form
    if (target == "*" && method == "OPTIONS") return;                                           // 3.2.4, asterisk-form
    if (!split_absolute(target))                                                                // 3.2.2, absolute-form
        return bad_request("the request target is neither a path, such as /tx, nor a URI, such as http://HOST/tx");
}

void Gate::end_field(std::string_view name, std::string_view value) {
    if (equal_ignoring_case(name, "Host")) return check_host(value);
    if (equal_ignoring_case(name, "Content-Length")) return check_content_length(value);
    if (equal_ignoring_case(name, "Transfer-Encoding")) return check_transfer_encoding(value);
    if (equal_ignoring_case(name, "Connection") || equal_ignoring_case(name, "Proxy-Connection"))
        return check_connection(value);
}

/// RFC 9112 3.2: one, and valid; an http URI has no empty host (RFC 9110 4.2.1).
void Gate::check_host(std::string_view value) {
    if (host_) return bad_request("the Host header came twice");
    host_ = true;
    if (!parse_authority(value)) bad_request("the Host header must be HOST or HOST:PORT");
}

/// RFC 9110 8.6: digits. A list, or the same length again, may be taken or refused: refused.
void Gate::check_content_length(std::string_view value) {
    if (chunked_) return bad_request("Content-Length and Transfer-Encoding exclude each other");  // RFC 9112 6.3
    if (content_length_) return bad_request("the Content-Length header came twice");
    if (value.empty() || !std::ranges::all_of(value, is_digit))
        return bad_request("Content-Length must be one number, of digits only");
    std::uint64_t length = 0;
    for (const char each : value) {
        const auto digit = static_cast<std::uint64_t>(each - '0');
        constexpr std::uint64_t max = std::numeric_limits<std::uint64_t>::max();
        if (length > (max - digit) / 10) return bad_request("Content-Length is beyond every length");
        length = 10 * length + digit;
    }
    content_length_ = length;
}

/// RFC 9112 6.1, 6.3, 7: `chunked`, once, last, and alone, since we know no other coding.
void Gate::check_transfer_encoding(std::string_view value) {
    if (http_1_0_) return bad_request("HTTP/1.0 has no Transfer-Encoding");  // 6.1
    if (content_length_) return bad_request("Content-Length and Transfer-Encoding exclude each other");
    if (chunked_) return bad_request("the Transfer-Encoding header came twice");
    if (equal_ignoring_case(value, "chunked")) {
        chunked_ = true;
        return;
    }
    // 6.1: a coding that we don't know is 501. 6.3: where `chunked` is not the last one, nobody can tell where the body ends.
    const std::size_t comma = value.rfind(',');
    const bool ends =
        comma != std::string_view::npos && equal_ignoring_case(trimmed(value.substr(comma + 1)), "chunked");
    const auto is_unknown = [](std::string_view coding) {
        return is_token(coding) && !equal_ignoring_case(coding, "chunked");
    };
    if (ends && every_element(value.substr(0, comma), is_unknown))
        return refuse(501, "not_implemented", "the one transfer coding that this server knows is chunked");
    bad_request("Transfer-Encoding must be `chunked`");
}

/// RFC 9110 7.6.1: a list of tokens; what can't be read there would decide how long the connection lives.
void Gate::check_connection(std::string_view value) {
    if (!every_element(value, [](std::string_view option) { return option.empty() || is_token(option); }))
        bad_request("the Connection header must be a list of tokens");
}

void Gate::end_block() {
    if (!http_1_0_ && !host_) return bad_request("the Host header is missing");  // RFC 9112 3.2
    verdict_ = Verdict::accepted;
}

void Gate::begin(At at) {
    at_ = at;
    mark_ = ++position_;
}

void Gate::refuse(unsigned status, std::string_view error, std::string_view detail) {
    refusal_ = {status, error, detail};
    verdict_ = Verdict::refused;
}

}  // namespace mempool::http
