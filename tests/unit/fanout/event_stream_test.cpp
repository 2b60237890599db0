// SPDX-License-Identifier: MIT
#include "fanout/event_stream.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "fanout/render.hpp"
#include "unit/fanout/event_stream_reader.hpp"

using namespace mempool;
using namespace mempool::test;

namespace {

std::string block(std::string_view data) {
    std::string out;
    event_stream::append_block(out, {.id = "k3v9:42", .event = "message", .data = data});
    return out;
}

EventStreamReader::Block heard(std::string_view bytes) {
    EventStreamReader reader;
    reader.take(bytes);
    const auto blocks = reader.blocks();
    EXPECT_EQ(blocks.size(), 1U) << bytes;
    EXPECT_FALSE(reader.in_the_middle()) << bytes;
    return blocks.empty() ? EventStreamReader::Block{} : blocks.front();
}

std::string said(Format format, const Event &event) {
    std::string out;
    append_event(out, format, "k3v9", Offset{42}, event);
    return out;
}

}  // namespace

TEST(EventStream, an_event_is_id_event_data_and_an_empty_line) {
    EXPECT_EQ(block("batch applied 2/3 txs"), "id: k3v9:42\nevent: message\ndata: batch applied 2/3 txs\n\n");
}

TEST(EventStream, text_is_cut_at_each_line_end_of_the_three) {
    EXPECT_EQ(block("a\nb\rc\r\nd"), "id: k3v9:42\nevent: message\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
}

TEST(EventStream, every_text_is_heard_as_it_is_but_for_its_line_ends) {
    using namespace std::string_view_literals;
    for (const std::string_view text :
         {""sv, " "sv, "  two spaces"sv, "\n"sv, "\r\n"sv, "\n\n\n"sv, "\r\r\n\n"sv, "a\n"sv, "\na"sv, ":no comment"sv,
          "id: 7\nevent: x\n\ndata: y"sv, "nul \0 inside"sv,
          "\xEF\xBB\xBF"
          "bom"sv,
          "grüße"sv}) {
        const auto block_heard = heard(block(text));
        EXPECT_EQ(block_heard.data, with_lf(text));
        EXPECT_EQ(block_heard.event, "message");
        EXPECT_EQ(block_heard.last_id, "k3v9:42");
    }
}

TEST(EventStream, an_id_alone_dispatches_nothing_and_is_remembered) {
    std::string out;
    event_stream::append_id(out, "k3v9:41");
    event_stream::append_comment(out, "");
    event_stream::append_comment(out, "draining");
    EXPECT_EQ(out, "id: k3v9:41\n\n:\n\n: draining\n\n");
    EventStreamReader reader;
    reader.take(out);
    for (const auto &each : reader.blocks()) {
        EXPECT_FALSE(each.data);
        EXPECT_EQ(each.last_id, "k3v9:41");
    }
}

TEST(EventStream, events_carry_their_own_position_in_both_forms) {
    const Event batch{0, BatchDone{7, 2, 3, {}}};
    const Event text{0, Message{"two\r\nlines", false}};
    const Event binary{0, Message{{"\x00\xff\n", 3}, true}};
    EXPECT_EQ(said(Format::sse_text, batch), "id: k3v9:42\nevent: batch\ndata: batch applied 2/3 txs\n\n");
    EXPECT_EQ(said(Format::sse_text, text), "id: k3v9:42\nevent: message\ndata: two\ndata: lines\n\n");
    EXPECT_EQ(said(Format::sse_text, binary), "id: k3v9:42\nevent: message\ndata: AP8K\n\n");
    EXPECT_EQ(said(Format::sse_json, batch),
              "id: k3v9:42\nevent: batch\ndata: "
              R"({"type":"batch","epoch":"k3v9","offset":42,"time":"1970-01-01T00:00:00.000000Z","batch":"7",)"
              R"("applied":2,"total":3,"rejected":[]})"
              "\n\n");
    EXPECT_EQ(said(Format::sse_json, text),
              "id: k3v9:42\nevent: message\ndata: "
              R"({"type":"message","epoch":"k3v9","offset":42,"time":"1970-01-01T00:00:00.000000Z",)"
              R"("data":"two\r\nlines"})"
              "\n\n");
    EXPECT_EQ(said(Format::sse_json, binary),
              "id: k3v9:42\nevent: message\ndata: "
              R"({"type":"message","epoch":"k3v9","offset":42,"time":"1970-01-01T00:00:00.000000Z",)"
              R"("data_base64":"AP8K"})"
              "\n\n");
}

TEST(EventStream, lagged_and_reset_move_the_position_and_draining_says_when_to_come_back) {
    std::string lagged, reset, draining;
    append_lagged(lagged, Format::sse_text, "k3v9", 17, Offset{62});
    append_reset(reset, Format::sse_json, "m7q2", Offset{1});
    append_draining(draining, Format::sse_text, 2500);
    EXPECT_EQ(lagged, "id: k3v9:61\nevent: lagged\ndata: lagged 17\n\n");
    EXPECT_EQ(reset, "id: m7q2:0\nevent: reset\ndata: {\"type\":\"reset\",\"epoch\":\"m7q2\",\"offset\":0}\n\n");
    EXPECT_EQ(draining, "event: draining\nretry: 2500\ndata: draining 2500\n\n");
}
