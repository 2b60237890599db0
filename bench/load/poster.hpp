// SPDX-License-Identifier: MIT
/// One keep-alive connection that submits transactions by POST /tx, and the check of what it is answered: 202, a body that begins with
/// {"id":"N", and each N greater than the one before. One thread; it owns its socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace bench {

class Poster {
public:
    Poster(int port, std::size_t size);
    ~Poster();
    Poster(Poster &&other) noexcept;
    Poster &operator=(Poster &&) = delete;

    /// Sends that many more, at once.
    void post(std::size_t count);
    /// Reads what has come; returns how many answers those were.
    std::size_t answers();

    [[nodiscard]] int socket() const { return socket_; }
    [[nodiscard]] std::size_t outstanding() const { return outstanding_; }

private:
    int socket_;
    std::string request_;
    std::string out_;
    std::string in_;
    std::uint64_t last_id_ = 0;
    std::size_t outstanding_ = 0;
};

}  // namespace bench
