// SPDX-License-Identifier: MIT
/// How an audience reads its sockets: each a bounded part a turn, so that whoever sends much waits and the others do not.
#include <new>
#include <optional>
#include <utility>

#include "fanout/audience.hpp"

namespace mempool {
namespace {

constexpr int reads_at_once = 4;  // from one socket
constexpr int compressed_reads_at_once = 256;

/// Of a client whose messages are answered, at once: each answer is at most some 20 times as long as the message (docs/architecture.md,
/// Memory), and before more is read they have gone out.
constexpr std::size_t answered_at_once = 8 * 1024;

/// Of a client that may compress, at once: some 80 bytes may be a message of 64 KiB, a tenth of a millisecond's work.
constexpr std::size_t compressed_at_once = 256;

/// Inflated in one turn, for all clients together; then those who compress wait for the next.
constexpr std::uint64_t inflated_a_turn = 64 * 1024;

}  // namespace

std::span<char> Audience::read_into(SeatId seat) {
    const Format format = seats_.manner(seat).format;
    const bool is_answered = inbox_ != nullptr && is_json(format);
    return std::span(input_).first(is_deflated(format) ? compressed_at_once
                                   : is_answered       ? answered_at_once
                                                       : input_.size());
}

void Audience::read(SeatId seat, bool to_the_end) {
    const bool compresses = is_deflated(seats_.manner(seat).format);
    websocket::Inflater *inflater = compresses ? &inflater_ : nullptr;
    for (int reads = 0; reads < (compresses ? compressed_reads_at_once : reads_at_once); ++reads) {
        if (compresses && inflated_enough()) {
            if (reads == 0) return wait_in(put_off_, seat);
            break;  // it had its part: behind those who had none
        }
        // Who sends and does not read what it is answered has to wait, as TCP will tell it.
        if (has_answers(seat)) send_and_settle(seat);
        if (!seats_.is(seat, Seats::taken)) return;
        if (seats_.is(seat, Seats::blocked) && has_answers(seat)) {
            seats_.set(seat, Seats::unread);
            seats_.set(seat, Seats::paused);
            return;
        }
        const std::span<char> into = read_into(seat);
        const Received received = kernel_.read(seats_.socket(seat), into);
        if (received.kind == Received::Kind::nothing) return void(send_and_settle(seat));
        if (received.kind != Received::Kind::bytes) return lose(seat, received.kind == Received::Kind::timed_out);
        if (!is_sse(seat)) seats_.set_heard_at(seat, stamp());
        seats_.clear(seat, Seats::pinged);
        // Behind the peer's close nothing is owed an answer: it is read and dropped.
        if (!seats_.is(seat, Seats::peer_closed) && !take_input(seat, into.first(received.bytes), inflater)) return;
        // Edge-triggered: a short read has emptied the socket, unless the peer's FIN came with it.
        if (received.bytes < into.size() && !to_the_end) return void(send_and_settle(seat));
    }
    // Who asked for Server-Sent Events has nothing more to say, and so much of it is a flood.
    if (is_sse(seat)) return drop(seat);
    send_and_settle(seat);
    if (seats_.is(seat, Seats::taken)) read_later(seat);
}

void Audience::read_later(SeatId seat) {
    wait_in(unread_, seat);
}

void Audience::wait_in(std::vector<SeatId> &line, SeatId seat) {
    try {
        line.push_back(seat);
        seats_.set(seat, Seats::unread);
        seats_.clear(seat, Seats::paused);
    } catch (const std::bad_alloc &) {
        drop(seat);  // it would not be told of again
    }
}

/// inflater: nullptr where the client can't know yet that it may compress, or may not. False where the seat was dropped.
bool Audience::take_input(SeatId seat, std::span<char> input, websocket::Inflater *inflater) {
    if (is_sse(seat)) return true;
    using Kind = websocket::Inbound::Kind;
    Seats::Extra *extra = seats_.find_extra(seat);
    std::optional<websocket::FrameReader> fresh;
    const bool resumed = extra != nullptr && extra->reader;
    websocket::FrameReader &reader = resumed ? *extra->reader : fresh.emplace(limits_.message_max_bytes, inflater);
    try {
        for (;;) {
            const websocket::Inbound inbound = reader.next(input);
            const bool closing = seats_.is(seat, Seats::closing);
            switch (inbound.kind) {
                case Kind::need_more:
                    if (resumed && reader.idle()) {
                        extra->reader.reset();
                        seats_.tidy(seat);
                    } else if (!resumed && !reader.idle()) {
                        seats_.extra_of(seat).reader.emplace(std::move(reader));
                    }
                    return true;
                case Kind::ping:
                    if (!closing) owe_pong(seat, inbound.payload);
                    break;
                case Kind::pong:
                    break;
                case Kind::text:
                case Kind::binary:
                    if (!closing) hear(seat, inbound);
                    break;
                case Kind::close:
                    if (!closing) close_seat(seat, inbound.code, "");
                    seats_.set(seat, Seats::peer_closed);
                    break;
                case Kind::failed:
                    // Nothing that still comes can be understood: the peer's close is not waited for.
                    if (!closing) close_seat(seat, inbound.code, inbound.reason);
                    seats_.set(seat, Seats::peer_closed);
                    seats_.set(seat, Seats::failed);
                    break;
            }
            if (inbound.kind == Kind::close || inbound.kind == Kind::failed) {
                send_and_settle(seat);
                return seats_.is(seat, Seats::taken);
            }
        }
    } catch (const std::bad_alloc &) {
        drop(seat);
        return false;
    }
}

/// Who has more to be read: in the order in which they came to wait.
void Audience::read_unread() {
    turn_began_at_ = inflater_.bytes();
    for (std::vector<SeatId> *line : {&put_off_, &unread_})
        for (const SeatId seat : std::exchange(*line, {})) {
            if (!seats_.is(seat, Seats::taken) || !seats_.is(seat, Seats::unread)) continue;
            seats_.clear(seat, Seats::unread);
            read(seat, true);
        }
}

bool Audience::inflated_enough() const {
    return inflater_.bytes() - turn_began_at_ >= inflated_a_turn;
}

}  // namespace mempool
