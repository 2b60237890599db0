// SPDX-License-Identifier: MIT
/// The load generator: the clients of one server, in one thread. Commands on standard input, one answer a line on standard output;
/// README.md has the list. What a server does wrong is said as `failed: ...`, and ends this program with status 1.
///
///     load [--spin]      --spin: while an answer is due it looks instead of sleeping, so that no send() of the server pays for waking it
///
/// It ends when standard input does.
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#include "load/failure.hpp"
#include "load/listener.hpp"
#include "load/poster.hpp"

namespace bench {
namespace {

using std::chrono::duration_cast;
using std::chrono::nanoseconds;
using Clock = std::chrono::steady_clock;
constexpr auto patience = std::chrono::seconds(30);

class Load {
public:
    explicit Load(bool spin) : spin_(spin) { clients_.watch(STDIN_FILENO); }

    void run() {
        for (;;) {
            if (!clients_.turn(flooded_ && spin_ ? 0 : -1)) continue;
            std::array<char, 4096> buffer;
            const ssize_t got = read(STDIN_FILENO, buffer.data(), buffer.size());
            if (got <= 0) return;
            said_.append(buffer.data(), static_cast<std::size_t>(got));
            for (std::size_t end; (end = said_.find('\n')) != std::string::npos;) {
                std::istringstream words(said_.substr(0, end));
                said_.erase(0, end + 1);
                const std::string answer = obey(words);
                std::printf("%s\n", answer.c_str());
                std::fflush(stdout);
            }
        }
    }

private:
    std::string obey(std::istringstream &words) {
        std::string command;
        words >> command;
        const auto next = [&] {
            std::uint64_t value = 0;
            words >> value;
            return value;
        };
        if (command == "connect") {
            const std::uint64_t count = next();
            const auto port = static_cast<int>(next());
            std::string extension;
            words >> extension;
            clients_.connect(count, port, extension == "deflate");
            return "connected " + std::to_string(clients_.size());
        }
        if (command == "close") return clients_.close(), "closed";
        if (command == "begin") {
            const std::uint64_t size = next();
            clients_.begin(size, next());
            std::string how;
            words >> how;
            flooded_ = how == "flood";
            return "begun";
        }
        if (command == "await") return await(next());
        if (command == "end") {
            clients_.end(next());
            return "ended " + std::to_string(clients_.delivered()) + " " + std::to_string(clients_.lagged());
        }
        if (command == "stall") {
            const std::uint64_t count = next();
            clients_.stall(count);
            return "stalled " + std::to_string(count);
        }
        if (command == "post") {
            const std::uint64_t connections = next(), count = next(), size = next(), depth = next();
            return post(connections, count, size, depth, static_cast<int>(next()));
        }
        if (command == "latency") {
            const std::uint64_t rate = next(), count = next(), tick_ms = next();
            return latency(rate, count, std::chrono::milliseconds(tick_ms), static_cast<int>(next()));
        }
        throw Failure("unknown command '" + command + "'");
    }

    /// Turns until `done`, as long as something moves.
    template <class Done, class Moves, class What>
    void until(Done done, Moves moves, What what, int sleep_ms = 100) {
        auto last = moves();
        Clock::time_point since = Clock::now();
        for (unsigned turns = 1; !done(); ++turns) {
            clients_.turn(spin_ ? 0 : sleep_ms);
            if (spin_ && turns % 1024 != 0) continue;
            if (const auto now = moves(); now != last) {
                last = now;
                since = Clock::now();
            } else if (Clock::now() - since > patience) {
                throw Failure(what() + ", got nothing for 30 s");
            }
        }
    }

    std::string await(std::uint64_t number) {
        flooded_ = false;
        clients_.watch(-1);  // the driver waits for this answer
        clients_.await(number);
        until([&] { return clients_.behind() == 0; }, [&] { return clients_.bytes(); },
              [&] { return clients_.laggard(number); });
        clients_.watch(STDIN_FILENO);
        return "all " + std::to_string(number);
    }

