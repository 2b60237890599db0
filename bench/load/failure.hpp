// SPDX-License-Identifier: MIT
/// What ends a run: a server that did not do what it must. The text names client, expected and got.
#pragma once

#include <stdexcept>

namespace bench {

struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace bench
