// SPDX-License-Identifier: MIT
/// Submissions that bring a key: a client that did not hear the answer asks again with the same key, and is told the id it was given the
/// first time, instead of being served twice (docs/spec/wire.md, POST /tx).
///
/// Owned by the pool; any network thread, whichever way the submission came. Lives in memory: it begins empty with each start.
///
/// Whether a key has come before and the queue's taking its transactions are one step for all threads: so mutex_ is held over the queue's
/// lock and the completion queue's, which are leaves. What is long, the digests, comes before it; who brings no key takes no lock here.
///
/// Invariants: at most `capacity` keys are kept, the oldest go first, and only for an accepted one; a key that was refused is not kept,
/// and nobody leaves for it. Neither key nor body is kept, but a digest of each under a secret of this pool's (base/siphash).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/siphash.hpp"
#include "base/status.hpp"
#include "batch/intake.hpp"

namespace mempool {

class Idempotency {
public:
    static constexpr std::size_t key_max_bytes = 255;  // docs/spec/options.md, Fixed

    /// capacity: keys; 0: none are kept, and every submission is a new one. Throws std::system_error where the system has no randomness.
    explicit Idempotency(std::size_t capacity);
    Idempotency(const Idempotency &) = delete;
    Idempotency &operator=(const Idempotency &) = delete;

    /// INVALID for a key that is none: 1 to 255 bytes, any of them.
    static Status check_key(std::string_view key);

    struct Submitted {
        std::uint64_t first = 0;  // the ids are first, first + 1 ...
        bool repeated = false;    // by an earlier submission: these were not queued now
    };
    /// Queues them all or none, as Intake::submit_many() does at once; or, where the key has come before with the same transactions, tells
    /// what they were given then, full or draining as the queue may be. CONFLICT: it has come before with others.
    /// Without memory it throws, and nothing was queued or kept. claim: on the outcomes of what is queued now; of a repetition nobody is told.
    Status submit(Intake &intake, std::string_view key, std::span<std::string> transactions, Submitted &submitted,
                  const Claim &claim = {});

    std::size_t kept() const {
        const std::lock_guard lock(mutex_);
        return kept_.size();
    }

private:
    using Digest = SipHash::Digest;
    class Place;

    struct Kept {
        Digest transactions;
        std::uint64_t first;
    };
    struct FirstWord {  // the digest is as good as random
        std::size_t operator()(const Digest &digest) const noexcept { return digest[0]; }
    };

    Digest digest_of(std::string_view key) const;
    Digest digest_of(std::span<const std::string> transactions) const;

    const std::size_t capacity_;
    const SipHash::Secret secret_;

    mutable std::mutex mutex_;                          // guards all below; above only Intake's leaves
    std::unordered_map<Digest, Kept, FirstWord> kept_;  // by the key's digest
    std::deque<Digest> by_age_;                         // the same keys, the oldest first
};

}  // namespace mempool