    /// Answers per server, not per second: how long it took is said, but what counts is the CPU time that the driver reads.
    std::string post(std::size_t connections, std::uint64_t count, std::size_t size, std::size_t depth, int port) {
        std::vector<Poster> posters;
        const int poller = epoll_create1(EPOLL_CLOEXEC);
        for (std::size_t index = 0; index < connections; ++index) {
            posters.emplace_back(port, size);
            epoll_event interest{};
            interest.events = EPOLLIN;
            interest.data.u64 = index;
            epoll_ctl(poller, EPOLL_CTL_ADD, posters.back().socket(), &interest);
        }
        const Clock::time_point start = Clock::now();
        Clock::time_point last = start;
        std::uint64_t sent = 0, answered = 0;
        const auto send = [&](Poster &poster) {
            const std::uint64_t more = std::min<std::uint64_t>(depth, count - sent);
            if (more > 0) poster.post(more);
            sent += more;
        };
        for (Poster &poster : posters) send(poster);
        while (answered < count) {
            std::array<epoll_event, 64> ready;
            const int some = epoll_wait(poller, ready.data(), ready.size(), spin_ ? 0 : 100);
            for (int at = 0; at < some; ++at) {
                Poster &poster = posters[ready[static_cast<std::size_t>(at)].data.u64];
                answered += poster.answers();
                if (poster.outstanding() == 0) send(poster);
            }
            if (some > 0)
                last = Clock::now();
            else if (Clock::now() - last > patience)
                throw Failure("POST /tx: expected " + std::to_string(count) + " answers, got " +
                              std::to_string(answered) + " and then nothing for 30 s");
        }
        ::close(poller);
        return "posted " + std::to_string(answered) + " " +
               std::to_string(duration_cast<nanoseconds>(Clock::now() - start).count());
    }

    /// From the send of a batch's first transaction to each client's having read the batch, less the tick. The others of a batch
    /// came within its tick, and are not counted.
    std::string latency(std::uint64_t rate, std::uint64_t count, nanoseconds tick, int port) {
        Poster poster(port, 32);
        std::vector<Clock::time_point> sent(count + 1);
        std::vector<std::int64_t> samples;
        samples.reserve(count * clients_.size());
        clients_.begin(0, 1);
        std::uint64_t farthest = 1;
        clients_.moved = [&](Clock::time_point now, std::uint64_t from, std::uint64_t to) {
            if (to > count + 1)
                throw Failure("expected " + std::to_string(count) + " transactions in all batches, got more");
            samples.push_back((now - sent[from] - tick).count());
            farthest = std::max(farthest, to);
        };
        const nanoseconds period(1000000000 / std::max<std::uint64_t>(rate, 1));
        Clock::time_point due = Clock::now();
        std::uint64_t number = 0;
        std::uint32_t dice = 12345;  // half to one and a half periods, so that no two clocks run in step
        clients_.await(count);
        until(
            [&] {
                if (number < count && Clock::now() >= due) {
                    sent[++number] = Clock::now();
                    poster.post(1);
                    dice = dice * 1664525 + 1013904223;
                    due += period / 2 + period * (dice >> 16) / 65536;
                }
                poster.answers();
                return clients_.behind() == 0 && number == count;
            },
            [&] { return clients_.bytes() + number; }, [&] { return clients_.laggard(count); }, 1);
        clients_.moved = nullptr;
        const std::uint64_t lagged = clients_.lagged();
        if (lagged > 0) throw Failure("expected every batch, got lagged " + std::to_string(lagged));
        std::sort(samples.begin(), samples.end());
        const auto at = [&](double part) {
            const auto index = static_cast<std::size_t>(part * static_cast<double>(samples.size()));
            return " " + std::to_string(samples[std::min(index, samples.size() - 1)]);
        };
        return "latency " + std::to_string(samples.size()) + at(0.5) + at(0.99) + at(0.999) + at(1);
    }

    bool spin_;
    bool flooded_ = false;  // events come at any time: look
    std::string said_;
    Listeners clients_;
};

}  // namespace
}  // namespace bench

int main(int argc, char **argv) {
    try {
        bench::Load(argc > 1 && std::strcmp(argv[1], "--spin") == 0).run();
    } catch (const std::exception &error) {
        std::printf("failed: %s\n", error.what());
        return 1;
    }
}
