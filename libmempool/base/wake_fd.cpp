// SPDX-License-Identifier: MIT
#include "base/wake_fd.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace mempool {

WakeFd::WakeFd() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

WakeFd::~WakeFd() {
    close(fd_);
}

void WakeFd::ring() noexcept {
    const std::uint64_t one = 1;
    // EAGAIN means 2^64-2 rings are waiting already: the sleeper wakes all the same.
    [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof one);
}

bool WakeFd::take() noexcept {
    std::uint64_t rings = 0;
    return read(fd_, &rings, sizeof rings) == sizeof rings;
}

void WakeFd::wait() noexcept {
    pollfd entry{fd_, POLLIN, 0};
    while (!take()) poll(&entry, 1, -1);
}

}  // namespace mempool
