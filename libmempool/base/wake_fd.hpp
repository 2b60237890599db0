// SPDX-License-Identifier: MIT
/// An eventfd that one thread sleeps on and any thread may ring. Ringing takes no lock and never blocks, so it is allowed under a
/// leaf lock. Owned by the sleeper; must outlive all who ring.
#pragma once

#include <cstdint>

namespace mempool {

class WakeFd {
public:
    WakeFd();  // throws std::system_error where the kernel gives no descriptor
    ~WakeFd();
    WakeFd(const WakeFd &) = delete;
    WakeFd &operator=(const WakeFd &) = delete;

    int fd() const noexcept { return fd_; }
    void ring() noexcept;
    /// Takes back all rings so far; true where there were any.
    bool take() noexcept;
    /// Sleeps until it is rung, then takes the rings back.
    void wait() noexcept;

private:
    int fd_;
};

}  // namespace mempool
