// SPDX-License-Identifier: MIT
#include "base/json.hpp"

#include <boost/json/src.hpp>

namespace mempool {

std::string json_string(std::string_view text) {
    return boost::json::serialize(boost::json::string_view(text.data(), text.size()));
}

}  // namespace mempool
