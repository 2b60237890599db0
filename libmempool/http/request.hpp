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

/// Whether it asks for the stream as Server-Sent Events.
inline bool asks_events(const Request &request) {
    return path_of({request.target().data(), request.target().size()}).starts_with("/events/");
}

}  // namespace mempool::http
