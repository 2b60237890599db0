// SPDX-License-Identifier: MIT
/// The gate before the parser: it reads a request's header block by RFC 9112, and refuses what two readers could understand differently.
/// Boost.Beast's parser takes much of it (docs/spec/bad-inputs.md), and is given only what passed here.
///
/// Bytes in, a verdict out: no I/O, no clock, no allocation. One thread at a time. Every byte is looked at once, in order, and the verdict
/// falls at the first byte that decides it: however the block is cut into pieces, the verdict is the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mempool::http {

/// Why a request is refused. Static texts: the contract's word, and a sentence for people.
struct Refusal {
    unsigned status;
    std::string_view error;
    std::string_view detail;
};

enum class Verdict { more, accepted, refused };

// docs/spec/options.md, Fixed
inline constexpr std::size_t header_max_bytes = 16 * 1024;
inline constexpr std::size_t value_max_bytes = 8 * 1024;
inline constexpr std::size_t target_max_bytes = 8 * 1024;
inline constexpr std::size_t fields_max = 100;

/// A target in absolute-form, split: RFC 9112 3.2.2 lets `host` stand for the Host header, and `path` is what is asked for there.
struct AbsoluteTarget {
    std::string_view host;
    std::string_view path;  // may be empty, or begin with `?`: the root is meant
};
/// None where it is no http URI, or has a user in it (RFC 9110 4.2.4).
std::optional<AbsoluteTarget> split_absolute(std::string_view target);

class Gate {
public:
    /// bytes: all from the request's first byte on, those of the last call and what came after them. Once it is accepted or refused, it stays so.
    Verdict look(std::string_view bytes);

    /// Valid once it is refused.
    const Refusal &refusal() const { return refusal_; }

    /// Whether its method is HEAD, as far as that was read.
    bool head() const { return head_; }

    // Valid once it is accepted:
    /// An empty line before the request: not for the parser.
    std::size_t skipped() const { return skipped_; }
    /// The header block with its last line, without what was skipped.
    std::size_t size() const { return position_ - skipped_; }
    bool chunked() const { return chunked_; }
    /// 0 where there is no body, and where it comes in chunks.
    std::uint64_t content_length() const { return content_length_.value_or(0); }

private:
    enum class At {
        start,     // nothing yet, or one empty line
        start_lf,  // the CR of that line
        method,    // from here on `mark_` is where the present element began
        target,
        version,
        version_lf,
        line,  // the first byte of a field line, or of the last line
        name,
        padding,  // between the colon and the value
        value,
        value_lf,
        end_lf,  // the CR of the last line
        done,
    };

    void step(std::string_view bytes);
    void skip_plain(std::string_view bytes);
    void end_request_line(std::string_view bytes);
    void end_field(std::string_view name, std::string_view value);
    void end_block();
    void check_host(std::string_view value);
    void check_content_length(std::string_view value);
    void check_transfer_encoding(std::string_view value);
    void check_connection(std::string_view value);

    void begin(At at);  // at the next byte
    void refuse(unsigned status, std::string_view error, std::string_view detail);
    void bad_request(std::string_view detail) { refuse(400, "bad_request", detail); }
    void too_large(std::string_view detail) { refuse(431, "headers_too_large", detail); }

    At at_ = At::start;
    Verdict verdict_ = Verdict::more;
    std::size_t position_ = 0;  // of the byte that is looked at
    std::size_t skipped_ = 0;
    std::size_t mark_ = 0;
    std::size_t method_end_ = 0;
    std::size_t target_begin_ = 0;
    std::size_t target_end_ = 0;
    std::size_t name_begin_ = 0;
    std::size_t name_end_ = 0;
    std::size_t fields_ = 0;
    bool head_ = false;
    bool http_1_0_ = false;
    bool host_ = false;
    bool chunked_ = false;
    std::optional<std::uint64_t> content_length_;
    Refusal refusal_{};
};

}  // namespace mempool::http
