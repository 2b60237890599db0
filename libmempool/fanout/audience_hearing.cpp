// SPDX-License-Identifier: MIT
/// What an audience does with what its clients say, and says to one of them: the part of Audience that stands beside the stream.
#include <new>

#include "fanout/audience.hpp"
#include "websocket/frame_writer.hpp"

namespace mempool {
namespace {

/// While less than this is to be sent to a client privately, each of its pings is answered, in its place among the messages. Of a flood of
/// them it is the newest alone (RFC 6455 5.5.3 allows that), so that it costs no memory.
constexpr std::size_t pongs_gathered_bytes = 512;

void put_pong(Seats::Extra &extra) {
    if (!extra.ping || extra.out.size() - extra.out_sent >= pongs_gathered_bytes) return;
    websocket::append_frame(extra.out, websocket::Opcode::pong, *extra.ping);
    extra.ping.reset();
    extra.answers = true;
}

}  // namespace

void Audience::owe_pong(SeatId seat, std::string_view payload) {
    Seats::Extra &extra = seats_.extra_of(seat);
    put_pong(extra);
    extra.ping.emplace(payload);
}

/// A whole data message.
void Audience::hear(SeatId seat, const websocket::Inbound &inbound) {
    if (inbox_ == nullptr) return messages_ignored_.add(1);
    const Said said{seats_.manner(seat).format, inbound.kind == websocket::Inbound::Kind::binary, inbound.payload};
    Seats::Extra &extra = seats_.extra_of(seat);
    put_pong(extra);
    const std::size_t before = extra.out.size();
    if (!inbox_->message(speakers_.of(seat), said, extra.out)) messages_ignored_.add(1);
    if (extra.out.size() > before)
        extra.answers = true;
    else
        seats_.tidy(seat);
}

bool Audience::has_answers(SeatId seat) {
    const Seats::Extra *extra = seats_.find_extra(seat);
    return extra != nullptr && (extra->answers || extra->ping);
}

bool Audience::can_hear(const Speaker &who) const {
    return speakers_.is_here(who) && !seats_.is(who.seat, Seats::closing);
}

/// To be sent in the next turn.
std::string &Audience::bytes_to_tell(SeatId seat) {
    told_.push_back(seat);
    Seats::Extra &extra = seats_.extra_of(seat);
    extra.answers = true;
    return extra.out;
}

}  // namespace mempool
