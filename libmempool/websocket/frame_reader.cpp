// SPDX-License-Identifier: MIT
/// next() repeats one step, a field or what there is of a payload, until a step has an answer. Sections are RFC 6455's.
#include "websocket/frame_reader.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace mempool::websocket {
namespace {

using Kind = Inbound::Kind;

constexpr Inbound need_more{};

/// 5.3: byte i of the frame is masked with key[i % 4]. Leaves the key turned, so that the frame's next bytes begin with
/// key[0].
void unmask(std::span<char> bytes, std::array<char, 4> &key) noexcept {
    std::uint64_t twice = 0;
    std::memcpy(&twice, key.data(), 4);
    std::memcpy(reinterpret_cast<char *>(&twice) + 4, key.data(), 4);
    char *at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 8; at += 8, left -= 8) {
        std::uint64_t word;
        std::memcpy(&word, at, 8);
        word ^= twice;
        std::memcpy(at, &word, 8);
    }
    for (std::size_t i = 0; i < left; ++i) at[i] = static_cast<char>(at[i] ^ key[i % 4]);
    // Not std::rotate: g++ 12.2 -O3 warns falsely of an overflow there (-Wstringop-overflow).
    std::memcpy(key.data(), reinterpret_cast<const char *>(&twice) + left % 4, 4);
}

std::string_view as_view(std::span<const char> bytes) {
    return {bytes.data(), bytes.size()};
}

}  // namespace

Inbound FrameReader::next(std::span<char> &input) {
    if (delivered_) {
        std::string{}.swap(gathered_);
        delivered_ = false;
    }
    while (true) {
        Answer answer;
        switch (stage_) {
            case Stage::failed:
                input = {};
                return {Kind::failed, {}, failed_code_, failed_reason_};
            case Stage::closed:  // 5.5.1: nothing follows a close frame
                input = {};
                return need_more;
            case Stage::payload:
                answer = is_control(opcode_) ? read_control(input) : read_data(input);
                break;
            default:
                answer = read_field(input);
        }
        if (answer) return *answer;
    }
}

FrameReader::Answer FrameReader::read_field(std::span<char> &input) {
    assert(field_filled_ < field_bytes_);
    const std::size_t taken = std::min<std::size_t>(field_bytes_ - field_filled_, input.size());
    std::copy_n(input.data(), taken, field_.data() + field_filled_);
    field_filled_ = static_cast<std::uint8_t>(field_filled_ + taken);
    input = input.subspan(taken);
    if (field_filled_ < field_bytes_) return need_more;
    return end_field();
}

FrameReader::Answer FrameReader::end_field() {
    switch (stage_) {
        case Stage::opcode:
            return end_opcode();
        case Stage::length:
            return end_length();
        case Stage::long_length:
            return end_long_length();
        default:
            assert(stage_ == Stage::key);
            std::copy_n(field_.data(), key_.size(), key_.data());
            stage_ = Stage::payload;
            return {};
    }
}

FrameReader::Answer FrameReader::end_opcode() {
    const auto byte = static_cast<std::uint8_t>(field_[0]);
    const bool rsv1 = (byte & 0x40) != 0;
    if ((byte & 0x30) != 0 || (rsv1 && inflater_ == nullptr))
        return fail(CloseCode::protocol, "reserved bits are set");  // 5.2: no extension was agreed
    final_ = (byte & 0x80) != 0;
    opcode_ = static_cast<Opcode>(byte & 0x0F);
    if (rsv1 && opcode_ != Opcode::text && opcode_ != Opcode::binary)  // RFC 7692 6.1, 7.2.3.1
        return fail(CloseCode::protocol, "RSV1 on a frame that begins no message");
    switch (opcode_) {
        case Opcode::continuation:
            if (!in_message_) return fail(CloseCode::protocol, "continuation of no message");
            break;
        case Opcode::text:
        case Opcode::binary:
            if (in_message_) return fail(CloseCode::protocol, "message inside a message");
            assert(gathered_.empty() && utf8_.complete() && empty_fragments_ == 0);
            in_message_ = true;
            message_ = opcode_;
            deflated_ = rsv1;
            break;
        case Opcode::close:
        case Opcode::ping:
        case Opcode::pong:
            if (!final_) return fail(CloseCode::protocol, "fragmented control frame");  // 5.5
            break;
        default:
            return fail(CloseCode::protocol, "reserved opcode");
    }
    begin_field(Stage::length, 1);
    return {};
}

FrameReader::Answer FrameReader::end_length() {
    const auto byte = static_cast<std::uint8_t>(field_[0]);
    if ((byte & 0x80) == 0) return fail(CloseCode::protocol, "frame is not masked");  // 5.1
    const std::uint8_t length = byte & 0x7F;
    if (length <= 125) return begin_key(length);
    if (is_control(opcode_)) return fail(CloseCode::protocol, "control frame above 125 bytes");  // 5.5
    begin_field(Stage::long_length, length == 126 ? 2 : 8);
    return {};
}

FrameReader::Answer FrameReader::end_long_length() {
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < field_bytes_; ++i) length = length << 8 | static_cast<std::uint8_t>(field_[i]);
    if (length >> 63 != 0) return fail(CloseCode::protocol, "length above 2^63");  // 5.2: the highest bit is 0
    if (length <= (field_bytes_ == 2 ? 125u : 65535u)) return fail(CloseCode::protocol, "length is not minimal");
    return begin_key(length);
}

