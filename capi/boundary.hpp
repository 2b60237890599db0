// SPDX-License-Identifier: MIT
/// The boundary of the C ABI, for capi/mempool.cpp alone: exceptions become statuses, structs grow without breaking older callers.
/// Any thread; the detail of the last failure is each thread's own.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <system_error>

#include "handles.hpp"

using core::Code;
using core::Status;

namespace boundary {

inline thread_local std::string last_detail;

inline mempool_status say(const Status &status) noexcept {
    if (!status.ok()) {
        try {
            last_detail = status.detail();
        } catch (...) {
            last_detail.clear();
        }
    }
    return static_cast<mempool_status>(status.code());
}

/// Runs one call; what it throws becomes a status.
template <class Call>
mempool_status guard(Call call) noexcept {
    try {
        return say(call());
    } catch (const std::bad_alloc &) {
        last_detail.clear();
        return MEMPOOL_NO_MEMORY;
    } catch (const std::system_error &error) {
        try {
            last_detail = error.what();
        } catch (...) {
            last_detail.clear();
        }
        return MEMPOOL_SYSTEM;
    } catch (const std::exception &error) {
        try {
            last_detail = std::string("please report this: ") + error.what();
        } catch (...) {
            last_detail.clear();
        }
        return MEMPOOL_INTERNAL;
    } catch (...) {
        last_detail.clear();
        return MEMPOOL_INTERNAL;
    }
}

/// A call that a signal handler may make: no sentence, as that takes memory; what the last failed call had to say stays.
template <class Call>
mempool_status in_signal_handler(const mempool_handle *handle, Call call) noexcept {
    if (handle == nullptr) return MEMPOOL_INVALID;
    if (handle->pool->forked()) return MEMPOOL_FORKED;
    call(*handle->pool);
    return MEMPOOL_OK;
}

inline Status null(const char *what) {
    return {Code::invalid, std::string(what) + " is NULL"};
}

/// The same for a call on a pool: not NULL, not the parent's.
template <class Call>
mempool_status with_pool(const mempool_handle *handle, Call call) noexcept {
    return guard([&]() -> Status {
        if (handle == nullptr) return null("pool");
        if (handle->pool->forked())
            return {Code::forked, "the pool was opened by the parent process; open one of your own in the child"};
        return call(*handle->pool);
    });
}

/// The same for a call on what was opened on a pool: a receiver, a completion queue.
template <class Opened, class Call>
mempool_status with_opened(const Opened *opened, const char *what, Call call) noexcept {
    return guard([&]() -> Status {
        if (opened == nullptr) return null(what);
        if (opened->pool->forked())
            return {Code::forked, std::string("the ") + what +
                                      " belongs to the parent process; open a pool of your own in the child"};
        return call();
    });
}

/// Fills a view as far as the caller's header knows it.
template <class View>
Status fill(View *out, const char *what, View full) {
    if (out == nullptr) return null(what);
    if (out->struct_size < sizeof out->struct_size + 1)
        return {Code::invalid,
                std::string(what) + "->struct_size is " + std::to_string(out->struct_size) + "; set it to sizeof"};
    full.struct_size = out->struct_size;
    std::memcpy(out, &full, std::min<std::size_t>(out->struct_size, sizeof full));
    return {};
}

/// Takes over an options struct: what an older caller does not know is 0, what a newer one sets and we do not know is refused.
template <class Given>
Status take(const Given *given, Given &taken) {
    taken = {};
    if (given == nullptr) return {};
    if (given->struct_size < sizeof given->struct_size + 1)
        return {Code::invalid, "options->struct_size is " + std::to_string(given->struct_size) + "; set it to sizeof"};
    const std::size_t known = std::min<std::size_t>(given->struct_size, sizeof taken);
    std::memcpy(&taken, given, known);
    const char *bytes = reinterpret_cast<const char *>(given);
    if (std::any_of(bytes + known, bytes + given->struct_size, [](char byte) { return byte != 0; }))
        return {Code::unsupported, "options sets a field that this version of the library does not know"};
    return {};
}

}  // namespace boundary
