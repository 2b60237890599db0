// SPDX-License-Identifier: MIT
/// Transactions that come over the WebSocket: the inbox of the audience, which submits what a JSON client says and answers it. Never waits:
/// a full queue is told at once. Owned by the connections of a network thread; that thread only.
///
///   message ---> intake ---refused---> `refused`
///                  '---> `accepted` ---wait, settled---> `outcome`, on this thread, by Awaited
///
/// A client has at most waits_max outcomes to come; with it they are forgotten.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "fanout/inbox.hpp"
#include "fanout/shard.hpp"
#include "http/awaited.hpp"
#include "http/client_message.hpp"

namespace mempool::http {

struct Services;

class SocketIntake final : public Inbox {
public:
    static constexpr std::size_t waits_max = 64;

    /// All outlive it.
    SocketIntake(const Services &services, Awaited &awaited, Shard &shard)
        : services_(services), awaited_(awaited), shard_(shard) {}
    SocketIntake(const SocketIntake &) = delete;
    SocketIntake &operator=(const SocketIntake &) = delete;

    bool message(const Speaker &who, const Said &said, std::string &answers) override;
    void left(const Speaker &who) noexcept override;
    /// Clients with outcomes to come.
    std::size_t awaiting() const { return tickets_.size(); }

private:
    void submit(const Speaker &who, TxMessage tx, std::string &answers);
    void answer_repeated(const Speaker &who, const std::optional<std::string> &ref, std::uint64_t id,
                         const Claim &claim, Accepted &accepted, std::string &answers);
    Claim claim_outcome(const Speaker &who, const std::optional<std::string> &ref);
    void forget(const Speaker &who, const Claim &claim) noexcept;
    void drop_ticket(std::uint64_t name, std::uint64_t ticket) noexcept;

    const Services &services_;
    Awaited &awaited_;
    Shard &shard_;
    std::unordered_map<std::uint64_t, std::vector<std::uint64_t>> tickets_;  // by a speaker's name; none is empty
};

}  // namespace mempool::http
