// SPDX-License-Identifier: MIT
#include "fanout/render.hpp"

#include "websocket/frame_writer.hpp"

namespace mempool {

void append_text_frame(std::string &out, const Event &event) {
    using websocket::Opcode;
    if (const auto *message = std::get_if<Message>(&event.body))
        websocket::append_frame(out, message->binary ? Opcode::binary : Opcode::text, message->payload);
    else
        websocket::append_frame(out, Opcode::text, event_text(event));
}

}  // namespace mempool
