// SPDX-License-Identifier: MIT
#include "fanout/lane.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

namespace mempool {

void Lane::append(std::string_view wire) {
    assert(!wire.empty());
    if (segments_.empty() || segments_.back().bytes.size() + wire.size() > segment_bytes) {
        Segment segment{tail_, std::string(wire), {static_cast<std::uint32_t>(wire.size())}};
        segments_.push_back(std::move(segment));
        // What is full grows no more: so a lane costs what it holds.
        if (segments_.size() > 1) std::prev(segments_.end(), 2)->bytes.shrink_to_fit();
    } else {
        Segment &segment = segments_.back();
        segment.ends.reserve(segment.ends.size() == segment.ends.capacity() ? 2 * segment.ends.size() : 0);
        segment.bytes.append(wire);  // the last that may throw: then nothing was appended
        segment.ends.push_back(static_cast<std::uint32_t>(segment.bytes.size()));
    }
    bytes_ += wire.size();
    ++tail_;
}

void Lane::restart(Offset at) {
    segments_.clear();
    bytes_ = 0;
    tail_ = at;
    head_ = at;
}

Offset Lane::first_kept() const {
    std::size_t bytes = bytes_;
    for (const Segment &segment : segments_) {
        const bool newest = &segment == &segments_.back();
        if (segment.last() >= head_ && (bytes <= bytes_max_ || newest)) return segment.first;
        bytes -= segment.bytes.size();
    }
    return tail_;
}

void Lane::trim() {
    for (const Offset kept = first_kept(); first() < kept; segments_.pop_front())
        bytes_ -= segments_.front().bytes.size();
}

std::deque<Lane::Segment>::const_iterator Lane::segment_of(Offset offset) const {
    assert(offset >= first());
    assert(offset < tail_);
    // The newest segment is asked first: nearly everybody stands there.
    if (offset >= segments_.back().first) return std::prev(segments_.end());
    return std::prev(std::ranges::upper_bound(segments_, offset, {}, &Segment::first));
}

std::string_view Lane::rest(LanePlace place) const {
    const Segment &segment = *segment_of(place.next);
    const std::size_t begin = segment.begin_of(place.next) + place.sent;
    const std::size_t end = segment.ends[static_cast<std::size_t>(place.next - segment.first)];
    assert(begin < end);
    return std::string_view(segment.bytes).substr(begin, end - begin);
}

std::size_t Lane::gather(LanePlace place, std::span<iovec> out) const {
    if (place.next == tail_) return 0;
    auto segment = segment_of(place.next);
    std::size_t begin = segment->begin_of(place.next) + place.sent;
    std::size_t count = 0;
    for (; segment != segments_.end() && count < out.size(); ++segment) {
        // sendmsg only reads, whatever its type says
        out[count++] = {const_cast<char *>(segment->bytes.data()) + begin, segment->bytes.size() - begin};
        begin = 0;
    }
    return count;
}

LanePlace Lane::advance(LanePlace place, std::size_t bytes) const {
    if (bytes == 0) return place;
    auto segment = segment_of(place.next);
    std::size_t at = segment->begin_of(place.next) + place.sent + bytes;
    while (at >= segment->bytes.size()) {
        at -= segment->bytes.size();
        if (++segment == segments_.end()) {
            assert(at == 0);
            return {tail_, 0};
        }
    }
    const auto end = std::ranges::upper_bound(segment->ends, static_cast<std::uint32_t>(at));
    const Offset next = segment->first + static_cast<std::uint64_t>(end - segment->ends.begin());
    return {next, static_cast<std::uint32_t>(at - segment->begin_of(next))};
}

}  // namespace mempool
