// SPDX-License-Identifier: MIT
#include "batch/idempotency.hpp"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

namespace mempool {
namespace {

SipHash::Secret random_secret() {
    SipHash::Secret secret;
    if (getrandom(secret.data(), sizeof secret, 0) != static_cast<ssize_t>(sizeof secret))
        throw std::system_error(errno, std::generic_category(), "getrandom");
    return secret;
}

}  // namespace

/// Under mutex_. All the memory for a key, had before its transactions are queued: once they are accepted, nothing can fail. Gives it back unless kept.
class Idempotency::Place {
public:
    Place(Idempotency &keys, const Digest &key, const Digest &transactions) : keys_(keys) {
        keys_.by_age_.push_back(key);
        try {
            kept_ = &keys_.kept_.emplace(key, Kept{transactions, 0}).first->second;
        } catch (...) {
            keys_.by_age_.pop_back();
            throw;
        }
    }
    ~Place() {
        if (kept_ == nullptr) return;
        keys_.kept_.erase(keys_.by_age_.back());
        keys_.by_age_.pop_back();
    }
    Place(const Place &) = delete;
    Place &operator=(const Place &) = delete;

    void keep(std::uint64_t first) noexcept {
        kept_->first = first;
        kept_ = nullptr;
        if (keys_.by_age_.size() <= keys_.capacity_) return;
        keys_.kept_.erase(keys_.by_age_.front());
        keys_.by_age_.pop_front();
    }

private:
    Idempotency &keys_;
    Kept *kept_;
};

Idempotency::Idempotency(std::size_t capacity) : capacity_(capacity), secret_(random_secret()) {}

Status Idempotency::check_key(std::string_view key) {
    if (!key.empty() && key.size() <= key_max_bytes) return {};
    return {Code::invalid, "the idempotency key has " + std::to_string(key.size()) + " bytes; give one of 1 to " +
                               std::to_string(key_max_bytes) + ", such as a UUID"};
}

Status Idempotency::submit(Intake &intake, std::string_view key, std::span<std::string> transactions,
                           Submitted &submitted, const Claim &claim) {
    submitted.repeated = false;
    if (capacity_ == 0 || key.empty()) return intake.submit_many(transactions, submitted.first, at_once, claim);
    const Digest its_key = digest_of(key);
    const Digest its_transactions = digest_of(transactions);
    const std::lock_guard lock(mutex_);
    if (const auto before = kept_.find(its_key); before != kept_.end()) {
        if (before->second.transactions != its_transactions)
            return {Code::conflict,
                    "this idempotency key came before with other transactions; take a new key for a new submission"};
        submitted = {before->second.first, true};
        return {};
    }
    Place place(*this, its_key, its_transactions);
    Status status = intake.submit_many(transactions, submitted.first, at_once, claim);
    if (status.ok()) place.keep(submitted.first);
    return status;
}

Idempotency::Digest Idempotency::digest_of(std::string_view key) const {
    SipHash hash(secret_);
    hash.update(key);
    return hash.finish();
}

/// Each with its length before it, so that `ab` is not `a` and `b`.
Idempotency::Digest Idempotency::digest_of(std::span<const std::string> transactions) const {
    SipHash hash(secret_);
    for (const std::string &each : transactions) {
        hash.update(std::uint64_t{each.size()});
        hash.update(each);
    }
    return hash.finish();
}

}  // namespace mempool
