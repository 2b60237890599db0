// SPDX-License-Identifier: MIT
#include "http/handshake.hpp"

#include <gtest/gtest.h>

#include <boost/beast/http/parser.hpp>
#include <string>
#include <string_view>

using namespace mempool::http;

namespace {

namespace beast = boost::beast;

constexpr std::string_view good =
    "GET /ws/mempool HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

Request parse(std::string_view text) {
    beast::http::request_parser<beast::http::string_body> parser;
    boost::system::error_code error;
    parser.eager(true);
    parser.put(boost::asio::buffer(text.data(), text.size()), error);
    EXPECT_FALSE(error) << error.message() << "\n" << text;
    return parser.release();
}

/// The good request with `from` made `to`.
Request with(std::string_view from, std::string_view to) {
    std::string text(good);
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return parse(text.replace(at, from.size(), to));
}

unsigned status_of(const Request &request) {
    const auto answered = shake_hands(request, false);
    return std::holds_alternative<Handshake>(answered) ? 101 : std::get<Reply>(answered).status;
}

std::string accepted(const Request &request) {
    const auto answered = shake_hands(request, false);
    return std::holds_alternative<Handshake>(answered) ? std::get<Handshake>(answered).answer : "";
}

}  // namespace

TEST(Handshake, the_accept_value_is_rfc_6455s_example) {
    EXPECT_EQ(accept_value("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(Handshake, a_good_request_is_switched) {
    EXPECT_EQ(accepted(parse(good)),
              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
}

TEST(Handshake, each_flaw_gets_its_status) {
    const struct {
        const char *name;
        const char *from;
        const char *to;
        unsigned status;
    } rows[] = {
        {"another method", "GET", "POST", 405},
        {"no upgrade", "Upgrade: websocket\r\n", "", 426},
        {"upgrade to something else", "Upgrade: websocket", "Upgrade: h2c", 426},
        {"HTTP/1.0", "HTTP/1.1", "HTTP/1.0", 400},
        {"no connection header", "Connection: Upgrade\r\n", "", 400},
        {"a token that only contains upgrade", "Connection: Upgrade", "Connection: notupgrade", 400},
        {"a list with upgrade", "Connection: Upgrade", "Connection: keep-alive, Upgrade", 101},
        {"any case", "Connection: Upgrade", "Connection: uPGRADE", 101},
        {"no version", "Sec-WebSocket-Version: 13\r\n", "", 426},
        {"version 8", "Version: 13", "Version: 8", 426},
        {"two versions", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13", 426},
        {"no key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400},
        {"a short key", "dGhlIHNhbXBsZSBub25jZQ==", "dGhl", 400},
        {"a key of 15 bytes", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j", 400},
        {"a key that is not base64", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub2*jZQ==", 400},
        {"a key with stray last bits", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZR==", 400},
        {"two keys", "Sec-WebSocket-Version", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version",
         400},
    };
    for (const auto &row : rows) EXPECT_EQ(status_of(with(row.from, row.to)), row.status) << row.name;
}

TEST(Handshake, a_wrong_version_is_told_the_right_one) {
    const auto answered = shake_hands(with("Version: 13", "Version: 12"), false);
    EXPECT_NE(std::get<Reply>(answered).headers.find("Sec-WebSocket-Version: 13\r\n"), std::string::npos);
}

TEST(Handshake, the_first_protocol_that_is_known_is_chosen_and_none_is_no_refusal) {
    const auto protocols = [](std::string_view offered) {
        return accepted(with("Host: h", "Host: h\r\nSec-WebSocket-Protocol: " + std::string(offered)));
    };
    EXPECT_NE(protocols("other, mempool.v1.text").find("Sec-WebSocket-Protocol: mempool.v1.text\r\n"),
              std::string::npos);
    const std::string none = protocols("other");
    EXPECT_TRUE(none.starts_with("HTTP/1.1 101"));
    EXPECT_EQ(none.find("Sec-WebSocket-Protocol"), std::string::npos);
}

TEST(Handshake, compression_is_agreed_on_where_it_may_be_and_is_offered_in_any_line) {
    const std::string small = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n";
    const std::string good_one = "Sec-WebSocket-Extensions: x, permessage-deflate; client_max_window_bits\r\n";
    const auto answered = [](const std::string &lines, bool deflate) {
        return std::get<Handshake>(shake_hands(with("Host: h\r\n", "Host: h\r\n" + lines), deflate));
    };
    const Handshake agreed = answered(small + good_one, true);
    EXPECT_TRUE(agreed.deflated);
    EXPECT_TRUE(agreed.answer.ends_with(
        "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
        "client_max_window_bits=15\r\n\r\n"))
        << agreed.answer;
    for (const Handshake &plain : {answered(small, true), answered("", true), answered(small + good_one, false)}) {
        EXPECT_FALSE(plain.deflated);
        EXPECT_EQ(plain.answer.find("Sec-WebSocket-Extensions"), std::string::npos);
    }
}
