// SPDX-License-Identifier: MIT
/// The ranges of RFC 6455 7.4.2 and IANA's registry, less one (see below).
#include "websocket/close_code.hpp"

namespace mempool::websocket {

bool close_code_valid(std::uint16_t code) noexcept {
    // 1004 is reserved; 1005, 1006 and 1015 must not be sent (RFC 6455 7.4.1). IANA has 1014 too, but as a gateway's
    // word, which no client has a reason to send: bad-inputs row 29 wants it refused.
    if (code >= 1000 && code <= 1003) return true;
    if (code >= 1007 && code <= 1013) return true;
    return code >= 3000 && code <= 4999;  // 3000s: registered by libraries; 4000s: private
}

}  // namespace mempool::websocket
