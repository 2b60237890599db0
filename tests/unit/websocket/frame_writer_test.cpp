// SPDX-License-Identifier: MIT
/// What a server's frames look like, byte for byte, and that the reader reads them once a client has masked them.
#include "websocket/frame_writer.hpp"

#include <gtest/gtest.h>

#include "unit/websocket/client_frames.hpp"

namespace mempool::websocket {
namespace {

using namespace std::string_literals;
using test::heard;
using test::Lines;
using test::sent_by_client;

std::string written(Opcode opcode, std::string_view payload) {
    std::string out;
    append_frame(out, opcode, payload);
    return out;
}

std::string written_close(CloseCode code, std::string_view reason) {
    std::string out;
    append_close(out, code, reason);
    return out;
}

TEST(FrameWriter, frame_is_final_unmasked_and_starts_with_its_opcode) {
    EXPECT_EQ(written(Opcode::text, "batch applied 2/3 txs"),
              "\x81\x15"
              "batch applied 2/3 txs");
    EXPECT_EQ(written(Opcode::binary, "\0\xFF"s), "\x82\x02\x00\xFF"s);
    EXPECT_EQ(written(Opcode::ping, ""), "\x89\x00"s);
    EXPECT_EQ(written(Opcode::pong, "p"), "\x8A\x01p");
}

TEST(FrameWriter, length_is_written_in_the_shortest_form) {
    const struct {
        std::size_t payload;
        std::string header;
    } rows[] = {
        {0, "\x82\x00"s},
        {125, "\x82\x7D"s},
        {126, "\x82\x7E\x00\x7E"s},
        {65535, "\x82\x7E\xFF\xFF"s},
        {65536, "\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00"s},
    };
    for (const auto &row : rows) {
        const std::string payload(row.payload, 'x');
        EXPECT_EQ(written(Opcode::binary, payload), row.header + payload) << row.payload;
        EXPECT_EQ(header_bytes(row.payload), row.header.size()) << row.payload;
    }
}

TEST(FrameWriter, appends_behind_what_is_there) {
    std::string out = "before";
    append_frame(out, Opcode::text, "a");
    append_frame(out, Opcode::text, "b");
    EXPECT_EQ(out,
              "before\x81\x01"
              "a\x81\x01"
              "b");
}

TEST(FrameWriter, close_carries_code_and_reason) {
    EXPECT_EQ(written_close(CloseCode::overloaded, "resume k3v9:61"), "\x88\x10\x03\xF5resume k3v9:61");
    EXPECT_EQ(written_close(CloseCode::normal, ""), "\x88\x02\x03\xE8");
}

TEST(FrameWriter, close_without_a_code_is_empty) {
    EXPECT_EQ(written_close(CloseCode::none, "never sent"), "\x88\x00"s);
}

TEST(FrameWriter, close_reason_is_cut_to_123_bytes_between_code_points) {
    const std::string full(123, 'r');
    EXPECT_EQ(written_close(CloseCode::policy, full + "more"), "\x88\x7D\x03\xF0" + full);
    const std::string split = std::string(122, 'r') + "\xE2\x82\xAC";  // the euro sign would end at 125
    EXPECT_EQ(written_close(CloseCode::policy, split), "\x88\x7C\x03\xF0" + std::string(122, 'r'));
}

TEST(FrameWriter, what_is_written_reads_back_once_masked) {
    for (const std::size_t size : {0, 1, 7, 8, 125, 126, 65535, 65536}) {
        const std::string payload(size, 'x');
        EXPECT_EQ(heard(sent_by_client(written(Opcode::text, payload))), Lines{"text " + payload}) << size;
    }
    EXPECT_EQ(heard(sent_by_client(written_close(CloseCode::going_away, "drain"))), Lines{"close 1001 drain"});
    EXPECT_EQ(heard(sent_by_client(written_close(CloseCode::none, ""))), Lines{"close 1005 "});
}

}  // namespace
}  // namespace mempool::websocket
