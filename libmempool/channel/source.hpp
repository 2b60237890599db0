// SPDX-License-Identifier: MIT
/// Who gives an event its offset. The batcher and the pool's publish know only this: a journal or a backplane, whose engine gives the
/// offset and settles later, will come as others. Any thread may publish.
///
/// Back-pressure: a source whose engine is behind has no room. The batcher then leaves the queue alone until there is some, so that it is
/// the submitters who hear FULL; whoever publishes by offer() hears it at once. Room is a mark, not a wall: who asked before it was
/// gone still gets through, and so does all that belongs to the batch under way.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "channel/completions.hpp"
#include "channel/event.hpp"
#include "channel/ring.hpp"

namespace mempool {

class EventSource {
public:
    enum class Offer { taken, full, closed };

    virtual ~EventSource() = default;

    /// Takes the event on its way to every listener; never blocks. `settled` (may be empty) runs once, on any thread, when the event is
    /// certain to be told: only then may its outcomes be. Gives the number of listeners of this moment; nothing where the topic is closed,
    /// and then the event goes nowhere, but what it tells is true: `settled` has run.
    /// Asked for room or not, it takes what it is given.
    virtual std::optional<std::size_t> publish(EventPtr event, std::function<void()> settled) = 0;

    /// Whether its engine keeps up. Any thread, never blocks.
    virtual bool has_room() const = 0;
    /// Tells the listener once, from any thread, no lock held, when there is room: at once, if there is.
    virtual void when_room(const std::shared_ptr<RoomListener> &listener) = 0;

    /// For those who can come again later: publishes where there is room. taken: `listeners` is their number.
    Offer offer(EventPtr event, std::size_t &listeners);
};

/// A topic of this process alone: appends at once and settles; so it always has room.
class LocalSource final : public EventSource {
public:
    explicit LocalSource(Ring &ring) : ring_(ring) {}
    std::optional<std::size_t> publish(EventPtr event, std::function<void()> settled) override;
    bool has_room() const override { return true; }
    void when_room(const std::shared_ptr<RoomListener> &listener) override { listener->room(); }

private:
    Ring &ring_;
};

}  // namespace mempool
