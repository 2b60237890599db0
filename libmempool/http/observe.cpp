// SPDX-License-Identifier: MIT
#include "http/observe.hpp"

#include <string>

#include "base/ascii.hpp"
#include "base/exposition.hpp"

namespace mempool::http {
namespace {

/// RFC 9110 12.5.1, as far as it matters here: whoever names OpenMetrics, and does not rule it out, reads it.
bool accepts_openmetrics(std::string_view accept) {
    return !every_element(accept, [](std::string_view element) {
        const std::size_t semicolon = element.find(';');
        if (!equal_ignoring_case(trimmed(element.substr(0, semicolon)), "application/openmetrics-text")) return true;
        const std::size_t quality = element.find("q=0");
        return quality != std::string_view::npos &&
               element.find_first_not_of("0.", quality + 3) == std::string_view::npos;
    });
}

Reply fresh(std::string body) {
    Reply reply;
    reply.headers = "Cache-Control: no-store\r\n";
    reply.body = std::move(body);
    return reply;
}

Reply get_metrics(const Request &request, const Services &services) {
    const auto accept = request[boost::beast::http::field::accept];
    const Exposition exposition =
        accepts_openmetrics({accept.data(), accept.size()}) ? Exposition::openmetrics : Exposition::prometheus;
    Reply reply = fresh(exposition_of(services.observe(), exposition));
    reply.content_type = content_type_of(exposition);
    reply.headers += "Vary: Accept\r\n";
    return reply;
}

Reply not_ready(std::string_view error, std::string_view detail) {
    Reply reply = error_reply(503, error, detail);
    reply.headers = "Retry-After: 1\r\nCache-Control: no-store\r\n";
    return reply;
}

Reply get_ready(const Services &services) {
    if (services.draining.load(std::memory_order_relaxed))
        return not_ready("draining", "the pool is draining; ask another");
    if (!services.intake.has_room())
        return not_ready("full", "the queue has no room for a transaction (queue_capacity, queue_bytes)");
    return fresh("{\"status\":\"ready\"}");
}

}  // namespace

std::optional<Reply> answer_observer(const Request &request, std::string_view path, const Services &services) {
    const bool is_metrics = path == "/metrics" && services.metrics;
    if (!is_metrics && path != "/stats" && path != "/healthz" && path != "/readyz") return std::nullopt;
    using boost::beast::http::verb;
    if (request.method() != verb::get && request.method() != verb::head) {
        Reply reply = error_reply(405, "method_not_allowed", "this path answers GET, HEAD");
        reply.headers = "Allow: GET, HEAD\r\n";
        return reply;
    }
    if (is_metrics) return get_metrics(request, services);
    if (path == "/stats") return fresh(json_of(services.observe(), services.topic));
    if (path == "/readyz") return get_ready(services);
    return fresh("{\"status\":\"ok\"}");
}

}  // namespace mempool::http
