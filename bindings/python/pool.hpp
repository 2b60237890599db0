// SPDX-License-Identifier: MIT
/// mempool._core.Config, Pool and Receiver: the C ABI as Python objects, no manners yet (those are python/mempool).
/// Python owns them; any thread. The GIL is released in every call that may block or lock.
#pragma once

#include "gil.hpp"

namespace binding {

void add_config(py::module_ &module);
void add_pool(py::module_ &module);

}  // namespace binding
