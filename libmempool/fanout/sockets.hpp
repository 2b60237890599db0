// SPDX-License-Identifier: MIT
/// The kernel as it is: non-blocking sockets, and an epoll set that watches them, edge-triggered, beside one eventfd.
/// Owns the epoll set; a watched socket leaves it when it is ended. Where there is an io_uring it sends many pieces at once by that: what
/// came of each is the same. Shard thread only.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <optional>

#include "fanout/kernel.hpp"
#include "fanout/uring.hpp"

namespace mempool {

class Sockets final : public Kernel {
public:
    /// wake_fd: an eventfd, not owned, whose rings news() tells of. Throws std::system_error where there is no descriptor.
    explicit Sockets(int wake_fd);
    /// From now on many are written by an io_uring. Before the shard's thread. Throws NoUring where there is none.
    void use_uring() { uring_.emplace(); }
    bool uses_uring() const { return uring_.has_value(); }
    ~Sockets();
    Sockets(const Sockets &) = delete;
    Sockets &operator=(const Sockets &) = delete;

    /// Readable when there is news.
    int fd() const { return set_; }

    /// Takes at most 256 of the news, without waiting: calls `woken()` for the eventfd and `told(seat, readiness)` for a socket.
    template <class Woken, class Told>
    void news(Woken woken, Told told) {
        const int count = epoll_wait(set_, events_.data(), static_cast<int>(events_.size()), 0);
        for (int index = 0; index < count; ++index) {
            const epoll_event &event = events_[static_cast<std::size_t>(index)];
            if (event.data.u32 == wake_tag)
                woken();
            else
                told(SeatId{event.data.u32}, readiness(event.events));
        }
    }

    Instant now() override { return Clock::now(); }
    bool watch(int socket, SeatId seat) override;
    Written write(int socket, std::span<iovec> from) override;
    void write_many(std::span<Offer> offers) override;
    Received read(int socket, std::span<char> into) override;
    void finish(int socket) override;
    void end(int socket) override;
    void abort(int socket) override;

private:
    static constexpr SeatId wake_tag = 0xffffffff;  // beyond any seat
    static Readiness readiness(std::uint32_t events);

    int set_;
    std::array<epoll_event, 256> events_;
    std::optional<Uring> uring_;
};

}  // namespace mempool
