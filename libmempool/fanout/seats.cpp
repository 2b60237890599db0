// SPDX-License-Identifier: MIT
#include "fanout/seats.hpp"

#include <cassert>
#include <utility>

#include "fanout/render.hpp"
#include "websocket/frame_writer.hpp"

namespace mempool {

SeatId Seats::take(int socket, Manner manner, Offset next, Stamp now) {
    SeatId seat;
    if (free_.empty()) {
        // Every column has room before any grows: a failed allocation leaves them of one length.
        const std::size_t rows = socket_.size() + 1;
        if (socket_.capacity() < rows) {
            const std::size_t roomy = rows + rows / 2;
            next_.reserve(roomy);
            sent_.reserve(roomy);
            flags_.reserve(roomy);
            manner_.reserve(roomy);
            heard_at_.reserve(roomy);
            full_at_.reserve(roomy);
            free_.reserve(roomy);  // so that release() never allocates
            socket_.reserve(roomy);
        }
        seat = static_cast<SeatId>(socket_.size());
        socket_.resize(rows);
        next_.resize(rows);
        sent_.resize(rows);
        flags_.resize(rows);
        manner_.resize(rows);
        heard_at_.resize(rows);
        full_at_.resize(rows);
    } else {
        seat = free_.back();
        free_.pop_back();
    }
    socket_[seat] = socket;
    next_[seat] = next;
    sent_[seat] = 0;
    flags_[seat] = taken;
    manner_[seat] = manner;
    heard_at_[seat] = now;
    full_at_[seat] = now;
    ++count_;
    of_format_[static_cast<std::size_t>(plain(manner.format))].add(1);
    return seat;
}

int Seats::release(SeatId seat) {
    assert(is(seat, taken));
    if (is(seat, extra)) extras_.erase(seat);
    flags_[seat] = 0;
    sent_[seat] = 0;
    free_.push_back(seat);
    --count_;
    of_format_[static_cast<std::size_t>(plain(manner_[seat].format))].subtract(1);
    return std::exchange(socket_[seat], -1);
}

Seats::Extra &Seats::extra_of(SeatId seat) {
    Extra &extra_here = extras_[seat];
    set(seat, extra);
    return extra_here;
}

Seats::Extra *Seats::find_extra(SeatId seat) {
    return is(seat, extra) ? &extras_.at(seat) : nullptr;
}

void Seats::tidy(SeatId seat) {
    const Extra *here = find_extra(seat);
    if (here == nullptr || !here->out.empty() || here->ping || here->reader || here->deadline != never) return;
    extras_.erase(seat);
    clear(seat, extra);
}

void Seats::save_rest(SeatId seat, const Lane &lane) {
    if (sent_[seat] == 0) return;
    Extra &here = extra_of(seat);
    assert(here.out_sent == 0);
    here.out.insert(0, lane.rest(place(seat)));
    advance(seat, {next_[seat] + 1, 0});
}

void Seats::begin_close(SeatId seat, const Lane &lane, websocket::CloseCode code, std::string_view reason,
                        Instant deadline) {
    assert(!is(seat, closing));
    save_rest(seat, lane);
    Extra &here = extra_of(seat);
    if (here.ping) websocket::append_frame(here.out, websocket::Opcode::pong, *here.ping);
    here.ping.reset();
    append_close(here.out, manner_[seat].format, code, reason);
    here.deadline = deadline;
    if (code == websocket::CloseCode::overloaded) closed_.slow.add(1);
    set(seat, closing);
    if (!is_sse(manner_[seat].format)) return;
    set(seat, peer_closed);  // it has no close to answer with
    set(seat, failed);
}

}  // namespace mempool
