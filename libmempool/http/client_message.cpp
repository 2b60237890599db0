// SPDX-License-Identifier: MIT
#include "http/client_message.hpp"

#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <utility>

#include "base/base64.hpp"
#include "base/json.hpp"
#include "websocket/frame_writer.hpp"

namespace mempool::http {
namespace {

namespace json = boost::json;
using Error = boost::system::error_code;

/// Hears a JSON text as it is parsed, and keeps the members of the outermost object that mean something. Of one that is there twice the
/// last counts.
class Members {
public:
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

    struct Member {
        enum class Kind { absent, text, yes, no, other };
        Kind kind = Kind::absent;
        std::string value = {};  // of a text
        void forget() {
            kind = Kind::absent;
            std::string().swap(value);  // an assignment would keep its memory
        }
    };
    Member type, data, data_base64, ref, key, wait;

    bool on_document_begin(Error &) { return true; }
    bool on_document_end(Error &) { return true; }
    bool on_object_begin(Error &) { return open(true); }
    bool on_object_end(std::size_t, Error &) { return close(); }
    bool on_array_begin(Error &) { return open(false); }
    bool on_array_end(std::size_t, Error &) { return close(); }
    bool on_key_part(json::string_view part, std::size_t, Error &) { return name(part); }
    bool on_key(json::string_view part, std::size_t, Error &) {
        name(part);
        at_ = depth_ == 1 && in_object_ ? find(name_) : nullptr;
        if (at_ != nullptr) at_->forget();
        name_.clear();
        return true;
    }
    bool on_string_part(json::string_view part, std::size_t, Error &) { return text(part); }
    bool on_string(json::string_view part, std::size_t, Error &) {
        text(part);
        return value(Member::Kind::text);
    }
    bool on_number_part(json::string_view, Error &) { return true; }
    bool on_int64(std::int64_t, json::string_view, Error &) { return value(Member::Kind::other); }
    bool on_uint64(std::uint64_t, json::string_view, Error &) { return value(Member::Kind::other); }
    bool on_double(double, json::string_view, Error &) { return value(Member::Kind::other); }
    bool on_bool(bool yes, Error &) { return value(yes ? Member::Kind::yes : Member::Kind::no); }
    bool on_null(Error &) { return value(Member::Kind::other); }
    bool on_comment_part(json::string_view, Error &) { return true; }
    bool on_comment(json::string_view, Error &) { return true; }

private:
    /// at_ is of the outermost object alone, whose members are met at depth 1.
    bool open(bool object) {
        if (depth_ == 0) in_object_ = object;
        value(Member::Kind::other);
        ++depth_;
        return true;
    }
    bool close() {
        --depth_;
        return true;
    }
    bool name(json::string_view part) {
        // Longer than any name that we know: it needs no more memory to be another.
        if (depth_ == 1 && name_.size() <= name_max) name_.append(part.data(), std::min(part.size(), name_max + 1));
        return true;
    }
    bool text(json::string_view part) {
        if (at_ != nullptr) at_->value.append(part.data(), part.size());
        return true;
    }
    bool value(Member::Kind kind) {
        if (at_ != nullptr) at_->kind = kind;
        at_ = nullptr;
        return true;
    }
    Member *find(std::string_view known) {
        if (known == "type") return &type;
        if (known == "data") return &data;
        if (known == "data_base64") return &data_base64;
        if (known == "ref") return &ref;
        if (known == "key") return &key;
        if (known == "wait") return &wait;
        return nullptr;
    }

