// SPDX-License-Identifier: MIT
/// For the pool's own threads, which have nobody to answer NO_MEMORY to: what was accepted must go on once there is memory again.
#pragma once

#include <chrono>
#include <new>
#include <thread>

namespace mempool {

/// Runs the step; where it has no memory, again after a moment, for as long as it takes. A step that failed has changed nothing.
template <class Step>
void once_there_is_memory(Step step) {
    for (;;) {
        try {
            return step();
        } catch (const std::bad_alloc &) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }
}

}  // namespace mempool
