// SPDX-License-Identifier: MIT
/// What a call has to say: a code and, where it failed, one sentence for people. A value, to be moved; any thread. What is ok costs two
/// words, as every submission makes some.
/// The codes are those of capi/mempool.h, number for number (capi/mempool.cpp asserts it).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace mempool {

enum class Code : std::int32_t {
    ok = 0,
    invalid = 1,
    state = 2,
    full = 3,
    timeout = 4,
    closed = 5,
    lagged = 6,
    reset = 7,
    reentrant = 8,
    forked = 9,
    address_in_use = 10,
    too_large = 11,
    conflict = 12,
    not_found = 13,
    gone = 14,
    locked = 15,
    read_only = 16,
    no_memory = 17,
    unsupported = 18,
    system = 19,
    internal = 20,
};

/// "MEMPOOL_FULL"; "MEMPOOL_UNKNOWN" for a number that is no code. Static.
const char *code_name(std::int32_t code) noexcept;
/// One general sentence about a code. Static.
const char *code_text(std::int32_t code) noexcept;

class [[nodiscard]] Status {
public:
    Status() noexcept = default;
    Status(Code code, std::string detail)
        : code_(code), detail_(detail.empty() ? nullptr : std::make_unique<const std::string>(std::move(detail))) {}

    Code code() const noexcept { return code_; }
    bool ok() const noexcept { return code_ == Code::ok; }
    const std::string &detail() const noexcept;

private:
    Code code_ = Code::ok;
    std::unique_ptr<const std::string> detail_;  // nullptr: none
};

}  // namespace mempool
