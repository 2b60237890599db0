// SPDX-License-Identifier: MIT
/// Lets the system have no thread for the calling one's n-th request. Replaces pthread_create: include it in one file of an executable only.
#pragma once

#include <dlfcn.h>
#include <pthread.h>

#include <cerrno>

namespace mempool::test {

inline thread_local int threads_left = -1;  // so many are made, then one is not; -1: all are

/// While it lives, the calling thread's n-th request for a thread fails.
class FailingThreads {
public:
    explicit FailingThreads(int n) { threads_left = n; }
    ~FailingThreads() { threads_left = -1; }
    FailingThreads(const FailingThreads &) = delete;
    FailingThreads &operator=(const FailingThreads &) = delete;
    /// Whether it has come to that.
    bool fired() const { return threads_left < 0; }
};

}  // namespace mempool::test

extern "C" int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *),
                              void *argument) noexcept {
    using Create = int(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    static auto *const real = reinterpret_cast<Create *>(dlsym(RTLD_NEXT, "pthread_create"));
    if (mempool::test::threads_left >= 0 && mempool::test::threads_left-- == 0) return EAGAIN;
    return real(thread, attributes, body, argument);
}
