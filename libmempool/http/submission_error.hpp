// SPDX-License-Identifier: MIT
/// Why a transaction was not queued, in the contract's word (docs/spec/wire.md, POST /tx): the same over HTTP and over the WebSocket.
#pragma once

#include <string_view>

#include "base/status.hpp"

namespace mempool::http {

struct SubmissionError {
    unsigned status;  // of the answer over HTTP
    std::string_view word;
    bool is_for_now;  // the same may be tried again
};

/// code: what Idempotency::submit() gave, not ok.
constexpr SubmissionError submission_error(Code code) {
    switch (code) {
        case Code::invalid:
            return {400, "empty", false};
        case Code::too_large:
            return {413, "too_large", false};
        case Code::conflict:
            return {422, "key_conflict", false};
        case Code::full:
            return {503, "full", true};
        case Code::closed:
        case Code::state:
            return {503, "draining", true};
        default:
            return {500, "internal", false};
    }
}

}  // namespace mempool::http
