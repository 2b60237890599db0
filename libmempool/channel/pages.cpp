// SPDX-License-Identifier: MIT
#include "channel/pages.hpp"

#include <cassert>
#include <memory>

namespace mempool {
namespace {

template <class Type>
Type &at_place(std::byte *place) {
    return *std::launder(reinterpret_cast<Type *>(place));
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

void write_record(Page &page, std::string &data, const Claim &claim) noexcept {
    if (data.size() <= copied_max_bytes) return write_record(page, std::string_view(data), claim);
    new (begin_record(page, data.size(), claim)) std::string(std::move(data));
    page.strings = true;
}

Transaction read_record(Page &page, std::size_t &at, std::uint64_t id) noexcept {
    assert(at < page.used);
    std::byte *place = page.room.data() + at;
    const RecordHead head = at_place<RecordHead>(place);
    at += head.length;
    place += sizeof(RecordHead);
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
        const RecordHead head = at_place<RecordHead>(place);
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
