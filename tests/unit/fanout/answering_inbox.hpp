// SPDX-License-Identifier: MIT
/// An inbox that answers a JSON client with its own words, and knows to whom it did. One thread.
#pragma once

#include <boost/json.hpp>
#include <new>
#include <string>
#include <vector>

#include "fanout/inbox.hpp"
#include "websocket/frame_writer.hpp"

namespace mempool::test {

inline void append_answer(std::string &out, std::string_view of) {
    const boost::json::object said{{"type", "answer"}, {"of", of}};
    websocket::append_frame(out, websocket::Opcode::text, boost::json::serialize(said));
}

class AnsweringInbox final : public Inbox {
public:
    bool message(const Speaker &who, const Said &said, std::string &answers) override {
        if (said.payload == "no memory") throw std::bad_alloc();
        if (!is_json(said.format) || said.binary) return false;
        gone.reserve(speakers.size() + 1);  // for left(), which can take none
        speakers.push_back(who);
        append_answer(answers, said.payload);
        return true;
    }

    void left(const Speaker &who) noexcept override {
        if (gone.size() < gone.capacity()) gone.push_back(who);
    }

    std::vector<Speaker> speakers;  // whom it answered, in that order
    std::vector<Speaker> gone;      // who has left of those who said something
};

}  // namespace mempool::test
