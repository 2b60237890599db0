// SPDX-License-Identifier: MIT
/// Who may ask (docs/spec/wire.md): the Host and the Origin of a request against the place where it came in and the options `hosts` and
/// `origins`. A browser lends its user's network to every page it shows; these two headers are how it says for whom. A value, made at the
/// start of the pool; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/authority.hpp"
#include "http/reach.hpp"
#include "http/reply.hpp"
#include "http/request.hpp"

namespace mempool::http {

class WhoMayAsk {
public:
    /// As the option table has checked them. prefix: before every route.
    WhoMayAsk(std::string_view origins, std::string_view hosts, std::string_view prefix);

    struct Admission {
        std::optional<Reply> refusal;  // 403
        std::string headers;           // what every answer to this request says besides: CORS for a foreign origin
    };
    /// To be asked when the header is there, before the body is read. The request's Host is valid: the gate saw to it.
    /// reach: of the place where it came in.
    Admission admit(const Request &request, Reach reach) const;

private:
    bool host_may(std::string_view host) const;
    bool origin_may(const Origin &origin, Reach reach) const;

    std::vector<std::string> origins_;
    std::vector<std::string> hosts_;
    std::string prefix_;
};

/// The answer to `OPTIONS *` and to a browser's preflight; none where it is neither.
std::optional<Reply> answer_options(const Request &request);

}  // namespace mempool::http
