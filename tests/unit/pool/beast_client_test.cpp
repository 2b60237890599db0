// SPDX-License-Identifier: MIT
/// Boost.Beast's websocket::stream as a client of a whole pool, on a real socket.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "unit/pool/server.hpp"

using namespace mempool;
using namespace mempool::test;

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Error = boost::system::error_code;

/// A stream whose handshake is done. Each call starts one operation and waits for it, 20 s at most. Owns its socket; one thread.
class BeastClient {
public:
    /// protocol: what it asks for, "" for none.
    BeastClient(std::int32_t port, std::string_view protocol) : stream_(context_) {
        const asio::ip::tcp::endpoint server(asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port));
        stream_.next_layer().connect(server);
        beast::websocket::permessage_deflate offer;
        offer.client_enable = true;
        stream_.set_option(offer);
        stream_.set_option(beast::websocket::stream_base::decorator([protocol](beast::websocket::request_type &asks) {
            if (!protocol.empty()) asks.set(beast::http::field::sec_websocket_protocol, protocol);
        }));
        stream_.control_callback([this](beast::websocket::frame_type kind, beast::string_view payload) {
            if (kind == beast::websocket::frame_type::pong) pong_ = payload;
        });
        succeed([&](auto done) { stream_.async_handshake(answer_, "127.0.0.1", "/ws/mempool", done); });
    }

    std::string answered(beast::http::field name) const { return std::string(answer_[name]); }

    /// The next message, behind its kind. Pings and closes are Beast's own business meanwhile.
    std::string reads() {
        beast::flat_buffer buffer;
        succeed([&](auto done) { stream_.async_read(buffer, done); });
        return (stream_.got_text() ? "text:" : "binary:") + beast::buffers_to_string(buffer.data());
    }
    /// What ends the stream, and the server's close code.
    std::pair<Error, unsigned> reads_the_end() {
        beast::flat_buffer buffer;
        const Error error = wait([&](auto done) { stream_.async_read(buffer, done); });
        return {error, stream_.reason().code};
    }
    void says(std::string_view text) {
        stream_.text(true);
        succeed([&](auto done) { stream_.async_write(asio::buffer(text), done); });
    }
    void pings(const char *payload) {
        succeed([&](auto done) { stream_.async_ping(beast::websocket::ping_data(payload), done); });
    }
    /// The payload of the newest pong.
    const std::string &pong() const { return pong_; }
    /// Its close, and the server's.
    unsigned closes() {
        succeed([&](auto done) { stream_.async_close(beast::websocket::close_code::normal, done); });
        return stream_.reason().code;
    }

private:
    template <class Start>
    Error wait(Start start) {
        Error result = asio::error::timed_out;
        start([&result](Error error, std::size_t = 0) { result = error; });
        context_.restart();
        context_.run_for(std::chrono::seconds(20));
        if (!context_.stopped()) throw std::runtime_error("not within 20 s");
        return result;
    }
    template <class Start>
    void succeed(Start start) {
        if (const Error error = wait(start)) throw std::runtime_error(error.message());
    }

    asio::io_context context_;
    beast::websocket::stream<asio::ip::tcp::socket> stream_;
    beast::websocket::response_type answer_;
    std::string pong_;
};

}  // namespace

