// SPDX-License-Identifier: MIT
/// What a pool has to say to its host. Whoever is at it writes an entry, without waiting and without memory; one thread, the callback
/// thread, hands the entries on. Owned by the pool.
///
/// Bounded and lossy: at most `log_entries` wait, of at most `log_text_bytes` each. What finds no room is lost, counted, and the
/// reader is told how many after what was kept. Without a sink nothing is written at all.
///
/// Nothing secret is written here, and nothing that a client or a host sent: no transaction, header, address or reason.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "base/wake_fd.hpp"

namespace mempool {

inline constexpr std::size_t log_entries = 256;
inline constexpr std::size_t log_text_bytes = 240;

enum class LogLevel : std::int32_t { off = 0, error = 1, warn = 2, info = 3, debug = 4 };

/// Of the option's words; nothing where it is none of them.
std::optional<LogLevel> log_level_of(std::string_view word);

class Log {
public:
    struct Entry {
        LogLevel level;
        std::int64_t time_us;       // since 1970, UTC
        char text[log_text_bytes];  // ASCII, NUL-terminated
    };
    using Sink = std::function<void(const Entry &)>;

    /// bell: the reader sleeps on it.
    Log(LogLevel level, WakeFd &bell) : level_(level), bell_(bell) {}
    Log(const Log &) = delete;
    Log &operator=(const Log &) = delete;

    /// Before any thread writes. What was set before is in `sink` then. Throws std::bad_alloc, nothing changed.
    void swap_sink(Sink &sink);
    bool has_sink() const { return static_cast<bool>(sink_); }

    /// Any thread.
    void set_level(LogLevel level) noexcept { level_.store(level, std::memory_order_relaxed); }
    /// Any thread, under no lock.
    [[gnu::format(printf, 3, 4)]] void write(LogLevel level, const char *format, ...) noexcept;
    /// Any thread: entries that found no room.
    std::uint64_t lost() const;

    /// The reader: hands on at most `most` entries; whether there are more. What a sink throws is dropped.
    bool deliver(int most);
    /// Nobody will write any more. Any thread.
    void finish() noexcept;
    bool finished() const { return finished_.load(std::memory_order_acquire); }
    /// The reader, behind its last entry: lets go of the sink.
    void end();

private:
    bool take(Entry &entry);

    std::atomic<LogLevel> level_;  // relaxed: it only chooses what is said
    WakeFd &bell_;
    Sink sink_;                          // constant while threads run, but for end()
    std::atomic<bool> open_{false};      // there is a sink; relaxed: set before the threads that write are there
    std::atomic<bool> finished_{false};  // release in finish(): all was written before

    mutable std::mutex mutex_;  // leaf; guards all below
    std::unique_ptr<Entry[]> entries_;
    std::size_t first_ = 0;
    std::size_t count_ = 0;
    std::uint64_t lost_ = 0;
    std::uint64_t lost_told_ = 0;
};

/// For what may happen a thousand times a second: said at once, then at most every ten seconds, with how often it was. One thread.
class Seldom {
public:
    /// How often it was since it was last said, this time included; 0: keep it for later.
    std::uint64_t happened(Instant now, std::uint64_t times = 1) {
        times_ += times;
        if (now < next_) return 0;
        next_ = now + milliseconds(10'000);
        return std::exchange(times_, 0);
    }

private:
    Instant next_ = Instant::min();
    std::uint64_t times_ = 0;
};

}  // namespace mempool
