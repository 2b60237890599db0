// SPDX-License-Identifier: MIT
#include "base/fork.hpp"

#include <pthread.h>

#include <atomic>
#include <mutex>
#include <new>

namespace mempool {
namespace {

std::atomic<std::uint32_t> generation{0};
std::once_flag watched;

void in_child() {
    generation.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

void watch_forks() {
    std::call_once(watched, [] {
        if (pthread_atfork(nullptr, nullptr, in_child) != 0) throw std::bad_alloc();
    });
}

std::uint32_t process_generation() noexcept {
    return generation.load(std::memory_order_relaxed);
}

}  // namespace mempool
