// SPDX-License-Identifier: MIT
#include "base/base64.hpp"

#include <boost/beast/core/detail/base64.hpp>

namespace mempool {

std::string base64(std::string_view bytes) {
    std::string text(boost::beast::detail::base64::encoded_size(bytes.size()), '\0');
    text.resize(boost::beast::detail::base64::encode(text.data(), bytes.data(), bytes.size()));
    return text;
}

}  // namespace mempool
