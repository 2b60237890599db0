// SPDX-License-Identifier: MIT
#include "base/status.hpp"

#include <array>

namespace mempool {
namespace {

struct Row {
    const char *name;
    const char *text;
};

constexpr std::array<Row, 21> rows{{
    {"MEMPOOL_OK", "done"},
    {"MEMPOOL_INVALID", "an argument or option is out of its range"},
    {"MEMPOOL_STATE", "not now: the pool is not started yet, or was started before"},
    {"MEMPOOL_FULL", "the queue has no room; wait, or raise queue_capacity or queue_bytes"},
    {"MEMPOOL_TIMEOUT", "the time was up; nothing is lost, call again"},
    {"MEMPOOL_CLOSED", "the pool is draining or stopped"},
    {"MEMPOOL_LAGGED", "the listener fell behind and missed events"},
    {"MEMPOOL_RESET", "the topic's history was not continued"},
    {"MEMPOOL_REENTRANT", "called from a callback that the call would have to wait for"},
    {"MEMPOOL_FORKED", "the pool belongs to the parent process; open one of your own"},
    {"MEMPOOL_ADDRESS_IN_USE", "somebody else listens on that address"},
    {"MEMPOOL_TOO_LARGE", "beyond the size that the options allow"},
    {"MEMPOOL_CONFLICT", "the idempotency key stands for another body"},
    {"MEMPOOL_NOT_FOUND", "there is none of that name or id"},
    {"MEMPOOL_GONE", "no longer kept; raise outcomes_capacity to keep more"},
    {"MEMPOOL_LOCKED", "another process has it open"},
    {"MEMPOOL_READ_ONLY", "the store does not take writes any more"},
    {"MEMPOOL_NO_MEMORY", "the memory could not be had"},
    {"MEMPOOL_UNSUPPORTED", "this build lacks the feature"},
    {"MEMPOOL_SYSTEM", "the operating system refused"},
    {"MEMPOOL_INTERNAL", "a mistake of the library's own; please report it"},
}};
static_assert(rows.size() == static_cast<std::size_t>(Code::internal) + 1);

}  // namespace

const std::string &Status::detail() const noexcept {
    static const std::string none;
    return detail_ ? *detail_ : none;
}

const char *code_name(std::int32_t code) noexcept {
    return code >= 0 && static_cast<std::size_t>(code) < rows.size() ? rows[static_cast<std::size_t>(code)].name
                                                                     : "MEMPOOL_UNKNOWN";
}

const char *code_text(std::int32_t code) noexcept {
    return code >= 0 && static_cast<std::size_t>(code) < rows.size() ? rows[static_cast<std::size_t>(code)].text
                                                                     : "a number that is no status";
}

}  // namespace mempool