FrameReader::Answer FrameReader::begin_key(std::uint64_t length) {
    if (!is_control(opcode_)) {
        assert(gathered_.size() <= arriving_max());
        if (length > arriving_max() - gathered_.size()) return fail(CloseCode::too_big, "message is too big");
        if (length == 0 && !final_ && ++empty_fragments_ > empty_fragments_max) {
            return fail(CloseCode::policy, "too many empty fragments");
        }
    }
    remaining_ = length;
    begin_field(Stage::key, 4);
    return {};
}

void FrameReader::begin_field(Stage stage, std::size_t bytes) noexcept {
    assert(bytes <= field_.size());
    stage_ = stage;
    field_filled_ = 0;
    field_bytes_ = static_cast<std::uint8_t>(bytes);
}

FrameReader::Answer FrameReader::read_control(std::span<char> &input) {
    const std::span<char> arrived = take_payload(input);
    std::string_view body = as_view(arrived);
    if (remaining_ > 0 || control_filled_ > 0) {
        assert(control_filled_ + arrived.size() + remaining_ <= control_.size());
        std::copy(arrived.begin(), arrived.end(), control_.begin() + control_filled_);
        control_filled_ = static_cast<std::uint8_t>(control_filled_ + arrived.size());
        if (remaining_ > 0) return need_more;
        body = {control_.data(), control_filled_};
        control_filled_ = 0;
    }
    end_frame();
    if (opcode_ == Opcode::close) return closed_by(body);
    return Inbound{opcode_ == Opcode::ping ? Kind::ping : Kind::pong, body};
}

FrameReader::Answer FrameReader::read_data(std::span<char> &input) {
    const std::string_view arrived = as_view(take_payload(input));
    const bool whole = final_ && remaining_ == 0;
    if (message_ == Opcode::text && !deflated_) {  // 8.1, at the first bad byte, wherever the frame ends
        if (!utf8_.feed(arrived) || (whole && !utf8_.complete())) return fail(CloseCode::bad_text, "text is not UTF-8");
    }
    std::string_view payload = arrived;
    if (!whole || !gathered_.empty()) {
        gather(arrived);
        payload = gathered_;
    }
    if (remaining_ > 0) return need_more;
    end_frame();
    if (!final_) return {};
    return end_message(payload);
}

FrameReader::Answer FrameReader::end_message(std::string_view payload) {
    if (deflated_) {
        std::string message;
        switch (inflater_->inflate(payload, message_max_bytes_, message)) {
            case Inflater::Outcome::whole:
                break;
            case Inflater::Outcome::too_big:
                return fail(CloseCode::too_big, "message is too big");
            case Inflater::Outcome::broken:
                return fail(CloseCode::bad_text, "compressed data is broken");
        }
        if (message_ == Opcode::text && !utf8_valid(message)) return fail(CloseCode::bad_text, "text is not UTF-8");
        gathered_.swap(message);
        payload = gathered_;
    }
    in_message_ = false;
    delivered_ = true;
    empty_fragments_ = 0;
    return Inbound{message_ == Opcode::text ? Kind::text : Kind::binary, payload};
}

std::span<char> FrameReader::take_payload(std::span<char> &input) noexcept {
    const std::span<char> arrived =
        input.first(static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size())));
    input = input.subspan(arrived.size());
    unmask(arrived, key_);
    remaining_ -= arrived.size();
    assert(remaining_ == 0 || input.empty());
    return arrived;
}

/// Grows by doubling, up to what the message can still become. Not by append or reserve: libstdc++ doubles past the
/// limit there.
void FrameReader::gather(std::string_view bytes) {
    const std::size_t size = gathered_.size() + bytes.size();
    if (size > gathered_.capacity()) {
        const std::size_t most = final_ ? size + static_cast<std::size_t>(remaining_) : arriving_max();
        std::string larger;
        larger.reserve(std::min(most, std::max(size, 2 * gathered_.capacity())));
        larger.append(gathered_);
        gathered_.swap(larger);
    }
    gathered_.append(bytes);
    assert(gathered_.size() <= arriving_max());
}

/// Of the message's payloads, as they come.
std::size_t FrameReader::arriving_max() const noexcept {
    return deflated_ ? compressed_max(message_max_bytes_) : message_max_bytes_;
}

/// 5.5.1, 7.4: nothing, or a code and perhaps a reason.
Inbound FrameReader::closed_by(std::string_view body) {
    if (body.size() == 1) return fail(CloseCode::protocol, "close body of one byte");
    auto code = static_cast<std::uint16_t>(CloseCode::none);
    if (!body.empty()) {
        code = static_cast<std::uint16_t>(static_cast<std::uint8_t>(body[0]) << 8 | static_cast<std::uint8_t>(body[1]));
        if (!close_code_valid(code)) return fail(CloseCode::protocol, "close code is not allowed");
        body.remove_prefix(2);
        if (!utf8_valid(body)) return fail(CloseCode::bad_text, "close reason is not UTF-8");
    }
    stage_ = Stage::closed;
    return {Kind::close, {}, static_cast<CloseCode>(code), body};
}

Inbound FrameReader::fail(CloseCode code, std::string_view reason) noexcept {
    assert(stage_ != Stage::failed);
    stage_ = Stage::failed;
    failed_code_ = code;
    failed_reason_ = reason;
    std::string{}.swap(gathered_);
    return {Kind::failed, {}, code, reason};
}

}  // namespace mempool::websocket
