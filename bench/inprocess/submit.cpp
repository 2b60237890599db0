// SPDX-License-Identifier: MIT
/// What a mempool_submit of 32 bytes costs its caller: CPU time of the producer's thread, kernel included, for each transaction
/// accepted. Over the shared library, as a host has it. Three forms:
///
///   alone     the batch thread stands in apply, so the queue only fills; one producer
///   draining  the batch thread drains at the same time; 1 and 4 producers, batch_interval_ms 0 and the default
///
/// Who hears FULL sleeps 100 us and tries again, and that is counted too (tokio/ does the same). Each transaction carries its own
/// number; apply adds them up, so that one lost, repeated or torn fails the run.

#include <mempool.h>

#include <semaphore.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "figure.hpp"

namespace {

void must(mempool_status status, const char *what) {
    if (status != MEMPOOL_OK) figure::wrong(std::string(what) + ": " + mempool_error_detail());
}

/// 32 bytes that say their number four times.
struct Transaction {
    explicit Transaction(std::uint64_t number) { words.fill(number); }
    std::array<std::uint64_t, 4> words;
};
static_assert(sizeof(Transaction) == 32);

/// The host's side: batch thread only, but for what is read after a flush.
struct Applied {
    std::uint64_t count = 0;
    std::uint64_t sum = 0;
    bool torn = false;
    bool hold = false;  // stands in apply until `go_on`
    sem_t held{};
    sem_t go_on{};
};

std::int32_t apply(void *user, mempool_batch *batch) {
    auto &applied = *static_cast<Applied *>(user);
    if (applied.hold) {
        sem_post(&applied.held);
        sem_wait(&applied.go_on);
    }
    std::size_t count = 0;
    mempool_batch_count(batch, &count);
    mempool_tx_view view{};
    view.struct_size = sizeof view;
    for (std::size_t index = 0; index < count; ++index) {
        mempool_batch_at(batch, index, &view);
        std::array<std::uint64_t, 4> words{};
        if (view.size == sizeof words) std::memcpy(words.data(), view.data, sizeof words);
        applied.torn |= words[0] == 0 || words[0] != words[1] || words[0] != words[3];
        applied.sum += words[0];
    }
    applied.count += count;
    return 0;
}

class Host {
public:
    explicit Host(std::int64_t interval_ms) {
        sem_init(&applied_.held, 0, 0);
        sem_init(&applied_.go_on, 0, 0);
        mempool_config *config = nullptr;
        must(mempool_config_new(&config), "config");
        if (interval_ms >= 0)
            must(mempool_config_set_int(config, "batch_interval_ms", interval_ms), "batch_interval_ms");
        must(mempool_config_set_text(config, "listen_host", ""), "listen_host");
        must(mempool_open(config, &pool_), "open");
        mempool_config_free(config);
        must(mempool_set_apply(pool_, apply, &applied_, nullptr), "set_apply");
        must(mempool_start(pool_), "start");
    }
    ~Host() {
        must(mempool_stop(pool_, 10'000), "stop");
        mempool_release(pool_);
    }
    Host(const Host &) = delete;
    Host &operator=(const Host &) = delete;

    mempool *pool() { return pool_; }
    Applied &applied() { return applied_; }

    /// Numbers first..first+count-1, each until it is accepted; gives the nanoseconds of this thread.
    std::uint64_t submit(std::uint64_t first, std::uint64_t count) {
        std::uint64_t last_id = 0;
        const std::uint64_t began = figure::thread_cpu_ns();
        for (std::uint64_t number = first; number < first + count; ++number) {
            const Transaction transaction(number);
            std::uint64_t id = 0;
            mempool_status status = MEMPOOL_OK;
            while ((status = mempool_submit(pool_, &transaction, sizeof transaction, nullptr, &id)) == MEMPOOL_FULL) {
                const timespec pause{0, 100'000};
                nanosleep(&pause, nullptr);
            }
            if (status != MEMPOOL_OK || id <= last_id) figure::wrong("a submission");
            last_id = id;
        }
        return figure::thread_cpu_ns() - began;
    }

    /// Everything with the numbers 1..count was applied, once.
    void check(std::uint64_t count) {
        must(mempool_flush(pool_, 60'000), "flush");
        const std::uint64_t sum = count * (count + 1) / 2;
        if (applied_.torn || applied_.count != count || applied_.sum != sum)
            figure::wrong("accepted " + std::to_string(count) + ", applied " + std::to_string(applied_.count));
    }

private:
    mempool *pool_ = nullptr;
    Applied applied_;
};

void alone(std::uint64_t rounds) {
    constexpr std::uint64_t filled = 60'000;
    Host host(0);
    std::uint64_t spent = 0;
    std::uint64_t submitted = 0;
    for (std::uint64_t round = 0; round <= rounds; ++round) {
        host.applied().hold = true;
        host.submit(++submitted, 1);
        sem_wait(&host.applied().held);
        const std::uint64_t took = host.submit(submitted + 1, filled);
        submitted += filled;
        if (round > 0) spent += took;  // the first round only warms up
        host.applied().hold = false;
        sem_post(&host.applied().go_on);
        host.check(submitted);
    }
    figure::print("submit_alone", "\"producers\": 1", static_cast<double>(spent) / static_cast<double>(rounds * filled),
                  submitted);
}

void draining(std::uint64_t producers, std::int64_t interval_ms, std::uint64_t count) {
    Host host(interval_ms);
    std::atomic<std::uint64_t> spent{0};
    std::atomic<std::uint64_t> ready{0};
    std::vector<std::thread> threads;
    for (std::uint64_t producer = 0; producer < producers; ++producer)
        threads.emplace_back([&, producer] {
            ++ready;
            while (ready < producers) std::this_thread::yield();
            spent += host.submit(1 + producer * count, count);
        });
    for (std::thread &thread : threads) thread.join();
    host.check(producers * count);
    figure::print("submit_draining",
                  "\"producers\": " + std::to_string(producers) +
                      ", \"batch_interval_ms\": " + (interval_ms < 0 ? "10" : std::to_string(interval_ms)),
                  static_cast<double>(spent) / static_cast<double>(producers * count), producers * count);
}

}  // namespace

int main(int argc, char **argv) {
    alone(figure::share(argc, argv, 100));
    for (const std::int64_t interval_ms : {0, -1})
        for (const std::uint64_t producers : {1, 4})
            draining(producers, interval_ms, figure::share(argc, argv, 4'000'000) / producers);
}
