// SPDX-License-Identifier: MIT
/// Lets the kernel have no descriptor for the calling thread, from its n-th request on or for that one alone. Replaces the calls that
/// make descriptors: include it in one file of an executable only. Each thread fails its own requests only. (A real limit would do as
/// well, but then UBSan's own checks find no descriptor either, and report what is not there.)
#pragma once

#include <dlfcn.h>

#include <cerrno>

namespace mempool::test {

inline thread_local bool descriptors_armed = false;
inline thread_local bool descriptors_fired = false;
inline thread_local bool descriptors_for_good = false;
inline thread_local int descriptors_left = 0;

inline bool no_descriptor() {
    if (!descriptors_armed || descriptors_left-- > 0) return false;
    descriptors_left = 0;
    descriptors_armed = descriptors_for_good;
    descriptors_fired = true;
    errno = EMFILE;
    return true;
}

/// While it lives, the calling thread's n-th request for a descriptor fails, and with `all` each one after it.
class FailingDescriptors {
public:
    FailingDescriptors(int n, bool all) {
        descriptors_left = n;
        descriptors_for_good = all;
        descriptors_fired = false;
        descriptors_armed = true;
    }
    ~FailingDescriptors() { descriptors_armed = false; }
    FailingDescriptors(const FailingDescriptors &) = delete;
    FailingDescriptors &operator=(const FailingDescriptors &) = delete;
};

template <class Function>
Function *next_of(const char *name) {
    return reinterpret_cast<Function *>(dlsym(RTLD_NEXT, name));
}

}  // namespace mempool::test

extern "C" {

int socket(int domain, int type, int protocol) noexcept {
    static auto *const real = mempool::test::next_of<int(int, int, int)>("socket");
    return mempool::test::no_descriptor() ? -1 : real(domain, type, protocol);
}

int epoll_create1(int flags) noexcept {
    static auto *const real = mempool::test::next_of<int(int)>("epoll_create1");
    return mempool::test::no_descriptor() ? -1 : real(flags);
}

int eventfd(unsigned count, int flags) noexcept {
    static auto *const real = mempool::test::next_of<int(unsigned, int)>("eventfd");
    return mempool::test::no_descriptor() ? -1 : real(count, flags);
}

int timerfd_create(int clock, int flags) noexcept {
    static auto *const real = mempool::test::next_of<int(int, int)>("timerfd_create");
    return mempool::test::no_descriptor() ? -1 : real(clock, flags);
}

int pipe(int *ends) noexcept {
    static auto *const real = mempool::test::next_of<int(int *)>("pipe");
    return mempool::test::no_descriptor() ? -1 : real(ends);
}
}
