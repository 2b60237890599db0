// SPDX-License-Identifier: MIT
/// The lanes of one audience: one for each format in use, all ending at one place of the ring, and a chunk of what they have no longer for
/// those who catch up. Owned by the audience; shard thread only.
///
/// Invariants: between two calls every lane ends at tail(), or, where memory ran out in the middle of take(), is a few events ahead, which it
/// is not given again. head() is the ring's oldest event when it was last read, and every lane's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "channel/ring.hpp"
#include "fanout/lane.hpp"
#include "fanout/manner.hpp"
#include "websocket/deflater.hpp"

namespace mempool {

class Lanes {
public:
    /// bytes_max: of each lane. deflate_min_bytes: what is shorter is not compressed.
    Lanes(Ring &ring, std::size_t bytes_max, std::size_t deflate_min_bytes = 0)
        : ring_(ring), bytes_max_(bytes_max), deflate_min_bytes_(deflate_min_bytes) {}
    Lanes(const Lanes &) = delete;
    Lanes &operator=(const Lanes &) = delete;

    /// Whether there is an audience: all below is for then.
    bool in_use() const { return epoch_ != nullptr; }
    void begin(const Subscribed &subscribed);
    void end();

    /// Makes the lane of that format, if there is none: it begins with the event at tail(). With the first compressed one comes the deflater.
    void open(Format format);
    bool has(Format format) const { return lanes_[static_cast<std::size_t>(format)].has_value(); }
    Lane &of(Format format) { return *lanes_[static_cast<std::size_t>(format)]; }

    const Cursor &at() const { return at_; }
    Offset tail() const { return at_.next; }
    Offset head() const { return head_; }
    const std::string &epoch() const { return *epoch_; }

    /// The events from tail() on, each rendered once a format; head: the ring's oldest now. std::bad_alloc: those before have been taken.
    void take(std::span<EventPtr> events, Offset head);
    /// The ring's oldest event has become `head`; true where it was another before.
    bool set_head(Offset head);
    /// All are behind the ring: they go on, empty, with `head`.
    void fall_behind(Offset head);
    /// Another history has begun at `cursor`, as the ring has just said.
    void begin_history(const Cursor &cursor, const Ring::Read &read);

    bool trimmable() const;
    /// Whoever stands before first_kept() of a lane has saved the rest of a half-sent event.
    void trim();

    /// Events before the lane's first, from `next` on, rendered from the ring, and not compressed: an event is that once a format, or else who
    /// comes again and again with an old position could have the ring compressed each time. Valid until the next call of any function here. nullptr: the
    /// ring has moved on, and has to be read first.
    const Lane *older(Format format, Offset next);
    void forget_older() { older_.reset(); }

private:
    void render(const Lane &lane, const Event &event);

    Ring &ring_;
    const std::size_t bytes_max_;
    const std::size_t deflate_min_bytes_;
    Cursor at_{};
    EpochPtr epoch_;
    Offset head_{};
    std::array<std::optional<Lane>, format_count> lanes_;
    std::optional<Lane> older_;
    std::optional<websocket::Deflater> deflater_;
    std::string wire_;  // the frame being rendered
};

}  // namespace mempool
