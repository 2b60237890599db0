// SPDX-License-Identifier: MIT
/// The WebSocket clients: their handshakes, and reading. One thread; it owns the sockets and the epoll set, and ends with them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "load/hearing.hpp"

namespace bench {

using Instant = std::chrono::steady_clock::time_point;

class Listeners {
public:
    Listeners();
    ~Listeners();
    Listeners(const Listeners &) = delete;
    Listeners &operator=(const Listeners &) = delete;

    /// Opens `count` more, each handshake checked; waits until the last is through.
    void connect(std::size_t count, int port, bool deflate);
    void close();

    /// Events of `size` bytes from `first` on are due to everybody (size 0: batches; their transactions are counted from `first` on).
    void begin(std::size_t size, std::uint64_t first);

    /// The last `count` are not read from now on; all others are.
    void stall(std::size_t count);

    /// How many of those that are read have not heard `number` yet. From then on `turn` keeps count: behind().
    void await(std::uint64_t number);
    [[nodiscard]] std::size_t behind() const { return behind_; }

    /// Everybody has heard, or was told of, all up to `number` and nothing else, or it throws.
    void end(std::uint64_t number);
    [[nodiscard]] std::uint64_t delivered() const;
    [[nodiscard]] std::uint64_t lagged() const;

    /// Something else to be watched beside the clients; true from turn() says that it is readable.
    void watch(int descriptor);
    /// One look at the sockets, waiting at most that long. Returns whether the descriptor of watch() is readable.
    bool turn(int timeout_ms);

    /// What a turn tells of each client that moved on: when, from which number, to which.
    std::function<void(Instant, std::uint64_t, std::uint64_t)> moved;

    /// Who is farthest behind, for a message.
    [[nodiscard]] std::string laggard(std::uint64_t number) const;
    [[nodiscard]] std::size_t size() const { return clients_.size(); }
    /// Bytes that came; moves on while anything does.
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

private:
    struct Client {
        int socket = -1;
        bool open = false;  // its handshake is through
        std::string accept;
        std::string rest;  // the start of a frame, or of the answer
        Heard heard;
    };

    void knock(int port, bool deflate);
    void read(std::size_t index);
    std::size_t take_answer(Client &client, std::size_t index, std::string_view bytes);
    [[nodiscard]] std::size_t read_count() const { return clients_.size() - stalled_; }

    int poller_;
    int watched_ = -1;
    std::vector<Client> clients_;
    std::size_t stalled_ = 0;
    std::size_t opening_ = 0;
    bool deflate_ = false;
    std::uint64_t awaited_ = 0;
    std::size_t behind_ = 0;
    std::uint64_t bytes_ = 0;
    Hearing hearing_;
    std::vector<char> buffer_;
};

}  // namespace bench
