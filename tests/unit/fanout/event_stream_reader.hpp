// SPDX-License-Identifier: MIT
/// A reader of text/event-stream, by the algorithm of the HTML standard (9.2.6), for tests: bytes in, blocks out. It shares no code with the
/// writer. One thread; a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mempool::test {

class EventStreamReader {
public:
    /// What lies before an empty line. Without data nothing is dispatched, but the last event id is set all the same.
    struct Block {
        std::string last_id;
        std::string event;
        std::optional<std::string> data;
        std::optional<std::uint64_t> retry_ms;
        std::vector<std::string> comments;
    };

    void take(std::string_view bytes) {
        for (const char c : bytes) {
            const bool second_of_two = std::exchange(after_cr_, c == '\r') && c == '\n';
            if (second_of_two) continue;
            if (c == '\r' || c == '\n')
                line(std::exchange(line_, {}));
            else
                line_ += c;
        }
    }
    std::vector<Block> blocks() { return std::exchange(blocks_, {}); }
    bool in_the_middle() const { return !line_.empty() || begun_; }

private:
    void line(const std::string &text) {
        if (text.empty()) {
            if (now_.data) now_.data->pop_back();  // the last line's end
            now_.last_id = id_;
            if (begun_) blocks_.push_back(std::exchange(now_, {}));
            begun_ = false;
            return;
        }
        begun_ = true;
        const std::size_t colon = text.find(':');
        const std::string field = text.substr(0, colon);
        std::string value = colon == std::string::npos ? "" : text.substr(colon + 1);
        if (value.starts_with(' ')) value.erase(0, 1);
        if (field.empty()) now_.comments.push_back(value);
        if (field == "event") now_.event = value;
        if (field == "data") now_.data = now_.data.value_or("") + value + "\n";
        if (field == "id" && value.find('\0') == std::string::npos) id_ = value;
        if (field == "retry" && value.find_first_not_of("0123456789") == std::string::npos)
            now_.retry_ms = std::stoull(value);
    }

    std::string line_;
    bool after_cr_ = false;
    bool begun_ = false;
    std::string id_;
    Block now_;
    std::vector<Block> blocks_;
};

/// Text as a client of the event stream hears it: every line end is LF.
inline std::string with_lf(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '\r') {
            out += text[at];
            continue;
        }
        out += '\n';
        if (at + 1 < text.size() && text[at + 1] == '\n') ++at;
    }
    return out;
}

}  // namespace mempool::test
