// SPDX-License-Identifier: MIT
#include "load/listener.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <strings.h>
#include <array>
#include <cerrno>
#include <cstring>

#include "load/failure.hpp"
#include "load/inflate.hpp"
#include "wire.hpp"

namespace bench {
namespace {

constexpr std::size_t knocking_at_once = 64;  // fewer than any server's backlog
constexpr std::size_t read_at_once = 256 * 1024;
constexpr std::uint64_t not_a_client = ~std::uint64_t{0};
constexpr auto patience = std::chrono::seconds(30);

[[noreturn]] void fail_errno(const std::string &what) {
    throw Failure(what + ": " + std::strerror(errno));
}

}  // namespace

Listeners::Listeners() : poller_(epoll_create1(EPOLL_CLOEXEC)), buffer_(read_at_once) {
    hearing_.begin(smallest_event);
}

Listeners::~Listeners() {
    close();
    ::close(poller_);
}

void Listeners::watch(int descriptor) {
    if (watched_ >= 0) epoll_ctl(poller_, EPOLL_CTL_DEL, watched_, nullptr);
    watched_ = descriptor;
    epoll_event interest{};
    interest.events = EPOLLIN;
    interest.data.u64 = not_a_client;
    if (descriptor >= 0 && epoll_ctl(poller_, EPOLL_CTL_ADD, descriptor, &interest) != 0) fail_errno("epoll_ctl");
}

void Listeners::connect(std::size_t count, int port, bool deflate) {
    if (deflate && !can_inflate) throw Failure("built without zlib: no client can be compressed to");
    deflate_ = deflate;
    clients_.reserve(clients_.size() + count);
    Instant last = std::chrono::steady_clock::now();
    for (std::size_t knocked = 0; knocked < count || opening_ > 0;) {
        for (; knocked < count && opening_ < knocking_at_once; ++knocked) knock(port, deflate);
        const std::size_t before = opening_;
        turn(100);
        if (opening_ < before) last = std::chrono::steady_clock::now();
        if (std::chrono::steady_clock::now() - last > patience)
            throw Failure(std::to_string(opening_) + " handshakes are not answered within 30 s");
    }
}

void Listeners::knock(int port, bool deflate) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0) fail_errno("socket, client " + std::to_string(clients_.size()));
    clients_.emplace_back().socket = socket;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0)
        fail_errno("connect, client " + std::to_string(clients_.size() - 1));
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);

    std::array<char, 16> nonce;
    if (getrandom(nonce.data(), nonce.size(), 0) != static_cast<ssize_t>(nonce.size())) fail_errno("getrandom");
    const std::string key = base64({nonce.data(), nonce.size()});
    clients_.back().accept = accept_of(key);
    std::string request =
        "GET /ws/mempool?format=text HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
        "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key +
        "\r\n";
    if (deflate)
        request +=
            "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n";
    request += "\r\n";
    if (send(socket, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
        fail_errno("send, client " + std::to_string(clients_.size() - 1));
    epoll_event interest{};
    interest.events = EPOLLIN;
    interest.data.u64 = clients_.size() - 1;
    if (epoll_ctl(poller_, EPOLL_CTL_ADD, socket, &interest) != 0) fail_errno("epoll_ctl");
    ++opening_;
}

void Listeners::close() {
    for (const Client &client : clients_) ::close(client.socket);
    clients_.clear();
    stalled_ = opening_ = behind_ = 0;
    awaited_ = 0;
}

void Listeners::begin(std::size_t size, std::uint64_t first) {
    hearing_.begin(size);
    for (Client &client : clients_) {
        client.heard = {};
        client.heard.next = first;
    }
    awaited_ = 0;
    behind_ = 0;
}

void Listeners::stall(std::size_t count) {
    if (count > clients_.size()) throw Failure("stall: there are not so many clients");
    const auto interest = [&](std::size_t index, std::uint32_t events) {
        epoll_event wanted{};
        wanted.events = events;
        wanted.data.u64 = index;
        if (epoll_ctl(poller_, EPOLL_CTL_MOD, clients_[index].socket, &wanted) != 0) fail_errno("epoll_ctl");
    };
    for (std::size_t index = read_count(); index < clients_.size(); ++index) interest(index, EPOLLIN);
    stalled_ = count;
    for (std::size_t index = read_count(); index < clients_.size(); ++index) interest(index, 0);
}

void Listeners::await(std::uint64_t number) {
    awaited_ = number;
    behind_ = 0;
    for (std::size_t index = 0; index < read_count(); ++index) behind_ += clients_[index].heard.next <= number;
}

void Listeners::end(std::uint64_t number) {
    for (std::size_t index = 0; index < clients_.size(); ++index) {
        const Client &client = clients_[index];
        if (client.heard.next != number + 1 || !client.rest.empty())
            throw Failure("client " + std::to_string(index) + ": expected to end with event " + std::to_string(number) +
                          ", is at " + std::to_string(client.heard.next - 1) + " with " +
                          std::to_string(client.rest.size()) + " bytes more");
    }
}

std::uint64_t Listeners::delivered() const {
    std::uint64_t all = 0;
    for (const Client &client : clients_) all += client.heard.delivered;
    return all;
}

std::uint64_t Listeners::lagged() const {
    std::uint64_t all = 0;
    for (const Client &client : clients_) all += client.heard.lagged;
    return all;
}

std::string Listeners::laggard(std::uint64_t number) const {
    for (std::size_t index = 0; index < read_count(); ++index)
        if (clients_[index].heard.next <= number)
            return "client " + std::to_string(index) + ": expected event " + std::to_string(clients_[index].heard.next);
    return "nobody";
}

bool Listeners::turn(int timeout_ms) {
    std::array<epoll_event, 512> ready;
    const int count = epoll_wait(poller_, ready.data(), ready.size(), timeout_ms);
    if (count < 0 && errno != EINTR) fail_errno("epoll_wait");
    bool watched = false;
    for (int at = 0; at < count; ++at) {
        const std::uint64_t who = ready[static_cast<std::size_t>(at)].data.u64;
        if (who == not_a_client)
            watched = true;
        else
            read(static_cast<std::size_t>(who));
    }
    return watched;
}

void Listeners::read(std::size_t index) {
    Client &client = clients_[index];
    const std::size_t kept = client.rest.size();
    std::memcpy(buffer_.data(), client.rest.data(), kept);
    const ssize_t got = recv(client.socket, buffer_.data() + kept, buffer_.size() - kept, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0)
        throw Failure("client " + std::to_string(index) + ": expected event " + std::to_string(client.heard.next) +
                      ", got " + (got == 0 ? std::string("the end of the connection") : std::strerror(errno)));
    bytes_ += static_cast<std::uint64_t>(got);
    const std::string_view bytes(buffer_.data(), kept + static_cast<std::size_t>(got));
    std::size_t taken = client.open ? 0 : take_answer(client, index, bytes);
    if (client.open) {
        const std::uint64_t before = client.heard.next;
        taken += hearing_.take(bytes.substr(taken), index, client.heard);
        if (client.heard.next != before) {
            if (before <= awaited_ && client.heard.next > awaited_) --behind_;
            if (moved) moved(std::chrono::steady_clock::now(), before, client.heard.next);
        }
        if (!client.heard.answer.empty()) {
            send(client.socket, client.heard.answer.data(), client.heard.answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            client.heard.answer.clear();
        }
    }
    client.rest.assign(bytes.substr(taken));
}

/// Returns the size of the answer's header; 0 while it is not whole.
std::size_t Listeners::take_answer(Client &client, std::size_t index, std::string_view bytes) {
    const std::size_t end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) return 0;
    const std::string_view head = bytes.substr(0, end);
    const std::string who = "client " + std::to_string(index) + ": expected ";
    if (!head.starts_with("HTTP/1.1 101 "))
        throw Failure(who + "101, got " + std::string(head.substr(0, head.find('\r'))));
    const std::string_view accept = header(head, "Sec-WebSocket-Accept");
    if (accept != client.accept)
        throw Failure(who + "Sec-WebSocket-Accept " + client.accept + ", got '" + std::string(accept) + "'");
    if (deflate_ && !header(head, "Sec-WebSocket-Extensions").starts_with("permessage-deflate"))
        throw Failure(who + "permessage-deflate, got none");
    client.open = true;
    std::string().swap(client.accept);
    --opening_;
    return end + 4;
}

}  // namespace bench
