// SPDX-License-Identifier: MIT
#include "fanout/lanes.hpp"

#include <algorithm>

#include "fanout/render.hpp"

namespace mempool {

void Lanes::begin(const Subscribed &subscribed) {
    at_ = {subscribed.tail, subscribed.cursor.history};
    head_ = subscribed.head;
    epoch_ = subscribed.epoch;
}

void Lanes::end() {
    for (std::optional<Lane> &lane : lanes_) lane.reset();
    older_.reset();
    deflater_.reset();
    epoch_.reset();
    std::string().swap(wire_);  // of the largest event so far
}

void Lanes::open(Format format) {
    std::optional<Lane> &lane = lanes_[static_cast<std::size_t>(format)];
    if (is_deflated(format) && !deflater_) deflater_.emplace();
    if (!lane) lane.emplace(format, at_.next, head_, bytes_max_);
}

/// Leaves what comes next in that lane in wire_.
void Lanes::render(const Lane &lane, const Event &event) {
    wire_.clear();
    append_event(wire_, lane.format(), *epoch_, lane.tail(), event);
}

void Lanes::take(std::span<EventPtr> events, Offset head) {
    for (EventPtr &event : events) {
        for (std::optional<Lane> &lane : lanes_) {
            if (!lane || lane->tail() != at_.next) continue;
            render(*lane, *event);
            if (is_deflated(lane->format())) deflater_->shorten(wire_, deflate_min_bytes_);
            lane->append(wire_);
        }
        event.reset();
        ++at_.next;
    }
    set_head(head);
}

bool Lanes::set_head(Offset head) {
    if (head == head_) return false;
    head_ = head;
    for (std::optional<Lane> &lane : lanes_)
        if (lane) lane->set_head(head);
    return true;
}

void Lanes::fall_behind(Offset head) {
    at_.next = head_ = head;
    for (std::optional<Lane> &lane : lanes_)
        if (lane) lane->restart(head, head);
}

void Lanes::begin_history(const Cursor &cursor, const Ring::Read &read) {
    at_.history = cursor.history;
    epoch_ = read.epoch;
    if (read.emptied) at_.next = head_ = cursor.next;
    older_.reset();
    // What they hold is of the old epoch, by its name at least.
    for (std::optional<Lane> &lane : lanes_)
        if (lane) lane->restart(at_.next, head_);
}

bool Lanes::trimmable() const {
    return std::ranges::any_of(lanes_, [](const std::optional<Lane> &lane) { return lane && lane->trimmable(); });
}

void Lanes::trim() {
    for (std::optional<Lane> &lane : lanes_)
        if (lane) lane->trim();
}

const Lane *Lanes::older(Format format, Offset next) {
    if (older_ && older_->format() == format && next >= older_->first() && next < older_->tail()) return &*older_;
    older_.emplace(format, next, head_, Lane::segment_bytes);
    const Offset end = of(format).first();
    Cursor cursor{next, at_.history};
    std::array<EventPtr, 16> events;
    while (older_->tail() < end && older_->bytes() < Lane::segment_bytes) {
        const auto wanted = std::min<std::uint64_t>(events.size(), end - older_->tail());
        const Ring::Read read = ring_.read(cursor, std::span(events).first(static_cast<std::size_t>(wanted)));
        if (read.outcome != Ring::Outcome::events) break;
        for (std::size_t index = 0; index < read.count; ++index) {
            if (older_->bytes() < Lane::segment_bytes) {
                render(*older_, *events[index]);
                older_->append(wire_);
            }
            events[index].reset();  // not under the ring's lock, by the next read
        }
    }
    return next == older_->tail() ? nullptr : &*older_;
}

}  // namespace mempool
