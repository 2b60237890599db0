// SPDX-License-Identifier: MIT
/// What a guest may leave behind in its host's process: threads and descriptors, counted from /proc; and a pool through the C ABI
/// with a client of its own. One thread.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>

// The C type `mempool` and our namespace have one name: as in capi/handles.hpp.
#define mempool mempool_handle
#include "mempool.h"
#undef mempool
#include "unit/pool/second_run.hpp"
#include "unit/pool/wire_client.hpp"
#include "unit/websocket/client_frames.hpp"

namespace mempool_test {

namespace frames = mempool::websocket::test;
using mempool::test::WireClient;

constexpr std::int64_t patience_ms = 20'000;

/// The numbers that are the names in a folder of /proc.
inline std::set<int> numbers_in(const char *folder) {
    std::set<int> numbers;
    DIR *open = opendir(folder);
    while (const dirent *entry = readdir(open))
        if (entry->d_name[0] != '.') numbers.insert(std::stoi(entry->d_name));
    if (std::string_view(folder).ends_with("/fd")) numbers.erase(dirfd(open));
    closedir(open);
    return numbers;
}
inline std::set<int> descriptors() {
    return numbers_in("/proc/self/fd");
}
inline std::set<int> threads() {
    return numbers_in("/proc/self/task");
}

/// A thread that was joined is gone from /proc a moment later only.
template <class Condition>
bool comes_true(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(patience_ms);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::yield();
    }
    return true;
}

/// The threads before a pool: with those that a sanitizer starts along with the first one, without that one.
inline std::set<int> threads_before() {
    pid_t first = 0;
    std::thread([&] { first = gettid(); }).join();
    EXPECT_TRUE(comes_true([&] { return !threads().contains(first); }));
    return threads();
}

/// A running pool on a free port; stopped and released at the end.
class Guest {
public:
    using Settings = std::initializer_list<std::pair<const char *, std::int64_t>>;

    explicit Guest(Settings settings = {}, mempool_apply_fn apply = nullptr, void *user = nullptr) {
        mempool_config *config = nullptr;
        EXPECT_EQ(mempool_config_new(&config), MEMPOOL_OK);
        EXPECT_EQ(mempool_config_set_int(config, "listen_port", 0), MEMPOOL_OK);
        EXPECT_EQ(mempool_config_set_int(config, "io_threads", io_threads()), MEMPOOL_OK);
        EXPECT_EQ(mempool_config_set_text(config, "uring", uring()), MEMPOOL_OK);
        for (const auto &[name, value] : settings)
            EXPECT_EQ(mempool_config_set_int(config, name, value), MEMPOOL_OK) << name;
        EXPECT_EQ(mempool_open(config, &pool), MEMPOOL_OK);
        mempool_config_free(config);
        if (apply != nullptr) {
            EXPECT_EQ(mempool_set_apply(pool, apply, user, nullptr), MEMPOOL_OK);
        }
        EXPECT_EQ(mempool_start(pool), MEMPOOL_OK) << mempool_error_detail();
        EXPECT_EQ(mempool_port(pool, &port), MEMPOOL_OK);
    }
    ~Guest() {
        EXPECT_EQ(mempool_stop(pool, patience_ms), MEMPOOL_OK) << mempool_error_detail();
        mempool_release(pool);
    }
    Guest(const Guest &) = delete;
    Guest &operator=(const Guest &) = delete;

    std::uint64_t submit(std::string_view text) const {
        std::uint64_t id = 0;
        EXPECT_EQ(mempool_submit(pool, text.data(), text.size(), nullptr, &id), MEMPOOL_OK);
        return id;
    }
    std::int32_t outcome(std::uint64_t id) const {
        mempool_outcome outcome{};
        outcome.struct_size = sizeof outcome;
        EXPECT_EQ(mempool_tx_wait(pool, id, patience_ms, &outcome), MEMPOOL_OK);
        return outcome.status;
    }
    void publish(std::string_view text) const {
        EXPECT_EQ(mempool_publish(pool, text.data(), text.size(), nullptr, nullptr), MEMPOOL_OK);
    }
    std::int32_t state() const {
        std::int32_t state = -1;
        EXPECT_EQ(mempool_state(pool, &state), MEMPOOL_OK);
        return state;
    }

    mempool_handle *pool = nullptr;
    std::int32_t port = 0;
};

/// What a client of a stopping pool hears last; it answers the close, as browsers do.
inline void say_goodbye(WireClient &client) {
    const std::string draining = client.read_frame();
    EXPECT_TRUE(draining.starts_with("text:draining ")) << draining;
    EXPECT_EQ(client.read_frame(), "close:1001");
    client.send(frames::frame(frames::fin | 8, frames::big_endian(1001, 2)));
    EXPECT_EQ(client.read_all(), "");
}

}  // namespace mempool_test
