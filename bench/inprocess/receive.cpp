// SPDX-License-Identifier: MIT
/// The same event through the C ABI, as a host has it: mempool_publish of 64 bytes, and mempool_receiver_next with mempool_event_free for
/// each of 1 and 16 receivers, all on one thread. Each receiver must hear each event, in order.

#include <mempool.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "figure.hpp"

namespace {

void must(mempool_status status, const char *what) {
    if (status != MEMPOOL_OK) figure::wrong(std::string(what) + ": " + mempool_error_detail());
}

void measure(std::size_t receivers, std::uint64_t events) {
    constexpr std::uint64_t burst = 512;
    mempool_config *config = nullptr;
    must(mempool_config_new(&config), "config");
    must(mempool_config_set_text(config, "listen_host", ""), "listen_host");
    mempool *pool = nullptr;
    must(mempool_open(config, &pool), "open");
    mempool_config_free(config);
    must(mempool_start(pool), "start");
    std::vector<mempool_receiver *> all(receivers);
    for (mempool_receiver *&each : all) must(mempool_subscribe(pool, nullptr, &each), "subscribe");

    const std::array<char, 64> payload = [] {
        std::array<char, 64> text{};
        text.fill('e');
        return text;
    }();
    std::uint64_t publish_ns = 0;
    std::uint64_t receive_ns = 0;
    std::uint64_t last = 0;
    for (std::uint64_t done = 0; done < events + 1024; done += burst) {
        const std::uint64_t began = figure::thread_cpu_ns();
        for (std::uint64_t count = 0; count < burst; ++count)
            must(mempool_publish(pool, payload.data(), payload.size(), nullptr, nullptr), "publish");
        const std::uint64_t published = figure::thread_cpu_ns();
        for (mempool_receiver *receiver : all) {
            for (std::uint64_t count = 1; count <= burst; ++count) {
                mempool_event *event = nullptr;
                must(mempool_receiver_next(receiver, 0, &event), "next");
                mempool_event_view view{};
                view.struct_size = sizeof view;
                must(mempool_event_read(event, &view), "read");
                if (view.offset != last + count || view.size != payload.size()) figure::wrong("an event");
                mempool_event_free(event);
            }
        }
        const std::uint64_t received = figure::thread_cpu_ns();
        last += burst;
        if (done < 1024) continue;  // the ring is full from here on
        publish_ns += published - began;
        receive_ns += received - published;
    }
    for (mempool_receiver *each : all) mempool_receiver_close(each);
    must(mempool_stop(pool, 10'000), "stop");
    mempool_release(pool);
    const std::string params = "\"receivers\": " + std::to_string(receivers);
    const auto each = static_cast<double>(events);
    figure::print("c_publish", params, static_cast<double>(publish_ns) / each, last);
    figure::print("c_receive", params, static_cast<double>(receive_ns) / (each * static_cast<double>(receivers)),
                  last * receivers);
}

}  // namespace

int main(int argc, char **argv) {
    for (const std::size_t receivers : {1, 16}) {
        const std::uint64_t events = figure::share(argc, argv, 6'400'000 / (receivers + 3));
        measure(receivers, events - events % 512);
    }
}
