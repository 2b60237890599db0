// SPDX-License-Identifier: MIT
#include "http/routes.hpp"

#include <array>
#include <charconv>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include "base/json.hpp"
#include "http/handshake.hpp"
#include "http/observe.hpp"
#include "http/page.hpp"
#include "http/query.hpp"

namespace mempool::http {
namespace {

using boost::beast::http::verb;

Reply not_allowed(std::string_view allow) {
    Reply reply = error_reply(405, "method_not_allowed", "this path answers " + std::string(allow));
    reply.headers = "Allow: " + std::string(allow) + "\r\n";
    return reply;
}

Reply unavailable(std::string_view error, std::string_view detail) {
    Reply reply = error_reply(503, error, detail);
    reply.headers = "Retry-After: 1\r\n";
    return reply;
}

/// 202, without the id: has room for it, so that nothing can fail once the transaction was accepted.
Reply accepted_reply() {
    Reply reply;
    reply.status = 202;
    reply.headers.reserve(64);
    reply.body.reserve(96);
    return reply;
}

void name_id(Reply &accepted, std::uint64_t id) {
    std::array<char, 20> digits;
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), id);
    const std::string_view text(digits.data(), static_cast<std::size_t>(end - digits.data()));
    accepted.headers.append("Location: /tx/").append(text).append("\r\n");
    accepted.body.append(R"({"id":")").append(text).append(R"(","status":"pending","durability":"memory"})");
}

/// What the accepted transaction is answered with: its outcome, if that is known or can be waited for, else 202.
std::variant<Reply, Upgrade, Wait> answer_accepted(std::uint64_t id, std::chrono::seconds most, Reply accepted,
                                                   const Services &services, Awaited &awaited) {
    name_id(accepted, id);
    if (most.count() == 0) return accepted;
    try {
        const Claim claim = awaited.claim();
        const Outcomes::Watched watched = services.outcomes.watch(id, id, claim);
        if (watched.will_be_told) return Wait{id, most, claim.user_data, std::move(accepted)};
        if (watched.now.kind == Outcome::Kind::applied)
            return outcome_reply({Completion::Kind::applied, id, watched.now.batch});
        if (watched.now.kind == Outcome::Kind::rejected)
            return outcome_reply({Completion::Kind::rejected, id, watched.now.batch, 0, watched.now.reason});
    } catch (const std::bad_alloc &) {
        // It was accepted all the same, and that is what is said.
    }
    return accepted;
}

std::variant<Reply, Upgrade, Wait> post_tx(Request &request, const Services &services, Awaited &awaited) {
    if (request.method() != verb::post) return not_allowed("POST");
    const auto asked = parse_wait(request.target(), request[boost::beast::http::field::prefer]);
    if (const auto *bad = std::get_if<BadQuery>(&asked)) return error_reply(400, "bad_request", bad->detail);
    const auto most = std::get<std::chrono::seconds>(asked);
    Reply accepted = accepted_reply();
    std::uint64_t id = 0;
    const Status status = services.intake.submit(std::move(request.body()), id);
    switch (status.code()) {
        case Code::ok:
            return answer_accepted(id, most, std::move(accepted), services, awaited);
        case Code::invalid:
            return error_reply(400, "empty", status.detail());
        case Code::too_large:
            return error_reply(413, "too_large", status.detail());
        case Code::full:
            return unavailable("full", status.detail());
        case Code::closed:
        case Code::state:
            return unavailable("draining", status.detail());
        default:
            return error_reply(500, "internal", status.detail());
    }
}

std::optional<std::uint64_t> parse_id(std::string_view text) {
    std::uint64_t id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return id;
}

