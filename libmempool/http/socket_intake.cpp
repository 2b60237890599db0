// SPDX-License-Identifier: MIT
#include "http/socket_intake.hpp"

#include <new>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include "http/routes.hpp"

namespace mempool::http {
namespace {

constexpr std::uint64_t retry_in_ms = 50;  // a queue that is full has room again a few batches later

/// Whether a key can be honoured. Idempotency has not come yet; once it has, this is the place.
std::optional<Refused> refuse_key(const TxMessage &tx) {
    if (!tx.key) return std::nullopt;
    return Refused{"not_implemented", "idempotency keys have not come yet; submit without key"};
}

Refused refusal(const Status &status) {
    switch (status.code()) {
        case Code::invalid:
            return {"empty", status.detail()};
        case Code::too_large:
            return {"too_large", status.detail()};
        case Code::full:
            return {"full", status.detail(), retry_in_ms};
        case Code::closed:
        case Code::state:
            return {"draining", status.detail()};
        default:
            return {"internal", status.detail()};
    }
}

}  // namespace

bool SocketIntake::message(const Speaker &who, const Said &said, std::string &answers) {
    if (said.format != Format::json || said.binary) return false;
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
    if (const auto refused = refuse_key(tx)) return append_refused(answers, tx.ref, *refused);
    if (const auto waits = waits_.find(who.name); tx.wait && waits != waits_.end() && waits->second == waits_max) {
        const std::string detail = std::to_string(waits_max) +
                                   " of your transactions wait for their outcome already; await one, or submit without "
                                   "wait";
        return append_refused(answers, tx.ref, {"full", detail, retry_in_ms});
    }
    Accepted accepted(answers, tx.ref);
    const Claim claim = tx.wait ? claim_outcome(who, tx.ref) : Claim{};
    std::uint64_t id = 0;
    Status status;
    try {
        status = services_.intake.submit_many({&tx.data, 1}, id, at_once, claim);
    } catch (const std::bad_alloc &) {
        forget(who, claim);
        return append_refused(answers, tx.ref, {"full", "out of memory; try again", retry_in_ms});
    }
    if (status.ok()) return accepted.append(id);
    forget(who, claim);
    append_refused(answers, tx.ref, refusal(status));
}

/// Before the transaction is submitted, so that nothing can fail once it was.
Claim SocketIntake::claim_outcome(const Speaker &who, const std::optional<std::string> &ref) {
    Claim claim = awaited_.claim();
    awaited_.wait_for(claim.user_data, [this, who, ref](const Completion &settled) {
        one_wait_less(who.name);
        shard_.tell(who, [&](std::string &out) { append_outcome(out, ref, settled); });
    });
    try {
        ++waits_[who.name];
    } catch (...) {
        awaited_.forget(claim.user_data);
        throw;
    }
    return claim;
}

void SocketIntake::forget(const Speaker &who, const Claim &claim) noexcept {
    if (!claim.completions) return;
    awaited_.forget(claim.user_data);
    one_wait_less(who.name);
}

void SocketIntake::one_wait_less(std::uint64_t name) noexcept {
    const auto waits = waits_.find(name);
    if (--waits->second == 0) waits_.erase(waits);
}

}  // namespace mempool::http
