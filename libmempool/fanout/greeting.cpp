// SPDX-License-Identifier: MIT
#include "fanout/greeting.hpp"

#include "fanout/render.hpp"

namespace mempool {

void append_greeting(std::string &out, std::string_view topic, const Joining &joining, const Subscribed &subscribed) {
    const Cursor &cursor = subscribed.cursor;
    const Format format = joining.manner.format;
    if (is_json(format) && !is_sse(format)) {
        const bool everything = joining.since && joining.since->epoch.empty();
        const bool recovered = !cursor.reset_due && (everything || cursor.next >= subscribed.head);
        append_hello(out, {topic, *subscribed.epoch, cursor.next, recovered, subscribed.head});
    } else if (cursor.reset_due) {
        append_reset(out, format, *subscribed.epoch, cursor.next);
    } else if (is_sse(format)) {
        append_beginning(out, *subscribed.epoch, cursor.next);
    }
}

}  // namespace mempool
