// SPDX-License-Identifier: MIT
/// A ring of Linux's io_uring that sends many pieces in one system call (io_uring(7), io_uring_enter(2)). Owned by a shard's sockets; made
/// by any thread, used by the shard's alone.
///
/// Every send has MSG_DONTWAIT and is done within the call that submits it: a full socket says so at once, nothing is armed and nothing is
/// left behind, so no byte is held by the kernel beyond the call and no completion comes for a socket that has been closed since.
/// Three mappings and one descriptor, closed on exec; a forked child has the descriptor, and the mappings not.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>

struct io_uring_cqe;
struct io_uring_sqe;

namespace mempool {

struct Offer;

/// Why there is none.
class NoUring : public std::system_error {
public:
    using std::system_error::system_error;
};

class Uring {
public:
    static constexpr std::size_t at_once = 64;

    /// Throws NoUring where there is none: an older kernel than Linux 5.7, `kernel.io_uring_disabled`, a container's filter.
    Uring();
    ~Uring();
    Uring(const Uring &) = delete;
    Uring &operator=(const Uring &) = delete;

    /// Sends the first so many of at most at_once, and gives that number: fewer where the kernel has no memory, or worse. results[i]: the
    /// bytes that went out, or -errno.
    std::size_t send(std::span<const Offer> offers, std::span<int> results);

private:
    struct Mapping {
        void *at = nullptr;
        std::size_t bytes = 0;
    };
    Mapping map(std::size_t bytes, std::int64_t offset);
    void unmap() noexcept;

    int ring_ = -1;
    std::array<Mapping, 2> mappings_;  // both queues; the entries of the one
    unsigned *submit_tail_ = nullptr;
    unsigned *submit_head_ = nullptr;
    unsigned submit_mask_ = 0;
    io_uring_sqe *entries_ = nullptr;
    unsigned *complete_head_ = nullptr;
    unsigned *complete_tail_ = nullptr;
    unsigned complete_mask_ = 0;
    io_uring_cqe *completions_ = nullptr;
};

}  // namespace mempool
