// SPDX-License-Identifier: MIT
/// The transactions that wait in the queue, as records behind each other in pages of 16 KiB: a small one is its bytes, a long one a string
/// that was moved in. So a transaction takes no allocation of its own, a page goes from the producers to the consumer whole, and comes
/// back to be written again.
///
/// Values and steps of the queue's, which says who may touch what when: a page is written under its lock, and read without it once it
/// has been taken from the producers.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "channel/completions.hpp"

namespace mempool {

/// What waits, as the batch thread sees it.
struct Transaction {
    std::uint64_t id;
    std::string_view data;
    Claim claim = {};
};

/// A transaction of more bytes is kept as the string that it came in; up to this many are copied, which is cheaper than their memory.
inline constexpr std::size_t copied_max_bytes = 256;

struct Page {
    static constexpr std::size_t bytes = 16 * 1024 - 24;

    Page *next = nullptr;
    std::uint32_t used = 0;
    bool strings = false;  // some record holds a string
    alignas(8) std::array<std::byte, bytes> room;

    void clear() noexcept {
        used = 0;
        strings = false;
    }
};

/// Pages one behind the other. Owns them, not what is written in them.
class Chain {
public:
    Chain() = default;
    Chain(Chain &&other) noexcept
        : first_(std::exchange(other.first_, nullptr)), last_(std::exchange(other.last_, nullptr)) {}
    Chain &operator=(Chain &&) = delete;
    void swap(Chain &other) noexcept {
        std::swap(first_, other.first_);
        std::swap(last_, other.last_);
    }
    ~Chain();

    Page *first() const { return first_; }
    Page *last() const { return last_; }
    bool empty() const { return first_ == nullptr; }
    void append(Page *page) noexcept;
    void append(Chain &&chain) noexcept;
    Page *take_first() noexcept;

private:
    Page *first_ = nullptr;
    Page *last_ = nullptr;
};

/// What stands before each record.
struct RecordHead {
    std::uint32_t size;    // of the data
    std::uint16_t length;  // of the record, head included
    bool claimed;
    bool is_string;
};
static_assert(sizeof(RecordHead) == 8 && sizeof(Claim) % 8 == 0 && sizeof(std::string) % 8 == 0,
              "records stay aligned");

/// What a transaction of `size` bytes takes in a page.
inline std::size_t record_bytes(std::size_t size, bool claimed) {
    const std::size_t data = size > copied_max_bytes ? sizeof(std::string) : (size + 7) / 8 * 8;
    return sizeof(RecordHead) + (claimed ? sizeof(Claim) : 0) + data;
}

/// Begins a record behind the others; the page has room for it. Gives the place of its data.
inline std::byte *begin_record(Page &page, std::size_t size, const Claim &claim) noexcept {
    const bool claimed = claim.completions != nullptr;
    const std::size_t length = record_bytes(size, claimed);
    assert(page.used + length <= Page::bytes);
    std::byte *place = page.room.data() + page.used;
    // The page comes back from the consumer's core: its lines are asked for ahead, as unlocking waits for what was written.
    __builtin_prefetch(place + 4 * 64, 1);
    new (place) RecordHead{static_cast<std::uint32_t>(size), static_cast<std::uint16_t>(length), claimed,
                           size > copied_max_bytes};
    place += sizeof(RecordHead);
    if (claimed) {
        new (place) Claim(claim);
        place += sizeof(Claim);
    }
    page.used += static_cast<std::uint32_t>(length);
    return place;
}

/// Writes one that is not long.
inline void write_record(Page &page, std::string_view data, const Claim &claim) noexcept {
    assert(data.size() <= copied_max_bytes);
    std::memcpy(begin_record(page, data.size(), claim), data.data(), data.size());
}
/// The same for any: the string is moved from where it is long.
void write_record(Page &page, std::string &data, const Claim &claim) noexcept;

/// Reads the record at `at` and moves `at` behind it. Its data stays where it is, its claim is moved out: once for each.
Transaction read_record(Page &page, std::size_t &at, std::uint64_t id) noexcept;
/// Ends the strings of records that were read: those in [from, to).
void end_strings(Page &page, std::size_t from, std::size_t to) noexcept;
/// Ends all that is in records that nobody has read: from `from` on.
void end_records(Page &page, std::size_t from) noexcept;

}  // namespace mempool