    static constexpr std::size_t name_max = 16;
    std::size_t depth_ = 0;
    bool in_object_ = false;
    std::string name_;
    Member *at_ = nullptr;  // whose value comes
};

ClientMessage understand(Members &said) {
    using Kind = Members::Member::Kind;
    if (said.type.kind != Kind::text || said.type.value != "tx") return OtherMessage{};
    BadTx bad;
    if (said.ref.kind == Kind::text && said.ref.value.size() <= ref_max_bytes) bad.ref = said.ref.value;
    const auto refused = [&](std::string detail) {
        bad.detail = std::move(detail);
        return std::move(bad);
    };
    if (said.ref.kind != Kind::absent && !bad.ref)
        return refused("ref is not a string of at most " + std::to_string(ref_max_bytes) + " bytes");
    if (said.data.kind != Kind::absent && said.data_base64.kind != Kind::absent)
        return refused("data and data_base64 are both there; give one of them");
    if (said.data.kind == Kind::absent && said.data_base64.kind == Kind::absent)
        return refused("there is no transaction; give it as data, a string, or as data_base64");
    if (said.key.kind != Kind::absent && said.key.kind != Kind::text) return refused("key is not a string");
    if (said.wait.kind == Kind::text || said.wait.kind == Kind::other) return refused("wait is neither true nor false");
    TxMessage tx{{}, std::move(bad.ref), std::nullopt, said.wait.kind == Kind::yes};
    bad.ref = tx.ref;
    if (said.key.kind == Kind::text) tx.key = std::move(said.key.value);
    if (said.data.kind != Kind::absent) {
        if (said.data.kind != Kind::text) return refused("data is not a string");
        tx.data = std::move(said.data.value);
        return tx;
    }
    std::optional<std::string> bytes;
    if (said.data_base64.kind == Kind::text) bytes = from_base64(said.data_base64.value);
    if (!bytes) return refused("data_base64 is not base64 with padding (RFC 4648, 4)");
    tx.data = std::move(*bytes);
    return tx;
}

std::string begin(std::string_view type, const std::optional<std::string> &ref) {
    std::string said = R"({"type":")";
    said.append(type).append("\"");
    if (ref) said.append(R"(,"ref":)").append(json_string(*ref));
    return said;
}

void append_text(std::string &out, std::string_view said) {
    websocket::append_frame(out, websocket::Opcode::text, said);
}

}  // namespace

ClientMessage parse_client_message(std::string_view text) {
    json::parse_options options;
    options.max_depth = depth_max;
    json::basic_parser<Members> parser(options);
    Error error;
    const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
    if (!error && used < text.size()) error = json::error::extra_data;
    if (error) return BadMessage{"this is not JSON: " + error.message() + ", at byte " + std::to_string(used)};
    return understand(parser.handler());
}

Accepted::Accepted(std::string &out, const std::optional<std::string> &ref)
    : out_(out), text_(begin("accepted", ref) + R"(,"id":")") {
    constexpr std::size_t digits_max = 20;
    text_.reserve(text_.size() + digits_max + 2);
    const std::size_t wanted = out.size() + text_.capacity() + websocket::header_bytes(text_.capacity());
    if (wanted > out.capacity()) out.reserve(std::max(wanted, 2 * out.capacity()));
}

void Accepted::append(std::uint64_t id) noexcept {
    std::array<char, 20> digits;
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), id);
    text_.append(digits.data(), static_cast<std::size_t>(end - digits.data())).append("\"}");
    append_text(out_, text_);
}

void append_refused(std::string &out, const std::optional<std::string> &ref, const Refused &refused) {
    std::string said = begin("refused", ref);
    said.append(R"(,"error":")").append(refused.error);
    said.append(R"(","detail":)").append(json_string(refused.detail));
    if (refused.retry_in_ms > 0) said.append(R"(,"retry_in_ms":)").append(std::to_string(refused.retry_in_ms));
    append_text(out, said + "}");
}

void append_outcome(std::string &out, const std::optional<std::string> &ref, const Completion &settled) {
    const bool applied = settled.kind == Completion::Kind::applied;
    std::string said = begin("outcome", ref);
    said.append(R"(,"id":")").append(std::to_string(settled.id));
    said.append(R"(","status":")").append(applied ? "applied" : "rejected").append("\"");
    if (!applied) said.append(R"(,"reason":)").append(json_string(settled.reason));
    append_text(out, said.append(R"(,"batch":")").append(std::to_string(settled.batch)) + "\"}");
}

void append_gone(std::string &out, const std::optional<std::string> &ref, std::uint64_t id) {
    append_text(out, begin("outcome", ref) + R"(,"id":")" + std::to_string(id) + R"(","status":"gone"})");
}

void append_bad_message(std::string &out, std::string_view detail) {
    append_text(out, R"({"type":"error","error":"bad_message","detail":)" + json_string(detail) + "}");
}

}  // namespace mempool::http
