// SPDX-License-Identifier: MIT
/// A client that submits over the WebSocket, through a whole pool on a real socket. One thread.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "unit/pool/server.hpp"
#include "unit/websocket/client_frames.hpp"

namespace mempool::test {

/// A JSON client of the stream, which has heard its hello.
class Submitter : public WireClient {
public:
    explicit Submitter(const Server &server) : WireClient(server.port) {
        send(
            "GET /ws/mempool?format=json HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
        EXPECT_EQ(status_of(read_until("\r\n\r\n")), 101);
        EXPECT_TRUE(read_frame().starts_with(R"(text:{"type":"hello")"));
    }
    void says(std::string_view text) const { send(websocket::test::text(text)); }
    /// The next frame of this kind; what else comes is of the stream.
    std::string reads(std::string_view type) {
        const std::string wanted = R"(text:{"type":")" + std::string(type) + "\"";
        for (;;) {
            const std::string frame = read_frame();
            if (frame.starts_with(wanted) || !frame.starts_with("text:")) return frame;
        }
    }
    /// The next frame that is no batch.
    std::string next() {
        for (;;) {
            const std::string frame = read_frame();
            if (!frame.starts_with(R"(text:{"type":"batch")")) return frame;
        }
    }
};

}  // namespace mempool::test
