// SPDX-License-Identifier: MIT
/// What the opaque types of mempool.h are, for capi/mempool.cpp alone. Each is a thin owner of the core's own object.
#pragma once

// The C type `mempool` and our namespace have one name. Here, and only here, the type goes by another; C symbols know no types.
#define mempool mempool_handle
#include "mempool.h"
#undef mempool

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/options.hpp"
#include "base/status.hpp"
#include "pool/pool.hpp"

namespace core = mempool;

struct mempool_handle {
    std::shared_ptr<core::Pool> pool;
    std::atomic<std::uint32_t> references{1};
};

struct mempool_config {
    core::Options options;
};

struct mempool_batch {
    core::Batch &batch;
};

struct mempool_event {
    core::Heard heard{};
    core::EpochPtr epoch{};  // keeps the one of `heard`, where this outlives the receiver
    std::string text{};      // of all but a message, whose payload is its text

    const core::Message *message() const {
        return heard.event ? std::get_if<core::Message>(&heard.event->body) : nullptr;
    }
    const core::BatchDone *batch() const {
        return heard.event ? std::get_if<core::BatchDone>(&heard.event->body) : nullptr;
    }
};

struct mempool_receiver {
    std::shared_ptr<core::Pool> pool;  // first: the receiver must not outlive it
    std::unique_ptr<core::Receiver> receiver;
};

struct mempool_completions {
    std::shared_ptr<core::Pool> pool;
    std::shared_ptr<core::Completions> queue;
    std::vector<core::Completion> taken;  // by the last next(): its views borrow from here
};
