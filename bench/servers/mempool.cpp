// SPDX-License-Identifier: MIT
/// libmempool as a host has it: its C++ header over the shared library, and the commands of bench/README.md on standard input.
///
/// Options are those of `mempool options`, as `--NAME VALUE`, `--NAME` alone for 1 (`--io-threads 2 --deflate`). One that the library does not know
/// makes this server say `unsupported`, so that a figure of a later version is left out, not failed.
///
/// Two threads and the pool's: this one reads commands and publishes; the pool's do the rest. It ends, and the pool with it, when
/// standard input does.
#include <sched.h>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>

#include "mempool.hpp"
#include "wire.hpp"

namespace {

void set(mempoolpp::Config &config, std::string name, const std::string &value) {
    for (char &letter : name)
        if (letter == '-') letter = '_';
    std::int64_t number = 0;
    const char *end = value.data() + value.size();
    if (auto [at, error] = std::from_chars(value.data(), end, number); error == std::errc() && at == end)
        config.set(name, number);
    else
        config.set(name, value);
}

void say(const char *what, std::uint64_t count) {
    std::printf("%s %llu\n", what, static_cast<unsigned long long>(count));
    std::fflush(stdout);
}

class Publisher {
public:
    explicit Publisher(const mempoolpp::Pool &pool) : pool_(pool) {}

    void publish(std::uint64_t count, std::size_t size, std::uint64_t first) {
        for (std::uint64_t number = first; number < first + count; ++number) {
            event_.clear();
            bench::append_event(event_, number, size);
            pool_.publish(event_);
        }
    }

    std::uint64_t flood(double seconds, std::size_t size, std::uint64_t first) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
        std::uint64_t count = 0;
        for (; std::chrono::steady_clock::now() < end; count += 16) {
            publish(16, size, first + count);
            sched_yield();
        }
        return count;
    }

private:
    const mempoolpp::Pool &pool_;
    std::string event_;
};

}  // namespace

int main(int argc, char **argv) try {
    mempoolpp::Config config;
    config.set("listen_port", 0);
    if (const char *tick = std::getenv("MEMPOOL_BENCH_TICK_MS")) set(config, "batch_interval_ms", tick);
    if (const char *ring = std::getenv("MEMPOOL_BENCH_RING")) set(config, "ring_capacity", ring);
    try {
        for (int index = 1; index < argc; ++index) {
            const std::string name = argv[index] + 2;
            const bool valued = index + 1 < argc && std::strncmp(argv[index + 1], "--", 2) != 0;
            set(config, name, valued ? argv[++index] : "1");
        }
    } catch (const mempoolpp::Error &error) {
        std::fprintf(stderr, "%s\n", error.what());
        std::puts("unsupported");
        return 0;
    }
    const mempoolpp::Pool pool(config);
    pool.start();
    say("listening", static_cast<std::uint64_t>(pool.port()));

    Publisher publisher(pool);
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::string command;
        double amount = 0;
        std::size_t size = 0;
        std::uint64_t first = 0;
        words >> command >> amount >> size >> first;
        if (command == "publish") {
            const auto count = static_cast<std::uint64_t>(amount);
            publisher.publish(count, size, first);
            say("published", count);
        } else if (command == "flood") {
            say("flooded", publisher.flood(amount, size, first));
        } else {
            std::puts("unsupported");
            std::fflush(stdout);
        }
    }
    pool.stop(std::chrono::milliseconds(0));
} catch (const std::exception &error) {
    std::fprintf(stderr, "bench_mempool: %s\n", error.what());
    return 1;
}
