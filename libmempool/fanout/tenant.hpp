// SPDX-License-Identifier: MIT
/// What else lives on a shard's thread (the HTTP side), as the shard sees it: it has deadlines, and an end. Every call comes on the
/// shard's thread. Owned by the pool; outlives the shard's run().
#pragma once

#include "base/clock.hpp"

namespace mempool {

class Tenant {
public:
    /// Ends what is past its deadline, and gives the earliest deadline left, or `never`.
    virtual Instant expire(Instant now) = 0;
    /// Somebody rang (Shard::ring), for this one or for nothing. After a std::bad_alloc, again.
    virtual void rung() {}
    /// The pool drains: takes nobody new, ends who is idle, lets the others finish until the deadline.
    virtual void drain(Instant deadline) = 0;
    /// Ends everybody now.
    virtual void cut() = 0;
    /// Whether nobody is left.
    virtual bool empty() const = 0;

protected:
    ~Tenant() = default;
};

}  // namespace mempool
