// SPDX-License-Identifier: MIT
#include "load/poster.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

#include "load/failure.hpp"
#include "wire.hpp"

namespace bench {

Poster::Poster(int port, std::size_t size) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0)
        throw Failure(std::string("connect for POST /tx: ") + std::strerror(errno));
    const int on = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    request_ = "POST /tx HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
               "\r\nContent-Type: application/octet-stream\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
               std::string(size, 't');
}

Poster::~Poster() {
    if (socket_ >= 0) close(socket_);
}

Poster::Poster(Poster &&other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      request_(std::move(other.request_)),
      out_(std::move(other.out_)),
      in_(std::move(other.in_)),
      last_id_(other.last_id_),
      outstanding_(other.outstanding_) {}

void Poster::post(std::size_t count) {
    out_.clear();
    for (std::size_t index = 0; index < count; ++index) out_ += request_;
    if (send(socket_, out_.data(), out_.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(out_.size()))
        throw Failure(std::string("POST /tx: ") + std::strerror(errno));
    outstanding_ += count;
}

std::size_t Poster::answers() {
    static std::array<char, 65536> buffer;
    const ssize_t got = recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (got <= 0) throw Failure("POST /tx: expected 202, got the end of the connection");
    in_.append(buffer.data(), static_cast<std::size_t>(got));
    std::size_t count = 0;
    std::size_t taken = 0;
    for (;;) {
        const std::string_view in = std::string_view(in_).substr(taken);
        const std::size_t end = in.find("\r\n\r\n");
        if (end == std::string_view::npos) break;
        const std::string_view head = in.substr(0, end);
        if (!head.starts_with("HTTP/1.1 202"))
            throw Failure("POST /tx: expected 202, got " + std::string(head.substr(0, head.find('\r'))));
        const std::string_view length = header(head, "Content-Length");
        std::size_t size = 0;
        if (std::from_chars(length.data(), length.data() + length.size(), size).ec != std::errc())
            throw Failure("POST /tx: expected an answer with Content-Length, got " + std::string(head));
        if (in.size() < end + 4 + size) break;
        std::string_view body = in.substr(end + 4, size);
        std::uint64_t id = 0;
        constexpr std::string_view start = R"({"id":")";
        if (!body.starts_with(start) ||
            std::from_chars(body.data() + start.size(), body.data() + size, id).ec != std::errc() || id <= last_id_)
            throw Failure("POST /tx: expected {\"id\":\"N\" with N > " + std::to_string(last_id_) + ", got " +
                          std::string(body));
        last_id_ = id;
        taken += end + 4 + size;
        ++count;
    }
    in_.erase(0, taken);
    if (count > outstanding_) throw Failure("POST /tx: more answers than requests");
    outstanding_ -= count;
    return count;
}

}  // namespace bench
