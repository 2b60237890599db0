// SPDX-License-Identifier: MIT
#include "channel/event.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

using namespace mempool;

TEST(Event, a_message_is_a_copy_with_a_nul_behind_it) {
    for (const std::size_t size : {0U, 1U, 15U, 64U, 70'000U}) {
        std::string source(size, 'x');
        const EventPtr event = make_message(17, source, size % 2 == 1);
        const std::string wanted = source;
        source.assign(size, 'y');
        const auto *message = std::get_if<Message>(&event->body);
        ASSERT_NE(message, nullptr);
        EXPECT_EQ(message->payload, wanted);
        EXPECT_EQ(message->payload.data()[size], '\0');
        EXPECT_EQ(message->binary, size % 2 == 1);
        EXPECT_EQ(event->time_us, 17);
        EXPECT_EQ(payload_bytes(*event), size);
        EXPECT_EQ(event_text(*event), wanted);
    }
}

TEST(Event, a_message_lives_as_long_as_somebody_has_it) {
    EventPtr event = make_message(0, "news", false);
    const EventPtr other = event;
    const std::weak_ptr<const Event> watched = event;
    event.reset();
    EXPECT_EQ(std::get<Message>(other->body).payload, "news");
    EXPECT_FALSE(watched.expired());
}
