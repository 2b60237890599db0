// SPDX-License-Identifier: MIT
/// The request as Boost.Beast parses it.
#pragma once

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <string_view>

namespace mempool::http {

using Request = boost::beast::http::request<boost::beast::http::string_body>;

/// The target without its query.
inline std::string_view path_of(std::string_view target) {
    return target.substr(0, target.find('?'));
}

}  // namespace mempool::http
