// SPDX-License-Identifier: MIT
/// An event as the wire bytes of one format. Pure functions; the caller owns the string.
#pragma once

#include <string>

#include "channel/event.hpp"

namespace mempool {

/// Appends the frame that a text client reads (docs/spec/wire.md, Text): a message goes as it is, binary as a binary frame.
void append_text_frame(std::string &out, const Event &event);

}  // namespace mempool
