// SPDX-License-Identifier: MIT
#include "channel/pages.hpp"

#include <cassert>
#include <cstring>
#include <memory>
#include <new>

namespace mempool {
namespace {

struct Head {
    std::uint32_t size;    // of the data
    std::uint16_t length;  // of the record, head included
    bool claimed;
    bool is_string;
};
static_assert(sizeof(Head) == 8 && sizeof(Claim) % 8 == 0 && sizeof(std::string) % 8 == 0, "records stay aligned");

bool is_long(std::size_t size) {
    return size > copied_max_bytes;
}

template <class Type>
Type &at_place(std::byte *place) {
    return *std::launder(reinterpret_cast<Type *>(place));
}

/// Writes the head and the claim; gives the place of the data.
std::byte *begin_record(Page &page, std::size_t size, const Claim &claim) noexcept {
    const bool claimed = claim.completions != nullptr;
    const std::size_t length = record_bytes(size, claimed);
    assert(page.used + length <= Page::bytes);
    std::byte *place = page.room.data() + page.used;
    new (place) Head{static_cast<std::uint32_t>(size), static_cast<std::uint16_t>(length), claimed, is_long(size)};
    place += sizeof(Head);
    if (claimed) {
        new (place) Claim(claim);
        place += sizeof(Claim);
    }
    page.used += static_cast<std::uint32_t>(length);
    ++page.records;
    return place;
}

}  // namespace

Chain::~Chain() {
    while (!empty()) delete take_first();
}

void Chain::append(Page *page) noexcept {
    page->next = nullptr;
    (last_ != nullptr ? last_->next : first_) = page;
    last_ = page;
}

void Chain::append(Chain &&chain) noexcept {
    if (chain.empty()) return;
    (last_ != nullptr ? last_->next : first_) = chain.first_;
    last_ = chain.last_;
    chain.first_ = chain.last_ = nullptr;
}

Page *Chain::take_first() noexcept {
    assert(!empty());
    Page *page = first_;
    first_ = page->next;
    if (first_ == nullptr) last_ = nullptr;
    return page;
}

std::size_t record_bytes(std::size_t size, bool claimed) {
    const std::size_t data = is_long(size) ? sizeof(std::string) : (size + 7) / 8 * 8;
    return sizeof(Head) + (claimed ? sizeof(Claim) : 0) + data;
}

void write_record(Page &page, std::string_view data, const Claim &claim) noexcept {
    assert(!is_long(data.size()));
    std::memcpy(begin_record(page, data.size(), claim), data.data(), data.size());
}

void write_record(Page &page, std::string &data, const Claim &claim) noexcept {
    if (!is_long(data.size())) return write_record(page, std::string_view(data), claim);
    new (begin_record(page, data.size(), claim)) std::string(std::move(data));
    page.strings = true;
}

Transaction read_record(Page &page, std::size_t &at, std::uint64_t id) noexcept {
    assert(at < page.used);
    std::byte *place = page.room.data() + at;
    const Head head = at_place<Head>(place);
    at += head.length;
    place += sizeof(Head);
    Transaction read{id, {}, {}};
    if (head.claimed) {
        Claim &claim = at_place<Claim>(place);
        read.claim = std::move(claim);
        std::destroy_at(&claim);
        place += sizeof(Claim);
    }
    read.data = head.is_string ? std::string_view(at_place<std::string>(place))
                               : std::string_view(reinterpret_cast<const char *>(place), head.size);
    return read;
}

void end_strings(Page &page, std::size_t from, std::size_t to) noexcept {
    if (!page.strings) return;
    while (from < to) {
        std::byte *place = page.room.data() + from;
        const Head head = at_place<Head>(place);
        from += head.length;
        if (head.is_string) std::destroy_at(&at_place<std::string>(place + head.length - sizeof(std::string)));
    }
}

void end_records(Page &page, std::size_t from) noexcept {
    while (from < page.used) {
        const std::size_t began = from;
        read_record(page, from, 0);
        end_strings(page, began, from);
    }
}

}  // namespace mempool