TEST(BeastClient, hears_text_and_binary_in_order_pings_and_closes) {
    Server server({{"batch_interval_ms", 0}});
    BeastClient client(server.port, "mempool.v1.text");
    EXPECT_EQ(client.answered(beast::http::field::sec_websocket_protocol), "mempool.v1.text");
    EXPECT_EQ(client.answered(beast::http::field::sec_websocket_extensions), "") << "compression is declined";
    std::size_t listeners = 0;
    for (int count = 0; count < 100; ++count) {
        EXPECT_EQ(server.publish(std::to_string(count)), 1U);
        EXPECT_TRUE(server.pool->publish(std::string(1, '\xff') + std::to_string(count), true, listeners).ok());
    }
    std::uint64_t id = 0;
    ASSERT_TRUE(server.pool->submit("pay", 3, id).ok());
    for (int count = 0; count < 100; ++count) {
        ASSERT_EQ(client.reads(), "text:" + std::to_string(count));
        ASSERT_EQ(client.reads(), "binary:\xff" + std::to_string(count));
    }
    EXPECT_EQ(client.reads(), "text:batch applied 1/1 txs");
    client.pings("there?");
    client.says("a text client's words are ignored");
    while (client.pong().empty()) {  // Beast tells of it while it reads messages only
        server.publish("?");
        EXPECT_EQ(client.reads(), "text:?");
    }
    EXPECT_EQ(client.pong(), "there?");
    EXPECT_EQ(client.closes(), beast::websocket::close_code::normal);
    server.wait_for_listeners(0);
}

TEST(BeastClient, hears_and_says_compressed_messages) {
    Server server({{"batch_interval_ms", 0}, {"deflate", 1}, {"deflate_min_bytes", 10}});
    BeastClient client(server.port, "mempool.v1.json");
    const std::string agreed = client.answered(beast::http::field::sec_websocket_extensions);
    EXPECT_TRUE(agreed.starts_with("permessage-deflate; server_no_context_takeover; client_no_context_takeover"))
        << agreed;
    EXPECT_TRUE(client.reads().starts_with(R"(text:{"type":"hello")"));
    for (const std::size_t size : {0, 1, 100, 1000, 60'000}) {
        const std::string message(size, 'x');
        EXPECT_EQ(server.publish(message), 1U);
        EXPECT_NE(client.reads().find(R"("data":")" + message + R"("})"), std::string::npos) << size;
        client.says(R"({"type":"tx","data":"pay","ref":"r"})" + std::string(size, ' '));
        std::string batch = client.reads();
        std::string accepted = client.reads();
        if (batch.starts_with(R"(text:{"type":"accepted")")) batch.swap(accepted);
        EXPECT_TRUE(accepted.starts_with(R"(text:{"type":"accepted","ref":"r")")) << accepted;
        EXPECT_NE(batch.find(R"("applied":1,"total":1)"), std::string::npos) << batch;
    }
    client.says(R"({"type":"tx","data":"pay"})" + std::string(70'000, ' '));
    const auto [error, code] = client.reads_the_end();
    EXPECT_EQ(error, beast::websocket::error::closed);
    EXPECT_EQ(code, beast::websocket::close_code::too_big);
}

TEST(BeastClient, submits_as_json_hears_the_outcome_and_the_end) {
    Server server({{"batch_interval_ms", 0}});
    BeastClient client(server.port, "mempool.v1.json");
    EXPECT_TRUE(client.reads().starts_with(R"(text:{"type":"hello","topic":"mempool")"));
    client.says(R"({"type":"tx","data":"bad","ref":"r","wait":true})");
    EXPECT_EQ(client.reads(), R"(text:{"type":"accepted","ref":"r","id":"1"})");
    std::string batch = client.reads();
    std::string outcome = client.reads();
    if (batch.starts_with(R"(text:{"type":"outcome")")) batch.swap(outcome);  // the outcome is no part of the stream
    EXPECT_TRUE(batch.starts_with(R"(text:{"type":"batch")")) << batch;
    EXPECT_TRUE(outcome.starts_with(R"(text:{"type":"outcome","ref":"r","id":"1","status":"rejected")")) << outcome;

    std::thread stopping([&] { EXPECT_TRUE(server.pool->stop(-1).ok()); });
    EXPECT_TRUE(client.reads().starts_with(R"(text:{"type":"draining")"));
    const auto [error, code] = client.reads_the_end();
    EXPECT_EQ(error, beast::websocket::error::closed);
    EXPECT_EQ(code, beast::websocket::close_code::going_away);
    stopping.join();
}
