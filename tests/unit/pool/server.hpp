// SPDX-License-Identifier: MIT
/// A whole pool on a real socket, in this process, and requests for it. Owns the pool; stops it at its end.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "pool/pool.hpp"
#include "unit/pool/second_run.hpp"
#include "unit/pool/wire_client.hpp"

namespace mempool::test {

inline void reject_bad(Batch &batch) {
    for (std::size_t index = 0; index < batch.transactions().size(); ++index)
        if (batch.transactions()[index].data == "bad") batch.reject(index, "it is \"bad\"");
}

struct Server {
    /// apply: else it rejects what is "bad".
    explicit Server(std::initializer_list<std::pair<const char *, std::int64_t>> settings = {},
                    Apply apply = reject_bad) {
        Options options;
        EXPECT_TRUE(options.set_integer("listen_port", 0).ok());
        EXPECT_TRUE(options.set_integer("io_threads", mempool_test::io_threads()).ok());
        EXPECT_TRUE(options.set_text("uring", mempool_test::uring()).ok());
        for (const auto &[name, value] : settings) EXPECT_TRUE(options.set_integer(name, value).ok()) << name;
        EXPECT_TRUE(Pool::open(options, pool).ok());
        EXPECT_TRUE(pool->set_apply(std::move(apply)).ok());
        EXPECT_TRUE(pool->start().ok());
        EXPECT_TRUE(pool->port(port).ok());
    }
    ~Server() { EXPECT_TRUE(pool->stop(-1).ok()); }

    /// Gives the number of listeners.
    std::size_t publish(std::string_view text) {
        std::size_t listeners = 0;
        EXPECT_TRUE(pool->publish(text, false, listeners).ok());
        return listeners;
    }
    /// Until the server has seen that a client went.
    void wait_for_listeners(std::size_t wanted) {
        while (publish("?") != wanted) std::this_thread::yield();
    }

    std::shared_ptr<Pool> pool;
    std::int32_t port = 0;
};

inline std::string post(std::string_view body, std::string_view more = "") {
    return "POST /tx HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           std::string(more) + "\r\n" + std::string(body);
}

inline std::string get(std::string_view path) {
    return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
}

/// The status of an answer, as a number; 0 where it is none.
inline int status_of(const std::string &answer) {
    return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
}

inline std::string body_of(const std::string &answer) {
    return answer.substr(answer.find("\r\n\r\n") + 4);
}

}  // namespace mempool::test
