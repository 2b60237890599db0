// SPDX-License-Identifier: MIT
#include "base/fork.hpp"

#include <pthread.h>

#include <atomic>
#include <mutex>
#include <new>

namespace mempool {

constinit std::atomic<std::uint32_t> generation_of_this_process{0};

namespace {

std::once_flag watched;

void in_child() {
    generation_of_this_process.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

void watch_forks() {
    std::call_once(watched, [] {
        if (pthread_atfork(nullptr, nullptr, in_child) != 0) throw std::bad_alloc();
    });
}

}  // namespace mempool
