// SPDX-License-Identifier: MIT
/// A blocking client for tests of the network side: raw bytes out, what the server says in, every wait with a deadline. One thread.
/// Owns its socket.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace mempool::test {

/// A socket that is connected already; the client owns it from now on.
struct Connected {
    int socket;
};

class WireClient {
public:
    explicit WireClient(Connected connected) : socket_(connected.socket) {}
    /// receive_buffer: bytes that the kernel may hold for us, 0 for its own choice.
    explicit WireClient(std::int32_t port, int receive_buffer = 0)
        : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        if (receive_buffer > 0) setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (connect(socket_, reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0) {
            close(socket_);
            throw std::runtime_error("connect failed");
        }
    }
    /// On the unix socket at that path.
    explicit WireClient(const std::string &path) : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        if (connect(socket_, reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0) {
            close(socket_);
            throw std::runtime_error("connect failed");
        }
    }
    ~WireClient() {
        if (socket_ >= 0) close(socket_);
    }
    WireClient(const WireClient &) = delete;
    WireClient &operator=(const WireClient &) = delete;

    void send(std::string_view bytes) const {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) throw std::runtime_error("send failed");
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    /// The end of what we send; we can still read.
    void finish() const { shutdown(socket_, SHUT_WR); }
    /// Ends with a reset, as a client that was killed with unread input.
    void vanish() {
        const linger hard{1, 0};
        setsockopt(socket_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        close(socket_);
        socket_ = -1;
    }

    /// All until the server ends the connection. "(reset)" at the end where it reset it, "(silence)" where it said nothing for 10 s.
    std::string read_all() {
        while (read_some()) {
        }
        return std::exchange(buffer_, {}) + ending_;
    }
    /// All up to and with `end`; what the server said and its ending where that does not come.
    std::string read_until(std::string_view end) {
        for (;;) {
            if (const std::size_t at = buffer_.find(end); at != std::string::npos) return take(at + end.size());
            if (!read_some()) return std::exchange(buffer_, {}) + ending_;
        }
    }
    /// One answer with its body (Content-Length).
    std::string read_answer() {
        std::string head = read_until("\r\n\r\n");
        const std::size_t at = head.find("Content-Length: ");
        const std::size_t size = at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
        while (buffer_.size() < size && read_some()) {
        }
        return head + take(size);
    }
    /// One frame of the server's: "text:...", "binary:...", "ping:...", "pong:...", "close:CODE", or the ending.
    std::string read_frame() {
        while (buffer_.size() < 2)
            if (!read_some()) return ending_;
        std::size_t size = byte(1);
        std::size_t header = 2;
        if (size >= 126) {
            header = size == 126 ? 4 : 10;
            while (buffer_.size() < header)
                if (!read_some()) return ending_;
            size = 0;
            for (std::size_t at = 2; at < header; ++at) size = size << 8 | byte(at);
        }
        while (buffer_.size() < header + size)
            if (!read_some()) return ending_;
        const unsigned opcode = byte(0) & 0x0f;
        take(header);
        const std::string payload = take(size);
        switch (opcode) {
            case 1:
                return "text:" + payload;
            case 2:
                return "binary:" + payload;
            case 8:
                return "close:" + (payload.size() < 2 ? ""
                                                      : std::to_string(static_cast<unsigned char>(payload[0]) << 8 |
                                                                       static_cast<unsigned char>(payload[1])));
            case 9:
                return "ping:" + payload;
            case 10:
                return "pong:" + payload;
            default:
                return "opcode " + std::to_string(opcode);
        }
    }
    /// Becomes a client of the stream; gives the 101, or the refusal.
    std::string upgrade() {
        send(
            "GET /ws/mempool HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
        return read_until("\r\n\r\n");
    }

private:
    unsigned byte(std::size_t at) const { return static_cast<unsigned char>(buffer_[at]); }
    std::string take(std::size_t size) {
        std::string taken = buffer_.substr(0, size);
        buffer_.erase(0, size);
        return taken;
    }
    bool read_some() {
        pollfd entry{socket_, POLLIN, 0};
        if (poll(&entry, 1, 10'000) <= 0) {
            ending_ = "(silence)";
            return false;
        }
        char bytes[65536];
        const ssize_t count = recv(socket_, bytes, sizeof bytes, 0);
        if (count < 0) ending_ = "(reset)";
        if (count <= 0) return false;
        buffer_.append(bytes, static_cast<std::size_t>(count));
        return true;
    }

    int socket_;
    std::string buffer_;
    std::string ending_;
};

}  // namespace mempool::test
