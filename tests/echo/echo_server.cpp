// SPDX-License-Identifier: MIT
/// The WebSocket side of a pool with another inbox: what a client says comes back to it as a frame of the same kind, compressed where that was
/// agreed on and makes it shorter. For test suites of RFC 6455 and 7692, which need an echo (tests/python/test_autobahn.py); the doors, the sessions, the shard and its audience are those that ship.
///
/// Prints the port on a line of its own once it listens on 127.0.0.1 (the path is /ws/mempool), serves until SIGTERM or the end of its
/// standard input, then closes its clients as a stopping pool does, and exits 0. It accepts no transactions.
///
/// Two threads: this one, which waits for the end; the network thread, which owns all that Echo and the shard touch.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "base/options.hpp"
#include "base/wake_fd.hpp"
#include "batch/idempotency.hpp"
#include "batch/intake.hpp"
#include "batch/outcomes.hpp"
#include "channel/queue.hpp"
#include "channel/ring.hpp"
#include "fanout/inbox.hpp"
#include "fanout/shard.hpp"
#include "http/connections.hpp"
#include "http/counts.hpp"
#include "http/listener.hpp"
#include "http/places.hpp"
#include "websocket/deflater.hpp"
#include "websocket/frame_writer.hpp"

using namespace mempool;

namespace {

class Echo final : public Inbox {
public:
    bool message(const Speaker &, const Said &said, std::string &answers) override {
        std::string frame;
        websocket::append_frame(frame, said.binary ? websocket::Opcode::binary : websocket::Opcode::text, said.payload);
        if (is_deflated(said.format)) deflater_.shorten(frame, 0);
        answers.append(frame);
        return true;
    }
    void left(const Speaker &) noexcept override {}

private:
    websocket::Deflater deflater_;
};

[[noreturn]] void give_up(const std::string &why) {
    std::fprintf(stderr, "echo_server: %s\n", why.c_str());
    std::exit(2);
}

/// The defaults of a pool, but for the port, compression, and messages of 16 MiB, the most that the option allows: Autobahn sends such.
Options options_of_an_echo() {
    Options options;
    for (const auto &[name, value] :
         {std::pair{"listen_port", 0}, std::pair{"deflate", 1}, std::pair{"message_max_bytes", 16 * 1024 * 1024}})
        if (const Status status = options.set_integer(name, value); !status.ok()) give_up(status.detail());
    return options;
}

/// Blocks until SIGTERM, which all threads have blocked, or until standard input is at its end.
void wait_for_the_end(int terminated) {
    std::array<char, 4096> ignored;
    std::array<pollfd, 2> watched{{{STDIN_FILENO, POLLIN, 0}, {terminated, POLLIN, 0}}};
    for (;;) {
        if (poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) give_up("poll failed");
        if (watched[1].revents != 0) return;
        if (watched[0].revents != 0 && read(STDIN_FILENO, ignored.data(), ignored.size()) <= 0) return;
    }
}

}  // namespace

int main() {
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigprocmask(SIG_BLOCK, &end, nullptr);
    const int terminated = signalfd(-1, &end, SFD_CLOEXEC);
    if (terminated < 0) give_up("signalfd failed");

    const Options options = options_of_an_echo();
    std::vector<http::ListenSocket> places;
    if (const Status status = http::listen_everywhere(options, places); !status.ok()) give_up(status.detail());
    const unsigned port = http::port_of(places);

    WakeFd bell;
    Log log(LogLevel::off, bell);
    Ring ring(options.size(Option::ring_capacity), options.size(Option::ring_bytes), "echo");
    Queue queue(1, options.size(Option::queue_bytes));
    Intake intake(queue, options.size(Option::tx_max_bytes), 1, options.size(Option::queue_bytes));
    intake.close();
    Idempotency idempotency(1);
    Outcomes outcomes(1);
    const std::atomic<bool> draining = false;

    const Liveness liveness{options.ms(Option::ping_interval_ms), options.ms(Option::pong_timeout_ms),
                            options.ms(Option::stall_timeout_ms)};
    const Audience::Limits audience{options.ms(Option::close_timeout_ms), liveness,
                                    options.size(Option::message_max_bytes), options.size(Option::lane_bytes)};
    Shard shard("mempool", ring, Shard::Limits{audience, options.size(Option::unsent_max_bytes)}, log);
    const http::Services services{
        intake,
        idempotency,
        outcomes,
        draining,
        false,
        false,
        "mempool",
        [] { return Observation{}; },
        http::WhoMayAsk("", "", ""),
        http::SlowRule(options.text(Option::slow_default), options.text(Option::slow_allowed)),
        "",
        options[Option::deflate] != 0};
    const http::Session::Limits limits{
        options.ms(Option::header_timeout_ms),    options.ms(Option::body_timeout_ms),
        options.ms(Option::keepalive_timeout_ms), options.ms(Option::close_timeout_ms),
        options.size(Option::tx_max_bytes),       options.size(Option::request_max_bytes),
        options.size(Option::request_max_bytes)};
    http::Counts counts;
    http::Connections connections(shard, services, limits, std::make_shared<http::Budget>(limits.requests_max_bytes),
                                  counts);
    http::Listener listener(shard, {&connections}, std::move(places),
                            http::Listener::Crowd{options.size(Option::max_connections), 0}, counts, log);
    Echo echo;
    shard.set_inbox(&echo);  // instead of the connections' own

    std::thread network([&] { shard.run(); });
    std::printf("%u\n", port);
    std::fflush(stdout);
    wait_for_the_end(terminated);
    ring.close();
    shard.drain();
    network.join();
    close(terminated);
    return 0;
}