std::variant<Reply, Upgrade, Wait> get_tx(const Request &request, std::string_view id_text, const Services &services,
                                          Awaited &awaited) {
    if (request.method() != verb::get && request.method() != verb::head) return not_allowed("GET, HEAD");
    const auto asked = parse_wait(request.target(), request[boost::beast::http::field::prefer]);
    if (const auto *bad = std::get_if<BadQuery>(&asked)) return error_reply(400, "bad_request", bad->detail);
    const auto most = std::get<std::chrono::seconds>(asked);
    const std::uint64_t id = parse_id(id_text).value_or(0);  // no transaction has the id 0
    const std::uint64_t given = services.intake.last_id();
    const Claim claim = most.count() > 0 ? awaited.claim() : Claim{};
    const Outcomes::Watched watched = most.count() > 0 ? services.outcomes.watch(id, given, claim)
                                                       : Outcomes::Watched{services.outcomes.look(id, given)};
    const Outcome &outcome = watched.now;
    switch (outcome.kind) {
        case Outcome::Kind::unknown:
            return error_reply(404, "not_found", "no transaction was ever given this id");
        case Outcome::Kind::gone:
            return error_reply(410, "gone", "the outcome is no longer kept; raise outcomes_capacity to keep more");
        case Outcome::Kind::pending:
            break;
        case Outcome::Kind::applied:
            return outcome_reply({Completion::Kind::applied, id, outcome.batch});
        case Outcome::Kind::rejected:
            return outcome_reply({Completion::Kind::rejected, id, outcome.batch, 0, outcome.reason});
    }
    Reply pending;
    pending.body = "{\"id\":\"" + std::to_string(id) + "\",\"status\":\"pending\"}";
    if (watched.will_be_told) return Wait{id, most, claim.user_data, std::move(pending)};
    return pending;
}

/// The subprotocol says the format, else the query, else it is text.
std::variant<Reply, Upgrade, Wait> join_stream(const Request &request) {
    auto hands = shake_hands(request);
    if (auto *refused = std::get_if<Reply>(&hands)) return std::move(*refused);
    auto asked = parse_stream_query({request.target().data(), request.target().size()});
    if (const auto *bad = std::get_if<BadQuery>(&asked)) {
        Reply reply = error_reply(400, "bad_request", bad->detail);
        reply.close = true;
        return reply;
    }
    auto &[answer, format] = std::get<Handshake>(hands);
    auto &query = std::get<StreamQuery>(asked);
    const Manner manner{format.value_or(query.format.value_or(Format::text)), query.slow.value_or(Slow::lag)};
    return Upgrade{std::move(answer), {manner, std::move(query.since)}};
}

Reply get_page() {
    Reply reply;
    reply.content_type = "text/html; charset=utf-8";
    reply.headers =
        "Cache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
        "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src "
        "data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'\r\n";
    reply.body = page();
    return reply;
}

}  // namespace

Reply outcome_reply(const Completion &settled) {
    Reply reply;
    reply.body = "{\"id\":\"" + std::to_string(settled.id) + "\",\"status\":";
    if (settled.kind == Completion::Kind::applied)
        reply.body += "\"applied\"";
    else
        reply.body += "\"rejected\",\"reason\":" + json_string(settled.reason);
    reply.body += ",\"batch\":\"" + std::to_string(settled.batch) + "\"}";
    return reply;
}

std::variant<Reply, Upgrade, Wait> answer(Request &request, const Services &services, Awaited &awaited) {
    if (auto reply = answer_options(request)) return std::move(*reply);
    const std::string path(path_of(request.target()));
    if (path == "/tx") return post_tx(request, services, awaited);
    if (constexpr std::string_view prefix = "/tx/"; path.starts_with(prefix))
        return get_tx(request, std::string_view(path).substr(prefix.size()), services, awaited);
    if (path == "/ws/mempool") {
        if (services.draining.load(std::memory_order_relaxed) && asks_upgrade(request))
            return unavailable("draining", "the pool is draining; connect to another");
        return join_stream(request);
    }
    if (auto reply = answer_observer(request, path, services)) return std::move(*reply);
    const bool reads = request.method() == verb::get || request.method() == verb::head;
    if (path == "/" && services.dashboard) {
        if (!reads) return not_allowed("GET, HEAD");
        return get_page();
    }
    return error_reply(404, "not_found",
                       "there is nothing here; the stream is /ws/mempool, a transaction goes to POST /tx");
}

}  // namespace mempool::http
