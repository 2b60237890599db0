// SPDX-License-Identifier: MIT
/// Frames as a client sends them (RFC 6455 5, server side; with an inflater, of permessage-deflate too, RFC 7692): bytes in,
/// whole messages and control frames out, or the close code that the client must get. No I/O, no clock.
///
/// Owner: the seat, and only while idle() is false: a client at a message boundary needs no reader. Threads: one at a
/// time. Cost: linear in the bytes; a message whose last frame lies in one input, with nothing before it, is neither
/// copied nor allocated. A reader is sizeof(FrameReader) bytes, and what has arrived of a message that spans inputs or
/// frames: of a compressed one as it came, since it is inflated when it is whole, so that nobody makes us hold more than
/// was sent.
///
/// Always holds: gathered bytes <= message_max_bytes (compressed: compressed_max()), and no byte is reserved because a length announces it; text
/// handed out is UTF-8; the sequence of Inbounds does not depend on how the bytes were cut into inputs; after `failed`
/// comes only `failed`, after `close` only `need_more`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/utf8.hpp"
#include "websocket/close_code.hpp"
#include "websocket/inflater.hpp"
#include "websocket/opcode.hpp"

namespace mempool::websocket {

/// What came in. The views end with the next call of next(), with the reader, or with the input's memory, whichever is
/// first.
struct Inbound {
    enum class Kind : std::uint8_t {
        need_more,  // the input is used up
        text,       // a whole message, valid UTF-8
        binary,     // a whole message
        ping,       // owed a pong of the same payload
        pong,       //
        close,   // `code` and `reason` are the client's; `none` and "" if the frame was empty. Nothing after it is read
        failed,  // close with `code`; `reason` (a literal) says what was wrong. Nothing after it is read
    };
    Kind kind = Kind::need_more;
    std::string_view payload = {};  // of text, binary, ping, pong
    CloseCode code = CloseCode::none;
    std::string_view reason = {};
};

/// The most that a message of up to so many bytes may take compressed. What can't be made shorter becomes a little longer, by what the blocks
/// around it take: deflateBound's share for zlib's poorest settings, and room for the flushes of a sender that makes many small frames.
[[nodiscard]] constexpr std::size_t compressed_max(std::size_t message_bytes) noexcept {
    return message_bytes + message_bytes / 8 + message_bytes / 64 + 256;
}

class FrameReader {
public:
    /// Empty frames that one message may have before its last. Each costs the client 6 bytes and adds nothing to the
    /// message, so that no byte limit ever ends them (bad-inputs 24, 25). Autobahn's cases send 2, and a browser sends
    /// none: 64 is ample. It is a limit of ours, not of the RFC, hence 1008.
    static constexpr std::size_t empty_fragments_max = 64;

    /// inflater: of the thread, outlives it; nullptr where compression was not agreed on.
    explicit FrameReader(std::size_t message_max_bytes, Inflater *inflater = nullptr) noexcept
        : message_max_bytes_(message_max_bytes), inflater_(inflater) {}

    /// Takes bytes from the front of `input` and unmasks them there, until something is whole; call it until
    /// `need_more`. After `failed` or `close` it takes and drops all. std::bad_alloc: drop the client, its stream has a
    /// hole.
    [[nodiscard]] Inbound next(std::span<char> &input);

    /// True where nothing is remembered, so that a new reader would go on alike. False for good after `failed` and
    /// `close`.
    [[nodiscard]] bool idle() const noexcept { return stage_ == Stage::opcode && !in_message_; }

private:
    /// A frame, field by field. Every arrow is end_field(), but for the two from payload: end_frame(), and the
    /// refusals: fail().
    ///
    ///   OPCODE ---> LENGTH ---> LONG_LENGTH ---> KEY ---> PAYLOAD ---> OPCODE (next frame) or CLOSED
    ///                  '---------(<= 125)---------^           any ---> FAILED
    ///
    ///   OPCODE..KEY  field_[0, field_filled_) has arrived of the field, which is whole at field_bytes_; what can be
    ///   refused is refused
    ///                when its field is whole, so that no later byte decides
    ///   PAYLOAD      remaining_ bytes are still to come; key_ begins with the next byte's
    enum class Stage : std::uint8_t { opcode, length, long_length, key, payload, closed, failed };

    // Each of these takes from `input` and answers, or has no answer yet: then next() goes on with the stage that it
    // left.
    using Answer = std::optional<Inbound>;
    Answer read_field(std::span<char> &input);
    Answer read_control(std::span<char> &input);
    Answer read_data(std::span<char> &input);

    Answer end_field();
    Answer end_opcode();
    Answer end_length();
    Answer end_long_length();
    Answer begin_key(std::uint64_t length);
    void begin_field(Stage stage, std::size_t bytes) noexcept;
    void end_frame() noexcept { begin_field(Stage::opcode, 1); }
    std::span<char> take_payload(std::span<char> &input) noexcept;
    void gather(std::string_view bytes);
    std::size_t arriving_max() const noexcept;
    Answer end_message(std::string_view payload);
    Inbound closed_by(std::string_view body);
    Inbound fail(CloseCode code, std::string_view reason) noexcept;

    std::size_t message_max_bytes_;
    Inflater *inflater_;

    // The frame being read
    std::uint64_t remaining_ = 0;
    std::array<char, 4> key_{};
    std::array<char, 8> field_{};
    std::uint8_t field_filled_ = 0;
    std::uint8_t field_bytes_ = 1;
    Stage stage_ = Stage::opcode;
    Opcode opcode_ = Opcode::continuation;
    bool final_ = false;

    // The message being read, which control frames interrupt
    bool in_message_ = false;
    bool deflated_ = false;   // it is compressed
    bool delivered_ = false;  // gathered_ was handed out, and goes with the next call
    Opcode message_ = Opcode::binary;
    Utf8Validator utf8_;
    std::uint8_t empty_fragments_ = 0;
    std::uint8_t control_filled_ = 0;
    std::array<char, control_max_bytes> control_;  // a control frame that spans inputs
    std::string gathered_;                         // all of the message but what lies in the input

    CloseCode failed_code_ = CloseCode::none;
    std::string_view failed_reason_;
};

static_assert(sizeof(FrameReader) <= 256, "a client in the middle of a frame pays for this");
static_assert(FrameReader::empty_fragments_max < 255);

}  // namespace mempool::websocket
