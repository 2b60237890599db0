// SPDX-License-Identifier: MIT
#include "http/routes.hpp"

#include <string_view>
#include <utility>

#include "http/handshake.hpp"
#include "http/observe.hpp"
#include "http/page.hpp"
#include "http/prefix.hpp"
#include "http/query.hpp"
#include "http/transactions.hpp"

namespace mempool::http {
namespace {

using boost::beast::http::verb;

std::variant<Reply, Upgrade, Wait> join_stream(std::variant<Reply, Upgrade> joined) {
    return std::visit([](auto &&each) { return std::variant<Reply, Upgrade, Wait>(std::move(each)); },
                      std::move(joined));
}

Reply get_page() {
    Reply reply;
    reply.content_type = "text/html; charset=utf-8";
    reply.cache = "no-cache";
    reply.headers =
        "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
        "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src "
        "data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'\r\n";
    reply.body = page();
    return reply;
}

Reply nothing_here(const Services &services) {
    return error_reply(404, "not_found",
                       "there is nothing here; the stream is " + services.prefix + "/ws/mempool or " + services.prefix +
                           "/events/mempool, a transaction goes to POST " + services.prefix + "/tx");
}

Reply moved_to(const std::string &path) {
    Reply reply = error_reply(308, "moved", "the page is at " + path);
    reply.headers = "Location: " + path + "\r\n";
    return reply;
}

}  // namespace

std::variant<Reply, Upgrade, Wait> answer(Request &request, const Services &services, Awaited &awaited) {
    if (auto reply = answer_options(request)) return std::move(*reply);
    const std::string whole(path_of(request.target()));
    const auto inside = below(services.prefix, whole);
    if (!inside) return nothing_here(services);
    const std::string_view path = *inside;
    const bool reads = request.method() == verb::get || request.method() == verb::head;
    if (path == "/tx") return post_tx(request, services, awaited);
    if (path == many_path) return post_txs(request, services);
    if (constexpr std::string_view prefix = "/tx/"; path.starts_with(prefix))
        return get_tx(request, path.substr(prefix.size()), services, awaited);
    if (path == "/ws/mempool") {
        if (services.draining.load(std::memory_order_relaxed) && asks_upgrade(request))
            return unavailable("draining", "the pool is draining; connect to another");
        return join_stream(join_websocket(request, services.slow_rule, services.deflate));
    }
    if (path == "/events/mempool") {
        if (services.draining.load(std::memory_order_relaxed) && reads)
            return unavailable("draining", "the pool is draining; connect to another");
        return join_stream(join_events(request, services.slow_rule));
    }
    if (auto reply = answer_observer(request, path, services)) return std::move(*reply);
    if (path == "/" && services.dashboard) {
        if (!reads) return not_allowed("GET, HEAD");
        return get_page();
    }
    // Relative links of the page would lead past the prefix.
    if (path.empty() && services.dashboard && reads) return moved_to(services.prefix + "/");
    return nothing_here(services);
}

}  // namespace mempool::http
