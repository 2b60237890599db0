// SPDX-License-Identifier: MIT
/// The ring's events rendered once as the wire bytes of one format: what the clients of that format are sent, straight from here.
/// Owned by a shard; shard thread only.
///
/// A lane holds a window of offsets, first()..tail()-1, in segments of about 64 KiB (a large event alone). Appended bytes never
/// change; a segment goes when the ring has dropped all of its events, or when the lane is larger than it may be. What the ring still
/// has and the lane has not is rendered from the ring, in another lane that lives as long as somebody needs it.
///
/// Invariants: offsets in the window have no holes; first() <= tail(); head() is the ring's oldest event when it was last read.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "channel/offset.hpp"

namespace mempool {

/// A place in a lane: `sent` bytes of the event at `next` are out already.
struct LanePlace {
    Offset next;
    std::uint32_t sent = 0;

    friend bool operator==(const LanePlace &, const LanePlace &) = default;
};

class Lane {
public:
    static constexpr std::size_t segment_bytes = 64 * 1024;

    /// An empty window: the event at `at` is the next to be appended. head: the ring's oldest. It keeps at most bytes_max, and the newest
    /// segment in any case.
    Lane(Offset at, Offset head, std::size_t bytes_max) : bytes_max_(bytes_max), tail_(at), head_(head) {}
    Lane(const Lane &) = delete;
    Lane &operator=(const Lane &) = delete;

    /// The wire bytes of the event at tail().
    void append(std::string_view wire);
    /// Empties the window and goes on at `at`: the lane itself fell behind the ring, or the ring was restarted.
    void restart(Offset at);

    Offset first() const { return segments_.empty() ? tail_ : segments_.front().first; }
    Offset tail() const { return tail_; }
    Offset head() const { return head_; }
    std::size_t bytes() const { return bytes_; }
    /// The ring's oldest event has become `head`.
    void set_head(Offset head) { head_ = head; }

    /// Whether trim() would drop something: then who stands in the middle of an event before first_kept() must save the rest of it.
    bool trimmable() const { return first_kept() > first(); }
    Offset first_kept() const;
    /// Drops the segments before first_kept().
    void trim();

    /// The bytes of the event at place.next that are still to be sent. The event must be in the window.
    std::string_view rest(LanePlace place) const;
    /// Fills `out` with what lies from `place` to the tail, as far as it goes, and gives the number filled.
    std::size_t gather(LanePlace place, std::span<iovec> out) const;
    /// Where `place` stands once `bytes` more were sent. At most what lies up to the tail.
    LanePlace advance(LanePlace place, std::size_t bytes) const;

private:
    struct Segment {
        Offset first;
        std::string bytes;
        std::vector<std::uint32_t> ends;  // ends[i]: where the event at first + i ends in bytes

        Offset last() const { return first + (ends.size() - 1); }
        std::size_t begin_of(Offset offset) const {
            return offset == first ? 0 : ends[static_cast<std::size_t>(offset - first) - 1];
        }
    };
    std::deque<Segment>::const_iterator segment_of(Offset offset) const;

    std::size_t bytes_max_;
    std::size_t bytes_ = 0;         // of all segments
    std::deque<Segment> segments_;  // none is empty
    Offset tail_;
    Offset head_;
};

}  // namespace mempool
