// SPDX-License-Identifier: MIT
/// What the reader makes of a client's bytes: messages, refusals (bad-inputs, rows 21 to 25 and 29), and what it costs.
#include "websocket/frame_reader.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>

#include "unit/websocket/allocations.hpp"
#include "unit/websocket/client_frames.hpp"

namespace mempool::websocket {
namespace {

using namespace std::string_literals;
using namespace test;

constexpr std::size_t limit = 1000;

std::string times(std::size_t count, std::string_view what) {
    std::string out;
    while (count-- > 0) out += what;
    return out;
}

// ---- what is read ----

TEST(FrameReader, reads_every_kind_in_order) {
    EXPECT_EQ(heard(text("hi") + binary("\0\xFF"s) + ping("p") + pong("q") + close(1000, "bye")),
              (Lines{"text hi", "binary \0\xFF"s, "ping p", "pong q", "close 1000 bye"}));
}

TEST(FrameReader, reads_empty_messages_and_controls) {
    EXPECT_EQ(heard(text("") + binary("") + ping("") + pong("") + first_text("") + last("")),
              (Lines{"text ", "binary ", "ping ", "pong ", "text "}));
}

TEST(FrameReader, reads_both_sides_of_each_length_form) {
    for (const std::size_t size : {125, 126, 127, 65535, 65536}) {
        const std::string payload(size, 'x');
        const std::string stream = text(payload) + ping("p");
        const Lines expected = {"text " + payload, "ping p"};
        EXPECT_EQ(heard(stream), expected) << size;
        EXPECT_EQ(heard(stream, {1}), expected) << size;
        EXPECT_EQ(heard(stream, {5, size}), expected) << size;
        EXPECT_EQ(heard(stream, {stream.size() - 9}), expected) << size;
    }
}

TEST(FrameReader, unmasks_every_length_with_every_key) {
    std::string payload;
    for (int size = 0; size < 40; ++size, payload += static_cast<char>('a' + size % 26)) {
        for (const std::string &key : {"\0\0\0\0"s, "\xFF\0\0\0"s, "\x01\x02\x03\x04"s, "\x80\xFF\x7F\x55"s}) {
            const std::string stream = frame(fin | 2, payload, key);
            EXPECT_EQ(heard(stream), Lines{"binary " + payload});
            EXPECT_EQ(heard_bytewise(stream), Lines{"binary " + payload});
        }
    }
}

TEST(FrameReader, joins_fragments_into_one_message) {
    EXPECT_EQ(heard(first_text("a") + more("") + more("b") + last("c") + text("d")), (Lines{"text abc", "text d"}));
    EXPECT_EQ(heard(first_binary("") + last("c")), Lines{"binary c"});
}

TEST(FrameReader, controls_between_fragments_come_first) {
    EXPECT_EQ(heard(first_text("a") + ping("p") + more("b") + pong("q") + last("c")),
              (Lines{"ping p", "pong q", "text abc"}));
    EXPECT_EQ(heard(first_text("a") + close(1001)), Lines{"close 1001 "});
}

TEST(FrameReader, code_point_may_span_fragments) {
    EXPECT_EQ(heard(first_text("\xF0\x9F") + ping("") + more("\x98") + last("\x80")),
              (Lines{"ping ", "text \xF0\x9F\x98\x80"}));
}

TEST(FrameReader, binary_need_not_be_utf8) {
    EXPECT_EQ(heard(binary("\xFF\xC0") + first_binary("\xED") + last("\xA0")),
              (Lines{"binary \xFF\xC0", "binary \xED\xA0"}));
}

TEST(FrameReader, close_without_a_body_has_no_code) {
    EXPECT_EQ(heard(close_body("")), Lines{"close 1005 "});
}

TEST(FrameReader, nothing_is_read_after_a_close) {
    FrameReader reader(limit);
    Lines lines;
    hear(reader, close(1000) + text("late") + "\xFF\xFF", lines);
    hear(reader, text("later"), lines);
    EXPECT_EQ(lines, Lines{"close 1000 "});
    EXPECT_FALSE(reader.idle());
}

TEST(FrameReader, message_of_exactly_the_limit_passes) {
    const std::string payload(limit, 'x');
    EXPECT_EQ(heard(text(payload), {}, limit), Lines{"text " + payload});
    EXPECT_EQ(heard(first_text(payload.substr(1)) + last("x"), {}, limit), Lines{"text " + payload});
}

TEST(FrameReader, controls_do_not_count_for_the_limit) {
    EXPECT_EQ(heard(first_text("1234") + ping(std::string(125, 'p')) + last("5678"), {}, 8),
              (Lines{"ping " + std::string(125, 'p'), "text 12345678"}));
}

TEST(FrameReader, limit_is_of_a_message_not_of_a_connection) {
    FrameReader reader(8);
    Lines lines;
    for (int i = 0; i < 100; ++i) hear(reader, first_text("1234") + last("5678"), lines);
    EXPECT_EQ(lines, Lines(100, "text 12345678"));
}

// ---- what is refused ----

struct Refused {
    std::string name;
    std::string bytes;
    Lines expected;
};

void PrintTo(const Refused &row, std::ostream *out) {
    *out << row.name;
}

class FrameReaderRefuses : public testing::TestWithParam<Refused> {};

TEST_P(FrameReaderRefuses, whole_cut_anywhere_and_bytewise) {
    const auto &[name, bytes, expected] = GetParam();
    EXPECT_EQ(heard(bytes, {}, limit), expected);
    EXPECT_EQ(heard_bytewise(bytes, limit), expected);
    const std::size_t step = 1 + bytes.size() / 500;
    for (std::size_t cut = 1; cut < bytes.size(); cut += step) ASSERT_EQ(heard(bytes, {cut}, limit), expected) << cut;
}

/// No byte more is needed to know: what the row sends is all that the client sends.
const Refused refused[] = {
    // row 21
    {"unmasked", "\x81\x02", {"failed 1002 frame is not masked"}},
    {"unmasked_ping", "\x89\x00"s, {"failed 1002 frame is not masked"}},
    {"rsv1", "\xC1", {"failed 1002 reserved bits are set"}},
    {"rsv2", "\xA1", {"failed 1002 reserved bits are set"}},
    {"rsv3", "\x91", {"failed 1002 reserved bits are set"}},
    {"rsv1_on_continuation", first_text("a") + "\xC0", {"failed 1002 reserved bits are set"}},
    {"rsv1_on_ping", "\xC9", {"failed 1002 reserved bits are set"}},
    {"opcode_3", "\x83", {"failed 1002 reserved opcode"}},
    {"opcode_7", "\x87", {"failed 1002 reserved opcode"}},
    {"opcode_11", "\x8B", {"failed 1002 reserved opcode"}},
    {"opcode_15", "\x8F", {"failed 1002 reserved opcode"}},
    {"opcode_3_after_a_text", text("a") + "\x83", {"text a", "failed 1002 reserved opcode"}},
    {"fragmented_ping", "\x09", {"failed 1002 fragmented control frame"}},
    {"fragmented_pong", "\x0A", {"failed 1002 fragmented control frame"}},
    {"fragmented_close", "\x08", {"failed 1002 fragmented control frame"}},
    {"ping_of_126", "\x89\xFE", {"failed 1002 control frame above 125 bytes"}},
    {"pong_of_64_bit_length", "\x8A\xFF", {"failed 1002 control frame above 125 bytes"}},
    {"close_of_126", "\x88\xFE", {"failed 1002 control frame above 125 bytes"}},
    {"stray_continuation", "\x80", {"failed 1002 continuation of no message"}},
    {"stray_first_fragment", std::string(1, '\0'), {"failed 1002 continuation of no message"}},
    {"continuation_after_the_last",
     first_text("a") + last("b") + "\x80",
     {"text ab", "failed 1002 continuation of no message"}},
    {"text_inside_a_message", first_text("a") + "\x81", {"failed 1002 message inside a message"}},
    {"binary_inside_a_message_after_a_ping",
     first_text("a") + ping("p") + "\x02",
     {"ping p", "failed 1002 message inside a message"}},
    // row 22
    {"length_with_the_high_bit", "\x82\xFF\x80" + times(7, "\0"s), {"failed 1002 length above 2^63"}},
    {"length_of_all_ones", "\x82\xFF" + times(8, "\xFF"), {"failed 1002 length above 2^63"}},
    {"length_of_2_to_40", "\x82\xFF\0\0\1\0\0\0\0\0"s, {"failed 1009 message is too big"}},
    {"length_of_2_to_63_less_1", "\x82\xFF\x7F" + times(7, "\xFF"), {"failed 1009 message is too big"}},
    {"length_one_above_the_limit", "\x82\xFE" + big_endian(limit + 1, 2), {"failed 1009 message is too big"}},
    {"length_above_the_limit_with_the_rest",
     first_text("a") + "\x80\xFE" + big_endian(limit, 2),
     {"failed 1009 message is too big"}},
    {"16_bit_length_of_125", "\x82\xFE\x00\x7D"s, {"failed 1002 length is not minimal"}},
    {"16_bit_length_of_0", "\x82\xFE\x00\x00"s, {"failed 1002 length is not minimal"}},
    {"64_bit_length_of_65535", "\x82\xFF" + big_endian(65535, 8), {"failed 1002 length is not minimal"}},
    {"64_bit_length_of_1", "\x82\xFF" + big_endian(1, 8), {"failed 1002 length is not minimal"}},
    // row 23: the header announces more than the row sends
    {"text_bad_at_once", header(fin | 1, 9) + masked("ab\xFF"), {"failed 1007 text is not UTF-8"}},
    {"text_overlong", header(fin | 1, 9) + masked("\xE0\x9F"), {"failed 1007 text is not UTF-8"}},
    {"text_surrogate", header(fin | 1, 9) + masked("\xED\xA0"), {"failed 1007 text is not UTF-8"}},
    {"text_above_10FFFF", header(fin | 1, 9) + masked("\xF4\x90"), {"failed 1007 text is not UTF-8"}},
    {"text_bad_over_fragments", first_text("\xE2\x82") + header(0, 9) + masked("a"), {"failed 1007 text is not UTF-8"}},
    {"text_bad_over_fragments_and_ping",
     first_text("\xED") + ping("p") + header(fin, 2) + masked("\xBF"),
     {"ping p", "failed 1007 text is not UTF-8"}},
    {"text_ends_in_a_code_point", text("a\xE2\x82"), {"failed 1007 text is not UTF-8"}},
    {"text_ends_in_a_code_point_with_an_empty_last", first_text("\xC3") + last(""), {"failed 1007 text is not UTF-8"}},
    // rows 24, 25
    {"one_byte_fragments_without_end", first_text("x") + times(limit, more("x")), {"failed 1009 message is too big"}},
    {"empty_fragments_without_end", first_text("x") + times(65, more("")), {"failed 1008 too many empty fragments"}},
    {"empty_fragments_with_pings_between", first_text("") + times(64, more("") + ping("")),
     [] {
         Lines lines(63, "ping ");
         lines.push_back("failed 1008 too many empty fragments");
         return lines;
     }()},
    // row 29
    {"close_1005", close(1005), {"failed 1002 close code is not allowed"}},
    {"close_1006", close(1006), {"failed 1002 close code is not allowed"}},
    {"close_1004", close(1004), {"failed 1002 close code is not allowed"}},
    {"close_1014", close(1014), {"failed 1002 close code is not allowed"}},
    {"close_1015", close(1015), {"failed 1002 close code is not allowed"}},
    {"close_0", close(0), {"failed 1002 close code is not allowed"}},
    {"close_999", close(999), {"failed 1002 close code is not allowed"}},
    {"close_2999", close(2999), {"failed 1002 close code is not allowed"}},
    {"close_5000", close(5000), {"failed 1002 close code is not allowed"}},
    {"close_65535", close(65535), {"failed 1002 close code is not allowed"}},
    {"close_of_one_byte", close_body("\x03"), {"failed 1002 close body of one byte"}},
    {"close_reason_bad", close(1000, "\xFF"), {"failed 1007 close reason is not UTF-8"}},
    {"close_reason_cut", close(1000, "ok\xE2\x82"), {"failed 1007 close reason is not UTF-8"}},
};

INSTANTIATE_TEST_SUITE_P(Rows, FrameReaderRefuses, testing::ValuesIn(refused),
                         [](const auto &row) { return row.param.name; });

TEST(FrameReader, as_many_empty_fragments_as_allowed_pass_in_every_message) {
    const std::string message = first_text("x") + times(FrameReader::empty_fragments_max, more("")) + last("y");
    EXPECT_EQ(heard(message + message), (Lines{"text xy", "text xy"}));
}

TEST(FrameReader, failed_stays_failed_and_takes_everything) {
    FrameReader reader(limit);
    const Input copy(std::string("\xC1").append(text("good")));  // "" + std::string: false -Wrestrict, gcc PR105651
    std::span<char> input = copy.bytes();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(line(reader.next(input)), "failed 1002 reserved bits are set");
    EXPECT_TRUE(input.empty());
    EXPECT_FALSE(reader.idle());
}

TEST(FrameReader, close_codes_a_client_may_send_pass) {
    for (const unsigned code :
         {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999}) {
        EXPECT_EQ(heard(close(code, "r")), Lines{"close " + std::to_string(code) + " r"});
    }
    EXPECT_EQ(heard(close(1000, std::string(123, 'r'))), Lines{"close 1000 " + std::string(123, 'r')});
}

// ---- what is remembered, and what it costs ----

TEST(FrameReader, idle_only_at_a_message_boundary) {
    FrameReader reader(limit);
    EXPECT_TRUE(reader.idle());
    const std::string stream = first_text("ab") + ping("p") + last("c");
    Lines lines;
    for (std::size_t i = 0; i < stream.size(); ++i) {
        hear(reader, std::string_view(stream).substr(i, 1), lines);
        EXPECT_EQ(reader.idle(), i + 1 == stream.size()) << i;
    }
    EXPECT_EQ(lines, (Lines{"ping p", "text abc"}));
}

TEST(FrameReader, new_reader_at_every_boundary_reads_the_same) {
    const std::string stream = text("a") + first_text("b") + ping("p") + last("c") + binary("d") + pong("");
    Lines lines;
    auto reader = std::make_unique<FrameReader>(limit);
    for (std::size_t i = 0; i < stream.size(); ++i) {
        hear(*reader, std::string_view(stream).substr(i, 1), lines);
        if (reader->idle()) reader = std::make_unique<FrameReader>(limit);
    }
    EXPECT_EQ(lines, heard(stream));
}

TEST(FrameReader, message_within_one_input_is_a_view_and_allocates_nothing) {
    const std::string big(70'000, 'x');
    const Input copy(text("small") + ping("p") + text(big) + first_binary("") + last("tail") + close(1000, "bye"));
    const std::span<char> memory = copy.bytes();
    FrameReader reader(1 << 20);
    std::span<char> input = memory;
    std::size_t views = 0;
    const Allocations seen = allocated_by([&] {
        for (Inbound inbound = reader.next(input); inbound.kind != Inbound::Kind::need_more;
             inbound = reader.next(input)) {
            const std::string_view view = inbound.kind == Inbound::Kind::close ? inbound.reason : inbound.payload;
            if (view.data() >= memory.data() && view.data() + view.size() <= memory.data() + memory.size()) ++views;
        }
    });
    EXPECT_EQ(views, 5u);
    EXPECT_EQ(seen.count, 0u);
}

TEST(FrameReader, payload_within_one_input_is_a_view_though_its_header_was_not) {
    const std::string stream = text("payload");
    FrameReader reader(limit);
    Lines lines;
    hear(reader, stream.substr(0, 6), lines);
    const Input copy(stream.substr(6));
    std::span<char> input = copy.bytes();
    const Inbound inbound = reader.next(input);
    EXPECT_EQ(line(inbound), "text payload");
    EXPECT_EQ(static_cast<const void *>(inbound.payload.data()), copy.bytes().data());
}

TEST(FrameReader, announced_length_reserves_nothing) {
    FrameReader reader(std::size_t{1} << 40);
    const Input copy(header(fin | 2, (std::uint64_t{1} << 40) - 1) + "0123456789abcdefghijklmnopqrstuvwxyz");
    std::span<char> input = copy.bytes();
    const Allocations seen = allocated_by([&] { EXPECT_EQ(reader.next(input).kind, Inbound::Kind::need_more); });
    EXPECT_LE(seen.largest, 80u);
}

TEST(FrameReader, length_above_the_limit_allocates_nothing) {
    const Input copy("\x82\xFF\0\0\1\0\0\0\0\0"s);
    std::span<char> input = copy.bytes();
    FrameReader reader(limit);
    const Allocations seen = allocated_by([&] { EXPECT_EQ(reader.next(input).code, CloseCode::too_big); });
    EXPECT_EQ(seen.count, 0u);
}

TEST(FrameReader, gathers_within_the_limit_in_few_allocations) {
    const std::size_t max = 100'000;
    const Input copy(first_binary("x") + times(max - 1, more("x")));  // no end yet
    std::span<char> input = copy.bytes();
    FrameReader reader(max);
    const Allocations seen = allocated_by([&] { EXPECT_EQ(reader.next(input).kind, Inbound::Kind::need_more); });
    EXPECT_LE(seen.largest, max + 1);  // std::string's terminator
    EXPECT_LE(seen.count, 17u);        // it doubles
}

// ---- however the bytes are cut ----

/// Streams of valid frames, drawn from a seed: every kind, both length forms, code points split by fragments.
class RandomStream {
public:
    explicit RandomStream(std::uint32_t seed) : random_(seed) {}

    std::string draw(int messages) {
        std::string stream;
        while (messages-- > 0) stream += up_to(3) == 0 ? control() : message();
        if (up_to(2) == 0) stream += close(up_to(1) == 0 ? 1000 : 4321, some_text(up_to(20)));
        return stream;
    }
    std::size_t up_to(std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(random_); }

private:
    std::string key() { return big_endian(random_(), 4); }
    std::string control() {
        const std::string payload = some_binary(up_to(5) == 0 ? 125 : up_to(9));
        return frame(fin | (up_to(1) == 0 ? 9 : 10), payload, key());
    }
    std::string message() {
        const bool is_text = up_to(1) == 0;
        const std::size_t size = up_to(9) == 0 ? 100 + up_to(200) : up_to(30);
        const std::string payload = is_text ? some_text(size) : some_binary(size);
        std::string stream;
        unsigned opcode = is_text ? 1 : 2;
        std::size_t from = 0;
        for (std::size_t fragments = up_to(3); fragments > 0; --fragments) {
            const std::size_t length = up_to(payload.size() - from);
            stream += frame(opcode, payload.substr(from, length), key());
            from += length;
            opcode = 0;
            if (up_to(2) == 0) stream += control();
        }
        return stream + frame(fin | opcode, payload.substr(from), key());
    }
    std::string some_text(std::size_t characters) {
        static const std::string alphabet[] = {"a",           "b", "\xC3\xBC", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                               "\xEE\x80\x80"};
        std::string out;
        while (characters-- > 0) out += alphabet[up_to(5)];
        return out;
    }
    std::string some_binary(std::size_t bytes) {
        std::string out;
        while (bytes-- > 0) out += static_cast<char>(up_to(255));
        return out;
    }

    std::mt19937 random_;
};

TEST(FrameReader, one_cut_anywhere_changes_nothing) {
    for (std::uint32_t seed = 1; seed <= 40; ++seed) {
        const std::string stream = RandomStream(seed).draw(6);
        const Lines expected = heard(stream);
        for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
            ASSERT_EQ(heard(stream, {cut}), expected) << "seed " << seed << " cut " << cut;
        }
    }
}

TEST(FrameReader, random_cuts_change_nothing) {
    for (std::uint32_t seed = 1; seed <= 200; ++seed) {
        RandomStream random(seed);
        const std::string stream = random.draw(20);
        const Lines expected = heard(stream);
        ASSERT_FALSE(expected.empty());
        ASSERT_FALSE(expected.back().starts_with("failed")) << "seed " << seed << ": " << expected.back();
        ASSERT_EQ(heard_bytewise(stream), expected) << "seed " << seed;
        for (int round = 0; round < 5; ++round) {
            std::vector<std::size_t> cuts;
            for (std::size_t at = random.up_to(60); at < stream.size(); at += random.up_to(60)) cuts.push_back(at);
            ASSERT_EQ(heard(stream, cuts), expected) << "seed " << seed << " round " << round;
        }
    }
}

}  // namespace
}  // namespace mempool::websocket
