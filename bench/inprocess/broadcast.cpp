// SPDX-License-Identifier: MIT
/// What one event costs on the ring itself, below the C ABI: to append it, and for each of 1 and 16 receivers to hear it, all on one
/// thread. Two kinds of event: made for each append (a message of 64 bytes, its memory had and given back within the measure), and one
/// that exists already, of which only the reference is appended (tokio/: an Arc<[u8]> made or cloned).
///
/// Each receiver must hear each event, in order: the offset and the event are compared.

#include <array>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "channel/receiver.hpp"
#include "channel/ring.hpp"
#include "figure.hpp"

using namespace mempool;

namespace {

constexpr std::size_t event_bytes = 64;
constexpr std::size_t burst = 512;  // events appended, then heard, at a time

EventPtr message() {
    static constexpr std::array<char, event_bytes> payload{};
    return make_message(0, {payload.data(), payload.size()}, false);
}

void measure(std::size_t receivers, bool made, std::uint64_t events) {
    Ring ring(1024, 64 << 20, "e");
    std::vector<std::unique_ptr<Receiver>> all;
    for (std::size_t count = 0; count < receivers; ++count) all.push_back(std::make_unique<Receiver>(ring));
    const EventPtr same = message();
    std::uint64_t append_ns = 0;
    std::uint64_t receive_ns = 0;
    std::uint64_t heard = 0;
    std::uint64_t last = 0;
    for (std::uint64_t done = 0; done < events + 1024; done += burst) {
        const bool counts = done >= 1024;  // the ring is full from here on: each append overwrites one
        const std::uint64_t began = figure::thread_cpu_ns();
        for (std::size_t count = 0; count < burst; ++count) ring.append(made ? message() : same);
        const std::uint64_t appended = figure::thread_cpu_ns();
        for (const auto &receiver : all) {
            for (std::size_t count = 1; count <= burst; ++count) {
                const Heard now = receiver->next(never);
                if (now.kind != Heard::Kind::event || now.offset.value != last + count || (!made && now.event != same))
                    figure::wrong("an event");
            }
        }
        const std::uint64_t received = figure::thread_cpu_ns();
        last += burst;
        heard += burst * receivers;
        if (!counts) continue;
        append_ns += appended - began;
        receive_ns += received - appended;
    }
    const std::string params =
        "\"receivers\": " + std::to_string(receivers) + ", \"event\": " + (made ? "\"made\"" : "\"same\"");
    const auto each = static_cast<double>(events);
    figure::print("broadcast_append", params, static_cast<double>(append_ns) / each, last);
    figure::print("broadcast_receive", params,
                  static_cast<double>(receive_ns) / (each * static_cast<double>(receivers)), heard);
}

}  // namespace

int main(int argc, char **argv) {
    std::thread([] {
    }).join();  // from now on libstdc++ counts owners by atomic steps, as it does in every process that has a pool
    for (const bool made : {true, false})
        for (const std::size_t receivers : {1, 16}) {
            const std::uint64_t events = figure::share(argc, argv, 12'800'000 / (receivers + 3));
            measure(receivers, made, events - events % burst);
        }
}
