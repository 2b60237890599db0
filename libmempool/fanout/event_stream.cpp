// SPDX-License-Identifier: MIT
#include "fanout/event_stream.hpp"

#include <algorithm>

namespace mempool::event_stream {
namespace {

void append_line(std::string &out, std::string_view field, std::string_view value) {
    // A client takes one space off the value: without ours it would take the value's own.
    out.append(field).append(": ").append(value).append("\n");
}

void append_data(std::string &out, std::string_view data) {
    for (;;) {
        const std::size_t end = data.find_first_of("\r\n");
        append_line(out, "data", data.substr(0, end));
        if (end == std::string_view::npos) return;
        data.remove_prefix(end + (data.substr(end).starts_with("\r\n") ? 2 : 1));
    }
}

}  // namespace

void append_block(std::string &out, const Block &block) {
    if (!block.id.empty()) append_line(out, "id", block.id);
    append_line(out, "event", block.event);
    if (block.retry_ms) append_line(out, "retry", std::to_string(*block.retry_ms));
    append_data(out, block.data);
    out.append("\n");
}

void append_id(std::string &out, std::string_view id) {
    append_line(out, "id", id);
    out.append("\n");
}

void append_comment(std::string &out, std::string_view text) {
    out.append(text.empty() ? ":" : ": ").append(text).append("\n\n");
}

}  // namespace mempool::event_stream
