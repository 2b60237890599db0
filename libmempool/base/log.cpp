// SPDX-License-Identifier: MIT
#include "base/log.hpp"

#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <iterator>
#include <utility>

namespace mempool {

std::optional<LogLevel> log_level_of(std::string_view word) {
    constexpr std::string_view words[] = {"off", "error", "warn", "info", "debug"};
    for (std::size_t level = 0; level < std::size(words); ++level)
        if (words[level] == word) return static_cast<LogLevel>(level);
    return std::nullopt;
}

void Log::swap_sink(Sink &sink) {
    auto entries = std::make_unique<Entry[]>(log_entries);
    const std::lock_guard lock(mutex_);
    if (!entries_) entries_ = std::move(entries);
    sink_.swap(sink);
    open_.store(static_cast<bool>(sink_), std::memory_order_relaxed);
}

void Log::write(LogLevel level, const char *format, ...) noexcept {
    if (level > level_.load(std::memory_order_relaxed) || !open_.load(std::memory_order_relaxed)) return;
    Entry entry;
    entry.level = level;
    entry.time_us = wall_time_us();
    std::va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(entry.text, sizeof entry.text, format, arguments);
    va_end(arguments);
    {
        const std::lock_guard lock(mutex_);
        if (count_ == log_entries) {
            ++lost_;
            return;  // the reader has enough to wake for
        }
        entries_[(first_ + count_++) % log_entries] = entry;
    }
    bell_.ring();
}

std::uint64_t Log::lost() const {
    const std::lock_guard lock(mutex_);
    return lost_;
}

bool Log::take(Entry &entry) {
    const std::lock_guard lock(mutex_);
    if (count_ > 0) {
        entry = entries_[first_];
        first_ = (first_ + 1) % log_entries;
        --count_;
        return true;
    }
    if (lost_ == lost_told_) return false;
    entry.level = LogLevel::warn;
    entry.time_us = wall_time_us();
    std::snprintf(entry.text, sizeof entry.text,
                  "%" PRIu64 " log messages were lost: the log callback is slower than what there is to say",
                  lost_ - lost_told_);
    lost_told_ = lost_;
    return true;
}

bool Log::deliver(int most) {
    if (!sink_) return false;
    for (Entry entry; most > 0 && take(entry); --most) {
        try {
            sink_(entry);
        } catch (...) {
            // There is nobody left to tell.
        }
    }
    return most == 0;
}

void Log::end() {
    open_.store(false, std::memory_order_relaxed);
    sink_ = nullptr;
}

void Log::finish() noexcept {
    finished_.store(true, std::memory_order_release);
    bell_.ring();
}

}  // namespace mempool
