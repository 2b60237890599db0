// SPDX-License-Identifier: MIT
#include "http/transactions.hpp"

#include <array>
#include <charconv>
#include <iterator>
#include <new>
#include <optional>
#include <utility>

#include "base/json.hpp"
#include "http/many.hpp"
#include "http/query.hpp"
#include "http/submission_error.hpp"

namespace mempool::http {
namespace {

using boost::beast::http::verb;

/// 202, without the id: has room for it, so that nothing can fail once the transaction was accepted.
Reply accepted_reply(const Services &services) {
    Reply reply;
    reply.status = 202;
    reply.headers.reserve(64 + services.prefix.size());
    reply.body.reserve(96);
    return reply;
}

constexpr std::size_t id_max_digits = 20;

class Digits {
public:
    explicit Digits(std::uint64_t id) : end_(std::to_chars(digits_.data(), digits_.data() + digits_.size(), id).ptr) {}
    Digits(const Digits &) = delete;
    Digits &operator=(const Digits &) = delete;
    operator std::string_view() const { return {digits_.data(), static_cast<std::size_t>(end_ - digits_.data())}; }

private:
    std::array<char, id_max_digits> digits_;
    const char *end_;
};

void name_id(Reply &accepted, std::uint64_t id, const Services &services) {
    const Digits digits(id);
    const std::string_view text = digits;
    accepted.headers.append("Location: ").append(services.prefix).append("/tx/").append(text).append("\r\n");
    accepted.body.append(R"({"id":")").append(text).append(R"(","status":"pending","durability":"memory"})");
}

/// What the accepted transaction is answered with: its outcome, if that is known or can be waited for, else 202.
std::variant<Reply, Upgrade, Wait> answer_accepted(std::uint64_t id, std::chrono::seconds most, Reply accepted,
                                                   const Services &services, Awaited &awaited) {
    name_id(accepted, id, services);
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

/// The request's idempotency key, empty where it brings none; or what is wrong with it.
std::variant<std::string_view, Reply> key_of(const Request &request) {
    const auto [first, last] = request.equal_range("Idempotency-Key");
    if (first == last) return std::string_view{};
    if (std::next(first) != last)
        return error_reply(400, "bad_request", "there are several Idempotency-Key headers; give one");
    const std::string_view key = first->value();
    if (const Status status = Idempotency::check_key(key); !status.ok())
        return error_reply(400, "bad_request", status.detail());
    return key;
}

Reply refused(const Status &status) {
    const SubmissionError why = submission_error(status.code());
    return why.is_for_now ? unavailable(why.word, status.detail()) : error_reply(why.status, why.word, status.detail());
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

std::variant<Reply, Upgrade, Wait> post_tx(Request &request, const Services &services, Awaited &awaited) {
    if (request.method() != verb::post) return not_allowed("POST");
    const auto asked = parse_wait(request.target(), request[boost::beast::http::field::prefer]);
    if (const auto *bad = std::get_if<BadQuery>(&asked)) return error_reply(400, "bad_request", bad->detail);
    const auto most = std::get<std::chrono::seconds>(asked);
    auto key = key_of(request);
    if (auto *bad = std::get_if<Reply>(&key)) return std::move(*bad);
    Reply accepted = accepted_reply(services);
    Idempotency::Submitted submitted;
    const Status status =
        services.idempotency.submit(services.intake, std::get<std::string_view>(key), {&request.body(), 1}, submitted);
    if (!status.ok()) return refused(status);
    return answer_accepted(submitted.first, most, std::move(accepted), services, awaited);
}

Reply post_txs(Request &request, const Services &services) {
    if (request.method() != verb::post) return not_allowed("POST");
    const auto asked = parse_wait(request.target(), {});  // the header's is a preference: it may be left alone
    if (const auto *bad = std::get_if<BadQuery>(&asked)) return error_reply(400, "bad_request", bad->detail);
    if (std::get<std::chrono::seconds>(asked).count() > 0)
        return error_reply(
            400, "bad_request",
            "POST /txs does not wait for outcomes; leave `wait` away, then ask for the last id's with GET "
            "and `wait`: it is settled after all before it");
    auto key = key_of(request);
    if (auto *bad = std::get_if<Reply>(&key)) return std::move(*bad);
    Many many = read_many(request[boost::beast::http::field::content_type], request.body(),
                          {services.intake.tx_max_bytes(), services.intake.queue_capacity()});
    if (auto *bad = std::get_if<Reply>(&many)) return std::move(*bad);
    std::string().swap(request.body());  // an assignment would keep its memory
    auto &transactions = std::get<std::vector<std::string>>(many);
    const std::size_t count = transactions.size();

    constexpr std::string_view begin = R"({"ids":[)";
    constexpr std::string_view end = R"(],"status":"pending","durability":"memory"})";
    Reply accepted;
    accepted.status = 202;
    accepted.body.reserve(begin.size() + count * (id_max_digits + 3) + end.size());  // once accepted, nothing may fail
    Idempotency::Submitted submitted;
    const Status status =
        services.idempotency.submit(services.intake, std::get<std::string_view>(key), transactions, submitted);
    if (!status.ok()) return refused(status);
    accepted.body.append(begin);
    for (std::size_t index = 0; index < count; ++index)
        accepted.body.append(index == 0 ? "\"" : ",\"").append(Digits(submitted.first + index)).append("\"");
    accepted.body.append(end);
    return accepted;
}

std::variant<Reply, Upgrade, Wait> get_tx(const Request &request, std::string_view id_text, const Services &services,
                                          Awaited &awaited) {
    if (request.method() != verb::get && request.method() != verb::head) return not_allowed("GET, HEAD");
    const auto asked = parse_wait(request.target(), request[boost::beast::http::field::prefer]);
    if (const auto *bad = std::get_if<BadQuery>(&asked)) return error_reply(400, "bad_request", bad->detail);
    const auto most = std::get<std::chrono::seconds>(asked);
    const std::uint64_t id = whole_number(id_text).value_or(0);  // no transaction has the id 0
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

}  // namespace mempool::http
