// SPDX-License-Identifier: MIT
/// A text client of the stream that believes nothing: it parses every byte that it is sent and holds it to what was published. It shares no
/// code with the server but the words. One thread; a value.
///
/// What it checks: 101 first; whole frames only; each event once, in order and as published; `lagged N` only for what had left the ring,
/// so that heard + missed = the difference of the offsets; `reset` as history went; pongs that answer its newest ping; nothing behind
/// the close.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mempool::test {

/// What was published, and what the ring retained: the truth that clients are held to.
struct History {
    struct Said {
        unsigned opcode;  // 1 text, 2 binary
        std::string payload;
    };
    std::string epoch;
    bool renamed = false;         // its events are those of the history before, and more
    std::uint64_t first = 1;      // offset of said[0]
    std::uint64_t head = 1;       // of the ring, in this history
    std::vector<Said> said = {};  // skipped events are there too, and never heard

    std::uint64_t tail() const { return first + said.size(); }
};

class SimulatedClient {
public:
    static constexpr std::string_view preamble = "HTTP/1.1 101 Switching Protocols\r\n\r\n";

    /// history: index of the one it joined in; next: the offset that it hears first. told_reset: it came with a position of another.
    SimulatedClient(const std::vector<History> &told, std::size_t history, std::uint64_t next, bool told_reset)
        : told_(told), history_(history), next_(next), expects_reset_(told_reset) {}

    void take(std::string_view bytes) {
        unparsed_.append(bytes);
        if (!greeted_) {
            if (unparsed_.size() < preamble.size()) return;
            ASSERT_EQ(unparsed_.substr(0, preamble.size()), preamble);
            unparsed_.erase(0, preamble.size());
            greeted_ = true;
        }
        std::size_t used = 0;
        while (const std::optional<std::size_t> size = frame(std::string_view(unparsed_).substr(used))) used += *size;
        unparsed_.erase(0, used);
    }

    /// What it owes the server, in frames yet to be masked: opcode and payload.
    struct Reply {
        unsigned opcode;
        std::string payload;
    };
    std::vector<Reply> take_replies() { return std::exchange(replies_, {}); }
    void pinged_server(const std::string &payload) { pings_.push_back(payload); }

    bool in_the_middle() const { return !unparsed_.empty(); }
    bool greeted() const { return greeted_; }
    std::uint64_t next() const { return next_; }
    std::size_t history() const { return history_; }
    std::uint64_t missed() const { return missed_; }
    bool drained() const { return drained_; }
    std::optional<unsigned> close_code() const { return close_code_; }
    std::size_t pings_unanswered() const { return pings_.size(); }

private:
    /// Takes one frame from the front, and gives its size; nothing where it is not whole.
    std::optional<std::size_t> frame(std::string_view in) {
        if (in.size() < 2 || ::testing::Test::HasFatalFailure()) return std::nullopt;
        const auto byte = [&](std::size_t at) {
            return static_cast<std::uint64_t>(static_cast<unsigned char>(in[at]));
        };
        std::uint64_t size = byte(1);
        std::size_t header = 2;
        if (size == 126 || size == 127) {
            const std::size_t wide = size == 126 ? 2 : 8;
            header += wide;
            if (in.size() < header) return std::nullopt;
            size = 0;
            for (std::size_t at = 2; at < header; ++at) size = size << 8 | byte(at);
        }
        if (in.size() < header + size) return std::nullopt;
        EXPECT_EQ(byte(0) & 0xF0, 0x80U) << "neither fragments nor reserved bits";
        EXPECT_FALSE(close_code_) << "a frame behind the close";
        hear(static_cast<unsigned>(byte(0) & 0x0F), in.substr(header, size));
        return header + size;
    }

    void hear(unsigned opcode, std::string_view payload) {
        const auto number_behind = [&](std::string_view word) -> std::optional<std::uint64_t> {
            if (opcode != 1 || !payload.starts_with(word)) return std::nullopt;
            return std::stoull(std::string(payload.substr(word.size())));
        };
        if (opcode == 8) {
            ASSERT_GE(payload.size(), 2U);
            close_code_ = static_cast<unsigned>(static_cast<unsigned char>(payload[0]) << 8 |
                                                static_cast<unsigned char>(payload[1]));
            replies_.push_back({8, std::string(payload)});
        } else if (opcode == 9) {
            replies_.push_back({10, std::string(payload)});
        } else if (opcode == 10) {
            const auto answered = std::find(pings_.begin(), pings_.end(), payload);
            ASSERT_NE(answered, pings_.end()) << "a pong for no ping";
            pings_.erase(pings_.begin(), answered + 1);
        } else if (payload.starts_with("reset ")) {
            on_reset(payload.substr(6));
        } else if (const auto missed = number_behind("lagged ")) {
            ASSERT_FALSE(expects_reset_);
            ASSERT_GT(*missed, 0U);
            next_ += *missed;
            missed_ += *missed;
            ASSERT_LE(next_, told_[history_].head) << "told to have missed what the ring still had";
        } else if (number_behind("draining ")) {
            const std::uint64_t ms = *number_behind("draining ");
            ASSERT_GE(ms, 500U);
            ASSERT_LE(ms, 5000U);
            drained_ = true;
        } else {
            on_event(opcode, payload);
        }
    }

    void on_event(unsigned opcode, std::string_view payload) {
        ASSERT_FALSE(expects_reset_);
        ASSERT_FALSE(drained_);
        const History &history = told_[history_];
        ASSERT_GE(next_, history.first);
        ASSERT_LT(next_, history.tail()) << payload;
        const History::Said &said = history.said[static_cast<std::size_t>(next_ - history.first)];
        ASSERT_EQ(payload, said.payload) << "at " << next_;
        ASSERT_EQ(opcode, said.opcode);
        ++next_;
    }

    void on_reset(std::string_view epoch) {
        std::size_t to = expects_reset_ ? history_ : history_ + 1;
        expects_reset_ = false;
        for (; to < told_.size() && told_[to].epoch != epoch; ++to) {
        }
        ASSERT_LT(to, told_.size()) << "a reset to an epoch that never was: " << epoch;
        for (; history_ < to; ++history_)
            if (!told_[history_ + 1].renamed) next_ = told_[history_ + 1].first;
    }

    const std::vector<History> &told_;
    std::size_t history_;
    std::uint64_t next_;
    bool expects_reset_;
    std::uint64_t missed_ = 0;
    bool greeted_ = false;
    bool drained_ = false;
    std::optional<unsigned> close_code_;
    std::string unparsed_;
    std::vector<std::string> pings_;
    std::vector<Reply> replies_;
};

}  // namespace mempool::test
