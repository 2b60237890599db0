// SPDX-License-Identifier: MIT
#include "http/extensions.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/ascii.hpp"

namespace mempool::http {
namespace {

constexpr std::string_view blanks = " \t";

/// Takes the grammar of a field value apart from the front. Each function takes what it names, or leaves the text where it was and says no.
class Reader {
public:
    explicit Reader(std::string_view text) : left_(text) {}

    bool at_end() const { return left_.empty(); }
    void skip_blanks() { left_.remove_prefix(std::min(left_.find_first_not_of(blanks), left_.size())); }
    bool take(char wanted) {
        if (!left_.starts_with(wanted)) return false;
        left_.remove_prefix(1);
        return true;
    }
    /// Empty: there is none.
    std::string_view token() {
        const auto end = std::ranges::find_if_not(left_, is_token_char);
        const std::string_view taken = left_.substr(0, static_cast<std::size_t>(end - left_.begin()));
        left_.remove_prefix(taken.size());
        return taken;
    }
    /// token / quoted-string; what is in the quotes, unescaped, has to be a token too (RFC 6455 9.1). Empty: it is neither.
    std::string value() {
        if (!take('"')) return std::string(token());
        for (std::string inside; !at_end();) {
            if (take('"')) return is_token(inside) ? inside : std::string();
            take('\\');
            if (at_end()) break;
            inside += left_.front();
            left_.remove_prefix(1);
        }
        return {};  // no quote closes it
    }
    /// Up to behind the next comma that stands in no quoted string, or to the end.
    void skip_offer() {
        for (bool quoted = false; !at_end(); left_.remove_prefix(1)) {
            if (!quoted && take(',')) return;
            if (quoted && left_.front() == '\\' && left_.size() > 1)
                left_.remove_prefix(1);
            else if (left_.front() == '"')
                quoted = !quoted;
        }
    }

private:
    std::string_view left_;
};

/// "8" to "15", and no other way to write them (RFC 7692 7.1.2); else 0.
int window_bits(std::string_view value) {
    if (value.size() == 1 && (value[0] == '8' || value[0] == '9')) return value[0] - '0';
    if (value.size() == 2 && value[0] == '1' && value[1] >= '0' && value[1] <= '5') return 10 + value[1] - '0';
    return 0;
}

/// What one offer of permessage-deflate asks for.
class Offer {
public:
    /// False: it can't be honoured.
    bool add(std::string_view name, const std::optional<std::string> &value) {
        if (name == "server_no_context_takeover") return once(server_takeover_) && !value;
        if (name == "client_no_context_takeover") return once(client_takeover_) && !value;
        if (name == "server_max_window_bits") return once(server_window_) && value && window_bits(*value) == 15;
        if (name != "client_max_window_bits" || !once(client_window_)) return false;
        if (value) client_bits_ = *value;
        return !value || window_bits(*value) != 0;
    }

    /// A client's window may be as large as it likes, and its bound is told back to it, since it may rely on that.
    std::string answer() const {
        std::string answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        if (server_window_) answer += "; server_max_window_bits=15";
        if (client_window_) answer.append("; client_max_window_bits=").append(client_bits_);
        return answer;
    }

private:
    static bool once(bool &seen) { return !std::exchange(seen, true); }

    bool server_takeover_ = false;
    bool client_takeover_ = false;
    bool server_window_ = false;
    bool client_window_ = false;
    std::string client_bits_ = "15";
};

/// The reader's next offer.
std::optional<std::string> accept_one(Reader &reader) {
    reader.skip_blanks();
    if (reader.token() != "permessage-deflate") return std::nullopt;
    Offer offer;
    for (;;) {
        reader.skip_blanks();
        if (reader.at_end() || reader.take(',')) return offer.answer();
        if (!reader.take(';')) return std::nullopt;
        reader.skip_blanks();
        const std::string_view name = reader.token();
        reader.skip_blanks();
        std::optional<std::string> value;
        if (reader.take('=')) {
            reader.skip_blanks();
            value = reader.value();
            if (value->empty()) return std::nullopt;
        }
        if (!offer.add(name, value)) return std::nullopt;
    }
}

}  // namespace

std::optional<std::string> accept_deflate(std::string_view offers) {
    for (Reader reader(offers); !reader.at_end(); reader.skip_offer()) {
        Reader offer = reader;
        if (auto answer = accept_one(offer)) return answer;
    }
    return std::nullopt;
}

}  // namespace mempool::http
