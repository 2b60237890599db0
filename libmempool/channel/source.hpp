// SPDX-License-Identifier: MIT
/// Who gives an event its offset. The batcher and the pool's publish know only this: a journal or a backplane, whose engine gives the
/// offset and settles later, will come as others. Any thread may publish.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>

#include "channel/event.hpp"
#include "channel/ring.hpp"

namespace mempool {

class EventSource {
public:
    virtual ~EventSource() = default;

    /// Takes the event on its way to every listener; never blocks. `settled` (may be empty) runs once, on any thread, when the event is
    /// certain to be told: only then may its outcomes be. Gives the number of listeners of this moment; nothing where the topic is closed,
    /// and then the event goes nowhere, but what it tells is true: `settled` has run.
    virtual std::optional<std::size_t> publish(EventPtr event, std::function<void()> settled) = 0;
};

/// A topic of this process alone: appends at once and settles.
class LocalSource final : public EventSource {
public:
    explicit LocalSource(Ring &ring) : ring_(ring) {}
    std::optional<std::size_t> publish(EventPtr event, std::function<void()> settled) override;

private:
    Ring &ring_;
};

}  // namespace mempool
