// SPDX-License-Identifier: MIT
#include "http/who_may_ask.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/ascii.hpp"
#include "http/handshake.hpp"
#include "http/prefix.hpp"

namespace mempool::http {
namespace {

using Field = boost::beast::http::field;
using boost::beast::http::verb;

std::vector<std::string> elements(std::string_view list) {
    std::vector<std::string> found;
    if (list.empty()) return found;
    every_element(list, [&](std::string_view element) {
        found.emplace_back(element);
        return true;
    });
    return found;
}

/// Whether it asks for the stream as Server-Sent Events.
bool asks_events(const Request &request, std::string_view prefix) {
    const auto route = below(prefix, path_of({request.target().data(), request.target().size()}));
    return route && route->starts_with("/events/");
}

/// What a page of any origin may do by itself: to read (it can't see the answer), but not to hear the stream.
bool is_harmless(const Request &request, std::string_view prefix) {
    return (request.method() == verb::get || request.method() == verb::head) && !asks_upgrade(request) &&
           !asks_events(request, prefix);
}

Reply forbidden(std::string_view error, std::string_view detail) {
    Reply reply = error_reply(403, error, detail);
    reply.close = true;
    return reply;
}

/// The page's own origin. A unix socket has a proxy before it, which may speak TLS where we hear plain HTTP: there https is as good.
bool is_own(const Origin &origin, const Authority &host, Reach reach) {
    const bool https = reach == Reach::unix_socket && equal_ignoring_case(origin.scheme, "https");
    return same_origin(origin, {https ? "https" : "http", host});
}

}  // namespace

WhoMayAsk::WhoMayAsk(std::string_view origins, std::string_view hosts, std::string_view prefix)
    : origins_(elements(origins)), hosts_(elements(hosts)), prefix_(prefix) {}

bool WhoMayAsk::host_may(std::string_view host) const {
    if (is_loopback(host)) return true;
    return std::ranges::any_of(hosts_, [&](const std::string &each) { return equal_ignoring_case(each, host); });
}

bool WhoMayAsk::origin_may(const Origin &origin, Reach reach) const {
    const bool http = equal_ignoring_case(origin.scheme, "http") || equal_ignoring_case(origin.scheme, "https");
    if (reach == Reach::loopback && http && is_loopback(origin.authority.host)) return true;
    return std::ranges::any_of(origins_, [&](const std::string &each) {
        const auto allowed = parse_origin(each);
        return allowed && same_origin(*allowed, origin);
    });
}

WhoMayAsk::Admission WhoMayAsk::admit(const Request &request, Reach reach) const {
    // No Host at all is HTTP/1.0, which no browser speaks.
    const auto host = parse_authority(request[Field::host]);
    if (host && reach == Reach::loopback && !host_may(host->host))
        return {forbidden("forbidden_host",
                          "this server listens on a loopback address and answers to localhost and the loopback "
                          "addresses only; add the Host's name to the option hosts"),
                {}};

    const auto [first, last] = request.equal_range(Field::origin);
    if (first == last) return {};  // not a browser, or a page of ours that reads
    const std::string_view text = first->value();
    if (const auto origin = std::next(first) == last ? parse_origin(text) : std::nullopt) {
        if (host && is_own(*origin, *host, reach)) return {};
        if (origin_may(*origin, reach))
            return {std::nullopt, "Access-Control-Allow-Origin: " + std::string(text) +
                                      "\r\nAccess-Control-Expose-Headers: Location, Retry-After\r\nVary: Origin\r\n"};
    }
    if (is_harmless(request, prefix_)) return {};
    return {forbidden("forbidden_origin",
                      "a page of this origin may not ask; add it to the option origins, as scheme://host:port"),
            {}};
}

std::optional<Reply> answer_options(const Request &request) {
    const bool preflight = request.count(Field::access_control_request_method) > 0;
    if (request.method() != verb::options || (!preflight && request.target() != "*")) return std::nullopt;
    Reply reply;
    reply.status = 204;
    reply.headers = "Allow: GET, HEAD, POST, OPTIONS\r\n";
    if (preflight)
        reply.headers +=
            "Access-Control-Allow-Methods: GET, HEAD, POST\r\n"
            "Access-Control-Allow-Headers: Content-Type, Idempotency-Key, Prefer, Last-Event-ID\r\n"
            "Access-Control-Max-Age: 600\r\n";
    return reply;
}

}  // namespace mempool::http
