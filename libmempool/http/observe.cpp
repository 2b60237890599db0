// SPDX-License-Identifier: MIT
#include "http/observe.hpp"

#include <algorithm>
#include <string>

#include "base/ascii.hpp"
#include "base/exposition.hpp"

namespace mempool::http {
namespace {

/// `q=0`, `Q = 0.000`: not acceptable (RFC 9110 12.4.2).
bool rules_out(std::string_view parameter) {
    const std::size_t equals = parameter.find('=');
    if (equals == std::string_view::npos || !equal_ignoring_case(trimmed(parameter.substr(0, equals)), "q"))
        return false;
    const std::string_view weight = trimmed(parameter.substr(equals + 1));
    return weight.starts_with('0') && weight.find_first_not_of("0.") == std::string_view::npos;
}

/// RFC 9110 12.5.1, as far as it matters here: whoever names OpenMetrics, and does not rule it out, reads it.
bool names_openmetrics(std::string_view range) {
    const std::size_t semicolon = range.find(';');
    if (!equal_ignoring_case(trimmed(range.substr(0, semicolon)), "application/openmetrics-text")) return false;
    while (range.find(';') != std::string_view::npos) {
        range.remove_prefix(range.find(';') + 1);
        if (rules_out(range.substr(0, range.find(';')))) return false;
    }
    return true;
}

bool accepts_openmetrics(const Request &request) {
    const auto [first, last] = request.equal_range(boost::beast::http::field::accept);
    return std::any_of(first, last, [](const auto &accept) {
        return !every_element(accept.value(), [](std::string_view range) { return !names_openmetrics(range); });
    });
}

Reply told(std::string body) {
    Reply reply;
    reply.body = std::move(body);
    return reply;
}

Reply get_metrics(const Request &request, const Services &services) {
    const Exposition exposition = accepts_openmetrics(request) ? Exposition::openmetrics : Exposition::prometheus;
    Reply reply = told(exposition_of(services.observe(), exposition));
    reply.content_type = content_type_of(exposition);
    reply.headers += "Vary: Accept\r\n";
    return reply;
}

Reply get_ready(const Services &services) {
    if (services.draining.load(std::memory_order_relaxed))
        return unavailable("draining", "the pool is draining; ask another");
    if (!services.intake.has_room())
        return unavailable("full", "the queue has no room for a transaction (queue_capacity, queue_bytes)");
    return told("{\"status\":\"ready\"}");
}

}  // namespace

std::optional<Reply> answer_observer(const Request &request, std::string_view path, const Services &services) {
    const bool is_metrics = path == "/metrics" && services.metrics;
    if (!is_metrics && path != "/stats" && path != "/healthz" && path != "/readyz") return std::nullopt;
    using boost::beast::http::verb;
    if (request.method() != verb::get && request.method() != verb::head) return not_allowed("GET, HEAD");
    if (is_metrics) return get_metrics(request, services);
    if (path == "/stats") return told(json_of(services.observe(), services.topic));
    if (path == "/readyz") return get_ready(services);
    return told("{\"status\":\"ok\"}");
}

}  // namespace mempool::http
