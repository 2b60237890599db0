// SPDX-License-Identifier: MIT
/// The floor: what the kernel alone costs. One thread, one epoll; an event is framed once, then a plain send() of those bytes for each
/// client. No queue, no lag, no limits, no check of what clients say: less than this no server can do and still call send().
///
///     floor                     K events: for each event one send() a client
///     floor --gather            K events: for each client one send() of all K frames (the bare gathering loop)
///     floor --fault KIND        the last client is wronged at each event whose number ends in 7: repeat, skip, corrupt, short, or lag (it
///                               is told one more than it missed); accept: all handshakes are. For the test that the load generator
///                               notices.
///
/// A full socket is waited for, so it takes part only where all clients read. POST /tx is answered from the same loop: the least
/// parsing that finds the body, a queue, a timer for the tick. It ends with its standard input.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "wire.hpp"

namespace {

constexpr std::size_t queue_capacity = 65536;
constexpr std::size_t batch_max = 1024;

[[noreturn]] void die(const char *what) {
    std::fprintf(stderr, "floor: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

/// All of it, waiting where the socket is full. False: the peer is gone.
bool send_all(int socket, const char *data, std::size_t size) {
    while (size > 0) {
        const ssize_t sent = send(socket, data, size, MSG_NOSIGNAL);
        if (sent >= 0) {
            data += sent;
            size -= static_cast<std::size_t>(sent);
        } else if (errno == EAGAIN) {
            pollfd room{socket, POLLOUT, 0};
            poll(&room, 1, -1);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

struct Connection {
    std::string in;
    bool listens = false;  // it is a WebSocket; what it says is dropped
};

class Floor {
public:
    Floor(bool gather, std::string fault) : gather_(gather), fault_(std::move(fault)) {
        const char *tick = std::getenv("MEMPOOL_BENCH_TICK_MS");
        tick_ms_ = tick != nullptr ? std::atol(tick) : 10;
        poller_ = epoll_create1(0);
        timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
        listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        if (bind(listener_, reinterpret_cast<sockaddr *>(&address), size) != 0 || listen(listener_, 4096) != 0 ||
            getsockname(listener_, reinterpret_cast<sockaddr *>(&address), &size) != 0)
            die("listen on 127.0.0.1");
        for (const int descriptor : {STDIN_FILENO, timer_, listener_}) watch(descriptor);
        std::printf("listening %d\n", ntohs(address.sin_port));
        std::fflush(stdout);
    }

    void run() {
        std::array<epoll_event, 256> ready;
        for (;;) {
            const int count = epoll_wait(poller_, ready.data(), ready.size(), -1);
            if (count < 0 && errno != EINTR) die("epoll_wait");
            for (int index = 0; index < count; ++index) {
                const int descriptor = ready[static_cast<std::size_t>(index)].data.fd;
                if (descriptor == STDIN_FILENO) {
                    if (!commands()) return;
                } else if (descriptor == timer_) {
                    batch();
                } else if (descriptor == listener_) {
                    take_in();
                } else {
                    read(descriptor);
                }
            }
        }
    }

private:
    void watch(int descriptor) {
        epoll_event interest{};
        interest.events = EPOLLIN;
        interest.data.fd = descriptor;
        if (epoll_ctl(poller_, EPOLL_CTL_ADD, descriptor, &interest) != 0) die("epoll_ctl");
    }

    void take_in() {
        for (int socket; (socket = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
            const int on = 1;
            setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            connections_.emplace(socket, std::make_unique<Connection>());
            watch(socket);
        }
    }

    void drop(int socket) {
        connections_.erase(socket);
        std::erase(listeners_, socket);
        close(socket);
    }

    void read(int socket) {
        const auto found = connections_.find(socket);
        if (found == connections_.end()) return;
        Connection &connection = *found->second;
        static std::array<char, 65536> buffer;
        const ssize_t got = recv(socket, buffer.data(), buffer.size(), 0);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) return drop(socket);
        if (connection.listens) return;
        connection.in.append(buffer.data(), static_cast<std::size_t>(got));
        std::string out;
        std::size_t used = 0;
        while (request(socket, connection, used, out)) {
        }
        connection.in.erase(0, used);
        if (connection.listens) std::string().swap(connection.in);
        if (!out.empty() && !send_all(socket, out.data(), out.size())) drop(socket);
    }

    /// One request from `used` on; its answer goes to `out`. False: there is no whole one.
    bool request(int socket, Connection &connection, std::size_t &used, std::string &out) {
        const std::string_view in = std::string_view(connection.in).substr(used);
        const std::size_t end = in.find("\r\n\r\n");
        if (connection.listens || end == std::string_view::npos) return false;
        const std::string_view head = in.substr(0, end);
        if (head.starts_with("GET /ws/mempool")) {
            out +=
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
                "Upgrade\r\nSec-WebSocket-Accept: ";
            out += bench::accept_of(bench::header(head, fault_ == "accept" ? "Host" : "Sec-WebSocket-Key"));
            out += "\r\n\r\n";
            connection.listens = true;
            listeners_.push_back(socket);
            used += end + 4;
            return true;
        }
        const std::string_view length = bench::header(head, "Content-Length");
        std::size_t size = 0;
        std::from_chars(length.data(), length.data() + length.size(), size);
        if (in.size() < end + 4 + size) return false;
        used += end + 4 + size;
        if (queue_.size() == queue_capacity) {
            out += "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
            return true;
        }
        if (queue_.empty()) start_tick();
        queue_.emplace_back(in.substr(end + 4, size));
        std::array<char, 256> answer;
        const int body = std::snprintf(answer.data(), answer.size(),
                                       R"({"id":"%llu","status":"pending","durability":"memory"})", ++last_id_);
        std::array<char, 128> start;
        std::snprintf(start.data(), start.size(),
                      "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", body);
        out += start.data();
        out += answer.data();
        return true;
    }

    void start_tick() {
        itimerspec when{};
        when.it_value.tv_sec = tick_ms_ / 1000;
        when.it_value.tv_nsec = tick_ms_ > 0 ? tick_ms_ % 1000 * 1000000 : 1;
        timerfd_settime(timer_, 0, &when, nullptr);
    }

    void batch() {
        std::uint64_t expirations = 0;
        if (::read(timer_, &expirations, sizeof expirations) < 0) return;
        while (!queue_.empty()) {  // a full batch is not waited for
            const std::size_t count = std::min(batch_max, queue_.size());
            queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
            std::array<char, 64> text;
            const int size = std::snprintf(text.data(), text.size(), "batch applied %zu/%zu txs", count, count);
            std::string frame;
            bench::append_frame(frame, 1, {text.data(), static_cast<std::size_t>(size)});
            for (const int listener : listeners_) send_all(listener, frame.data(), frame.size());
        }
    }

    /// What `commands` are to be read, read and done. False: there will be no more.
    bool commands() {
        std::array<char, 4096> buffer;
        const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
        if (got <= 0) return false;
        said_.append(buffer.data(), static_cast<std::size_t>(got));
        for (std::size_t end; (end = said_.find('\n')) != std::string::npos; said_.erase(0, end + 1)) {
            std::istringstream words(said_.substr(0, end));
            std::string command;
            double amount = 0;
            std::size_t size = 0;
            std::uint64_t first = 0;
            words >> command >> amount >> size >> first;
            if (command == "publish") {
                publish(static_cast<std::uint64_t>(amount), size, first);
                std::printf("published %.0f\n", amount);
            } else if (command == "flood") {
                std::printf("flooded %llu\n", static_cast<unsigned long long>(flood(amount, size, first)));
            } else {
                std::puts("unsupported");
            }
            std::fflush(stdout);
        }
        return true;
    }

    void frame(std::uint64_t number, std::size_t size) {
        event_.clear();
        bench::append_event(event_, number, size);
        bench::append_frame(frames_, 1, event_);
    }

    void publish(std::uint64_t count, std::size_t size, std::uint64_t first) {
        frames_.clear();
        if (gather_) {
            for (std::uint64_t number = first; number < first + count; ++number) frame(number, size);
            for (const int listener : listeners_) send_all(listener, frames_.data(), frames_.size());
            return;
        }
        for (std::uint64_t number = first; number < first + count; ++number) {
            frames_.clear();
            frame(number, size);
            const bool wronged = !fault_.empty() && number % 10 == 7;
            for (const int listener : listeners_)
                if (!wronged || listener != listeners_.back()) send_all(listener, frames_.data(), frames_.size());
            if (wronged && !listeners_.empty()) wrong(listeners_.back(), number, size);
        }
    }

    void wrong(int listener, std::uint64_t number, std::size_t size) {
        const std::string right = frames_;
        if (fault_ == "skip") return;
        if (fault_ == "corrupt") frames_.back() = '?';
        if (fault_ == "lag") frames_.clear(), bench::append_frame(frames_, 1, "lagged 2");
        if (fault_ == "short") frames_.clear(), frame(number, size - 1);
        send_all(listener, frames_.data(), frames_.size());
        if (fault_ == "repeat") send_all(listener, right.data(), right.size());
    }

    std::uint64_t flood(double seconds, std::size_t size, std::uint64_t first) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
        std::uint64_t count = 0;
        for (; std::chrono::steady_clock::now() < end; count += 16) publish(16, size, first + count);
        return count;
    }

    bool gather_;
    std::string fault_;
    long tick_ms_;
    int poller_ = -1;
    int timer_ = -1;
    int listener_ = -1;
    std::unordered_map<int, std::unique_ptr<Connection>> connections_;
    std::vector<int> listeners_;
    std::string said_;
    std::string event_;
    std::string frames_;
    std::deque<std::string> queue_;
    unsigned long long last_id_ = 0;
};

}  // namespace

int main(int argc, char **argv) {
    bool gather = false;
    std::string fault;
    for (int index = 1; index < argc; ++index) {
        const std::string_view word = argv[index];
        if (word == "--gather") {
            gather = true;
        } else if (word == "--fault" && index + 1 < argc) {
            fault = argv[++index];
        } else {  // --deflate and its like
            std::puts("unsupported");
            return 0;
        }
    }
    Floor(gather, fault).run();
}
