// SPDX-License-Identifier: MIT
#include "http/socket_intake.hpp"

#include <new>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include "http/routes.hpp"
#include "http/submission_error.hpp"

namespace mempool::http {
namespace {

constexpr std::uint64_t retry_in_ms = 50;  // a queue that is full has room again a few batches later

Refused refusal(const Status &status) {
    return {submission_error(status.code()).word, status.detail(), status.code() == Code::full ? retry_in_ms : 0};
}

}  // namespace

bool SocketIntake::message(const Speaker &who, const Said &said, std::string &answers) {
    if (!is_json(said.format) || said.binary) return false;
    ClientMessage message = parse_client_message(said.payload);
    if (std::holds_alternative<OtherMessage>(message)) return false;
    if (const auto *bad = std::get_if<BadMessage>(&message))
        append_bad_message(answers, bad->detail);
    else if (const auto *bad_tx = std::get_if<BadTx>(&message))
        append_refused(answers, bad_tx->ref, {"bad_request", bad_tx->detail});
    else
        submit(who, std::get<TxMessage>(std::move(message)), answers);
    return true;
}

void SocketIntake::submit(const Speaker &who, TxMessage tx, std::string &answers) {
    if (tx.key)
        if (const Status status = Idempotency::check_key(*tx.key); !status.ok())
            return append_refused(answers, tx.ref, {"bad_request", status.detail()});
    if (const auto tickets = tickets_.find(who.name);
        tx.wait && tickets != tickets_.end() && tickets->second.size() == waits_max) {
        const std::string detail = std::to_string(waits_max) +
                                   " of your transactions wait for their outcome already; await one, or submit without "
                                   "wait";
        return append_refused(answers, tx.ref, {"full", detail, retry_in_ms});
    }
    Accepted accepted(answers, tx.ref);
    const Claim claim = tx.wait ? claim_outcome(who, tx.ref) : Claim{};
    Idempotency::Submitted submitted;
    Status status;
    try {
        status = services_.idempotency.submit(services_.intake, tx.key.value_or(""), {&tx.data, 1}, submitted, claim);
    } catch (const std::bad_alloc &) {
        forget(who, claim);
        return append_refused(answers, tx.ref, {"full", "out of memory; try again", retry_in_ms});
    }
    if (!status.ok()) {
        forget(who, claim);
        return append_refused(answers, tx.ref, refusal(status));
    }
    if (submitted.repeated && tx.wait) return answer_repeated(who, tx.ref, submitted.first, claim, accepted, answers);
    accepted.append(submitted.first);
}

/// It was submitted before, under the same key: its outcome may be known.
void SocketIntake::answer_repeated(const Speaker &who, const std::optional<std::string> &ref, std::uint64_t id,
                                   const Claim &claim, Accepted &accepted, std::string &answers) {
    Outcomes::Watched watched{};
    try {
        watched = services_.outcomes.watch(id, id, claim);
    } catch (...) {
        forget(who, claim);
        throw;
    }
    const bool is_pending = watched.now.kind == Outcome::Kind::pending;
    if (watched.will_be_told) {
        awaited_.watches(claim.user_data, id);
        return accepted.append(id);
    }
    forget(who, claim);
    if (is_pending)
        return append_refused(answers, ref, {"draining", "the pool ends before this transaction has its outcome"});
    accepted.append(id);
    if (watched.now.kind == Outcome::Kind::gone) return append_gone(answers, ref, id);
    const bool applied = watched.now.kind == Outcome::Kind::applied;
    append_outcome(answers, ref,
                   {applied ? Completion::Kind::applied : Completion::Kind::rejected, id, watched.now.batch, 0,
                    watched.now.reason});
}

/// Before the transaction is submitted, so that nothing can fail once it was.
Claim SocketIntake::claim_outcome(const Speaker &who, const std::optional<std::string> &ref) {
    Claim claim = awaited_.claim();
    awaited_.wait_for(claim.user_data, [this, who, ref](const Completion &settled) {
        drop_ticket(who.name, settled.user_data);
        shard_.tell(who, [&](std::string &out) { append_outcome(out, ref, settled); });
    });
    try {
        tickets_[who.name].push_back(claim.user_data);
    } catch (...) {
        awaited_.forget(claim.user_data);
        if (const auto tickets = tickets_.find(who.name); tickets != tickets_.end() && tickets->second.empty())
            tickets_.erase(tickets);
        throw;
    }
    return claim;
}

void SocketIntake::left(const Speaker &who) noexcept {
    const auto tickets = tickets_.find(who.name);
    if (tickets == tickets_.end()) return;
    for (const std::uint64_t ticket : tickets->second) awaited_.forget(ticket);
    tickets_.erase(tickets);
}

void SocketIntake::forget(const Speaker &who, const Claim &claim) noexcept {
    if (!claim.completions) return;
    awaited_.forget(claim.user_data);
    drop_ticket(who.name, claim.user_data);
}

void SocketIntake::drop_ticket(std::uint64_t name, std::uint64_t ticket) noexcept {
    const auto tickets = tickets_.find(name);
    std::erase(tickets->second, ticket);
    if (tickets->second.empty()) tickets_.erase(tickets);
}

}  // namespace mempool::http
