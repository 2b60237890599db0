// SPDX-License-Identifier: MIT
#include "http/reply.hpp"

#include <ostream>  // before Beast's status.hpp, which needs it (Boost 1.90)

#include <algorithm>
#include <array>
#include <boost/beast/http/status.hpp>
#include <cstdio>
#include <ctime>

#include "base/json.hpp"

namespace mempool::http {
namespace {

/// Valid until this thread's next call. Made once a second.
std::string_view date_line() {
    // RFC 9110 5.6.7, never localised
    static constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static thread_local std::time_t made = -1;
    static thread_local std::array<char, 64> line;
    static thread_local std::size_t size = 0;
    const std::time_t now = std::time(nullptr);
    if (now != made) {
        std::tm utc{};
        gmtime_r(&now, &utc);
        size = static_cast<std::size_t>(std::snprintf(
            line.data(), line.size(), "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
            days[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday, months[static_cast<std::size_t>(utc.tm_mon)],
            utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec));
        made = now;
    }
    return {line.data(), size};
}

}  // namespace

Reply error_reply(unsigned status, std::string_view error, std::string_view detail) {
    Reply reply;
    reply.status = status;
    reply.body = "{\"error\":" + json_string(error) + ",\"detail\":" + json_string(detail) + "}";
    return reply;
}

Reply not_allowed(std::string_view allow) {
    Reply reply = error_reply(405, "method_not_allowed", "this path answers " + std::string(allow));
    reply.headers = "Allow: " + std::string(allow) + "\r\n";
    return reply;
}

Reply unavailable(std::string_view error, std::string_view detail, unsigned status) {
    Reply reply = error_reply(status, error, detail);
    reply.headers = "Retry-After: 1\r\n";
    return reply;
}

void append_wire_bytes(std::string &wire, const Reply &reply, bool head, bool keep_alive) {
    const std::string_view reason =
        boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(reply.status));
    // All that takes memory comes first. Twice as much, where others follow: each would move those before it.
    const std::size_t needed = wire.size() + 320 + reply.headers.size() + reply.body.size();
    if (wire.capacity() < needed) wire.reserve(wire.empty() ? needed : std::max(needed, 2 * wire.capacity()));
    wire.append("HTTP/1.1 ").append(std::to_string(reply.status)).append(" ").append(reason).append("\r\n");
    wire.append(date_line()).append("Cache-Control: ").append(reply.cache).append("\r\n");
    if (reply.status != 204) {  // RFC 9110 8.6: it has no body, not even one of no bytes
        wire.append("Content-Type: ").append(reply.content_type).append("\r\n");
        if (!reply.endless) wire.append("Content-Length: ").append(std::to_string(reply.body.size())).append("\r\n");
    }
    wire.append(reply.headers);
    wire.append(keep_alive ? "Connection: keep-alive" : "Connection: close");
    wire.append(reply.status == 426 ? ", Upgrade\r\n\r\n" : "\r\n\r\n");  // RFC 9110 7.8, of the header Upgrade
    if (!head) wire.append(reply.body);
}

std::string wire_bytes(const Reply &reply, bool head, bool keep_alive) {
    std::string wire;
    append_wire_bytes(wire, reply, head, keep_alive);
    return wire;
}

}  // namespace mempool::http
