// SPDX-License-Identifier: MIT
/// A client of the stream, of any format, that believes nothing: it parses every byte that it is sent and holds it to what was
/// published. It shares no code with the server but the words. One thread; a value.
///
/// What it checks: 101 first, then `hello` (JSON); whole frames only; each event once, in order and as published; `lagged` only for what
/// had left the ring (or was not the newest, for `latest`; for `close` only where it came too late), so that heard + missed = the difference of the offsets;
/// `reset` as history went; pongs that answer its newest ping; nothing behind the close. Of Server-Sent Events: that each block's id is
/// the position that it brings the client to; of compressed frames, which only who may have them gets, that each inflates by itself and is
/// shorter for it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/base64.hpp"
#include "fanout/manner.hpp"
#include "unit/fanout/event_stream_reader.hpp"
#include "unit/websocket/plain_zlib.hpp"

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

    struct Start {
        std::size_t history;     // index of the one it joins in
        std::uint64_t next;      // the offset that it hears, or misses, first
        bool of_another;         // it came with a position of another history
        bool recovered;          // nothing is missed, or nothing was asked for
        std::uint64_t retained;  // the ring's oldest event
    };
    SimulatedClient(const std::vector<History> &told, Manner manner, const Start &start)
        : told_(told),
          manner_(manner),
          start_(start),
          history_(start.history),
          next_(start.next),
          expects_hello_(has_hello(manner.format)),
          expects_reset_(!has_hello(manner.format) && start.of_another),
          expects_beginning_(is_sse(manner.format) && !start.of_another) {}

    void take(std::string_view bytes) {
        unparsed_.append(bytes);
        if (!greeted_) {
            if (unparsed_.size() < preamble.size()) return;
            ASSERT_EQ(unparsed_.substr(0, preamble.size()), preamble);
            unparsed_.erase(0, preamble.size());
            greeted_ = true;
        }
        if (is_sse(manner_.format)) return take_blocks();
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

    Manner manner() const { return manner_; }
    bool in_the_middle() const { return !unparsed_.empty() || blocks_.in_the_middle(); }
    bool greeted() const { return greeted_; }
    std::uint64_t next() const { return next_; }
    std::size_t history() const { return history_; }
    std::uint64_t missed() const { return missed_; }
    bool drained() const { return drained_; }
    /// Blocks with nothing but an empty comment.
    int signs_of_life() const { return signs_of_life_; }
    /// So many compressed frames have come.
    int deflated() const { return deflated_; }
    std::optional<unsigned> close_code() const { return close_code_; }
    const std::vector<std::string> &answers() const { return answers_; }
    std::size_t pings_unanswered() const { return pings_.size(); }
    /// Both as they came: payloads of pongs, and what was answered.
    const std::vector<std::string> &pongs_and_answers() const { return pongs_and_answers_; }

private:
    static bool has_hello(Format format) { return is_json(format) && !is_sse(format); }

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
        EXPECT_FALSE(close_code_) << "a frame behind the close";
        const auto opcode = static_cast<unsigned>(byte(0) & 0x0F);
        if ((byte(0) & 0xF0) == 0xC0 && is_deflated(manner_.format)) {
            hear_deflated(opcode, in.substr(header, size));
        } else {
            EXPECT_EQ(byte(0) & 0xF0, 0x80U) << "neither fragments nor reserved bits";
            hear(opcode, in.substr(header, size));
        }
        return header + size;
    }

    void hear_deflated(unsigned opcode, std::string_view payload) {
        ASSERT_TRUE(opcode == 1 || opcode == 2) << "of a control frame nothing is compressed";
        const std::optional<std::string> message = websocket::test::unsqueezed(payload);
        ASSERT_TRUE(message) << "it does not inflate";
        ASSERT_LT(payload.size(), message->size()) << "it was not worth it";
        ++deflated_;
        hear(opcode, *message);
    }

    void take_blocks() {
        blocks_.take(std::exchange(unparsed_, {}));
        for (const EventStreamReader::Block &block : blocks_.blocks()) {
            EXPECT_FALSE(close_code_) << "a block behind the end";
            for (const std::string &comment : block.comments) hear_comment(comment);
            if (block.data) {
                EXPECT_FALSE(expects_beginning_);
                hear_block(block);
            } else if (block.comments.empty()) {
                EXPECT_TRUE(std::exchange(expects_beginning_, false));
            }
            if (::testing::Test::HasFatalFailure()) return;
            EXPECT_EQ(block.last_id, told_[history_].epoch + ":" + std::to_string(next_ - 1));
        }
    }

    void hear_block(const EventStreamReader::Block &block) {
        if (manner_.format == Format::sse_json) {
            EXPECT_EQ(boost::json::parse(*block.data).at("type").as_string(), block.event);
            return hear_json(1, *block.data);
        }
        if (block.event == "reset" || block.event == "lagged" || block.event == "draining") {
            ASSERT_TRUE(block.data->starts_with(block.event + " "));
            if (block.event == "draining") {
                ASSERT_EQ(block.data->substr(9), std::to_string(block.retry_ms.value_or(0)));
            }
            return hear_text(1, *block.data);
        }
        const History &history = told_[history_];
        ASSERT_GE(next_, history.first);
        ASSERT_LT(next_, history.tail());
        const History::Said &said = history.said[static_cast<std::size_t>(next_ - history.first)];
        ASSERT_EQ(*block.data, said.opcode == 2 ? base64(said.payload) : with_lf(said.payload));
        ASSERT_EQ(block.event, said.payload.starts_with("batch ") ? "batch" : "message");
        on_event(said.opcode, said.payload);
    }

    void hear_comment(const std::string &comment) {
        if (comment.empty()) {
            ++signs_of_life_;
        } else if (comment == "draining") {
            ASSERT_TRUE(drained_);
            close_code_ = 1001;
        } else {
            ASSERT_EQ(comment, "resume " + told_[history_].epoch + ":" + std::to_string(next_ - 1));
            ASSERT_EQ(manner_.slow, Slow::close);
            ASSERT_LT(next_, told_[history_].head);
            close_code_ = 1013;
        }
    }

    void hear(unsigned opcode, std::string_view payload) {
        if (opcode == 8) return on_close(payload);
        if (opcode == 9) return replies_.push_back({10, std::string(payload)});
        if (opcode == 10) return on_pong(payload);
        is_json(manner_.format) ? hear_json(opcode, payload) : hear_text(opcode, payload);
    }

    void hear_text(unsigned opcode, std::string_view payload) {
        const auto behind = [&](std::string_view word) {
            return std::stoull(std::string(payload.substr(word.size())));
        };
        if (payload.starts_with("reset ")) return on_reset(payload.substr(6));
        if (payload.starts_with("lagged ")) return on_lagged(behind("lagged "));
        if (payload.starts_with("draining ")) return on_draining(behind("draining "));
        on_event(opcode, payload);
    }

    void hear_json(unsigned opcode, std::string_view payload) {
        ASSERT_EQ(opcode, 1U);
        const boost::json::value parsed = boost::json::parse(payload);
        const boost::json::object &said = parsed.as_object();
        const auto text = [&](const char *key) { return std::string(said.at(key).as_string()); };
        const auto number = [&](const char *key) { return said.at(key).to_number<std::uint64_t>(); };
        const std::string type = text("type");
        if (type == "hello") {
            ASSERT_TRUE(std::exchange(expects_hello_, false));
            EXPECT_EQ(text("topic"), "mempool");
            EXPECT_EQ(text("epoch"), told_[history_].epoch);
            EXPECT_EQ(number("offset"), next_ - 1);
            EXPECT_EQ(said.at("recovered").as_bool(), start_.recovered);
            EXPECT_EQ(number("retained_from"), start_.retained);
            return;
        }
        ASSERT_FALSE(expects_hello_) << payload;
        if (type == "answer") return on_answer(text("of"));
        if (type == "reset") {
            on_reset(text("epoch"));
            ASSERT_EQ(number("offset"), next_ - 1);
            return;
        }
        if (type == "draining") return on_draining(number("reconnect_in_ms"));
        ASSERT_EQ(text("epoch"), told_[history_].epoch);
        if (type == "lagged") {
            on_lagged(number("missed"));
            ASSERT_EQ(text("resume"), told_[history_].epoch + ":" + std::to_string(next_ - 1));
            return;
        }
        ASSERT_EQ(number("offset"), next_);
        ASSERT_EQ(text("time"), "1970-01-01T00:00:00.000000Z");
        if (type == "batch") {
            ASSERT_EQ(text("batch"), std::to_string(next_));
            return on_event(1, "batch applied " + std::to_string(number("applied")) + "/" +
                                   std::to_string(number("total")) + " txs");
        }
        ASSERT_EQ(type, "message");
        if (said.contains("data")) return on_event(1, text("data"));
        const History::Said &published =
            told_[history_].said.at(static_cast<std::size_t>(next_ - told_[history_].first));
        ASSERT_EQ(text("data_base64"), base64(published.payload));
        on_event(2, published.payload);
    }

    void on_close(std::string_view payload) {
        ASSERT_GE(payload.size(), 2U);
        close_code_ =
            static_cast<unsigned>(static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]));
        if (*close_code_ == 1013) {
            ASSERT_EQ(manner_.slow, Slow::close);
            ASSERT_EQ(payload.substr(2), "resume " + told_[history_].epoch + ":" + std::to_string(next_ - 1));
            ASSERT_LT(next_, told_[history_].head);
        }
        replies_.push_back({8, std::string(payload)});
    }

    void on_pong(std::string_view payload) {
        const auto answered = std::find(pings_.begin(), pings_.end(), payload);
        ASSERT_NE(answered, pings_.end()) << "a pong for no ping";
        pings_.erase(pings_.begin(), answered + 1);
        pongs_and_answers_.emplace_back(payload);
    }

    void on_answer(const std::string &of) {
        answers_.push_back(of);
        pongs_and_answers_.push_back(of);
    }

    void on_lagged(std::uint64_t missed) {
        ASSERT_FALSE(expects_reset_);
        ASSERT_GT(missed, 0U);
        if (manner_.slow == Slow::close) {
            ASSERT_EQ(next_, start_.next);
            ASSERT_EQ(missed, start_.retained - start_.next);
        }
        next_ += missed;
        missed_ += missed;
        const History &history = told_[history_];
        if (manner_.slow == Slow::latest)
            ASSERT_LE(next_, std::max(history.head, history.tail() - 1));
        else
            ASSERT_LE(next_, history.head) << "told to have missed what the ring still had";
    }

    void on_draining(std::uint64_t ms) {
        ASSERT_GE(ms, 500U);
        ASSERT_LE(ms, 5000U);
        drained_ = true;
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
    Manner manner_;
    Start start_;
    std::size_t history_;
    std::uint64_t next_;
    bool expects_hello_;
    bool expects_reset_;
    bool expects_beginning_;  // an id alone
    std::uint64_t missed_ = 0;
    bool greeted_ = false;
    bool drained_ = false;
    std::optional<unsigned> close_code_;
    std::string unparsed_;
    EventStreamReader blocks_;
    int signs_of_life_ = 0;
    int deflated_ = 0;
    std::vector<std::string> pings_;
    std::vector<std::string> pongs_and_answers_;
    std::vector<Reply> replies_;
    std::vector<std::string> answers_;  // to what it said, beside the stream
};

}  // namespace mempool::test
