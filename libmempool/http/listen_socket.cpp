// SPDX-License-Identifier: MIT
#include "http/listen_socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>

namespace mempool::http {
namespace {

struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;
};

bool parse_address(const std::string &host, std::uint16_t port, Address &address) {
    sockaddr_in v4{};
    if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(&address.storage, &v4, sizeof v4);
        address.size = sizeof v4;
        return true;
    }
    sockaddr_in6 v6{};
    if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        std::memcpy(&address.storage, &v6, sizeof v6);
        address.size = sizeof v6;
        return true;
    }
    return false;
}

Status refused(const std::string &host, std::uint16_t port, int error) {
    const std::string where = "listen_port " + std::to_string(port);
    switch (error) {
        case EADDRINUSE:
            return {Code::address_in_use, where + " is in use on " + host + "; choose another, or 0 for a free one"};
        case EACCES:
            return {Code::system, where + " is not allowed to this user on " + host + "; choose one above 1023"};
        case EADDRNOTAVAIL:
            return {Code::system,
                    "listen_host " + host + " is no address of this machine; give one that is, or 127.0.0.1"};
        default:
            return {Code::system, "cannot listen on " + host + " port " + std::to_string(port) + ": " +
                                      std::generic_category().message(error)};
    }
}

/// None where it can't be read: no socket, or an option that it has not.
std::optional<int> socket_option(int fd, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    if (getsockopt(fd, SOL_SOCKET, name, &value, &size) != 0) return std::nullopt;
    return value;
}

Status no_good(int fd, const char *what) {
    return {Code::invalid, "listen_fd " + std::to_string(fd) + " " + what +
                               "; hand over a stream socket (TCP or unix) that listens, or -1 for none"};
}

}  // namespace

Status ListenSocket::listen_on(const std::string &host, std::uint16_t port) {
    Address address;
    if (!parse_address(host, port, address))
        return {Code::invalid, "listen_host " + host + " is not an IPv4 or IPv6 address"};
    const int family = address.storage.ss_family;
    fd_ = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd_ < 0) return refused(host, port, errno);
    const int on = 1;
    // A port in TIME_WAIT can be had again; one that somebody listens on still can't.
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (family == AF_INET6) setsockopt(fd_, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd_, reinterpret_cast<const sockaddr *>(&address.storage), address.size) != 0 ||
        listen(fd_, SOMAXCONN) != 0) {
        const int error = errno;
        close(std::exchange(fd_, -1));
        return refused(host, port, error);
    }
    learn_address();
    return {};
}

Status ListenSocket::listen_at(const std::string &path) {
    fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd_ < 0)
        return {Code::system, "cannot listen on listen_unix " + path + ": " + std::generic_category().message(errno)};
    Status status = file_.claim(fd_, path);
    if (status.ok())
        learn_address();
    else
        stop();
    return status;
}

Status ListenSocket::take_over(int fd) {
    const std::optional<int> type = socket_option(fd, SO_TYPE);
    if (!type) return no_good(fd, errno == EBADF ? "is no open descriptor" : "is no socket");
    const int family = socket_option(fd, SO_DOMAIN).value_or(AF_UNSPEC);
    if (*type != SOCK_STREAM || (family != AF_INET && family != AF_INET6 && family != AF_UNIX))
        return no_good(fd, "is no stream socket");
    if (socket_option(fd, SO_ACCEPTCONN) != 1) return no_good(fd, "does not listen");
    fd_ = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (fd_ < 0 || fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK) != 0) {
        const int error = errno;
        stop();
        return {Code::system,
                "cannot listen on listen_fd " + std::to_string(fd) + ": " + std::generic_category().message(error)};
    }
    shared_ = true;
    learn_address();
    return {};
}

void ListenSocket::stop() noexcept {
    if (fd_ < 0) return;
    file_.remove();
    if (!shared_) shutdown(fd_, SHUT_RDWR);  // a forked child may hold a copy
    close(std::exchange(fd_, -1));
}

void ListenSocket::learn_address() {
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    getsockname(fd_, reinterpret_cast<sockaddr *>(&bound), &size);
    const auto reach_of = [](bool loopback) { return loopback ? Reach::loopback : Reach::network; };
    if (bound.ss_family == AF_UNIX) {
        reach_ = Reach::unix_socket;
    } else if (bound.ss_family == AF_INET) {
        const auto &v4 = reinterpret_cast<const sockaddr_in &>(bound);
        port_ = ntohs(v4.sin_port);
        reach_ = reach_of(ntohl(v4.sin_addr.s_addr) >> 24 == 127);
    } else {
        const auto &v6 = reinterpret_cast<const sockaddr_in6 &>(bound);
        port_ = ntohs(v6.sin6_port);
        reach_ = reach_of(IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) ||
                          (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && v6.sin6_addr.s6_addr[12] == 127));
    }
}

}  // namespace mempool::http
