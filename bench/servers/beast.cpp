// SPDX-License-Identifier: MIT
/// A peer of the benchmark (bench/README.md): Boost.Beast (tried: Boost 1.90), as its users write a server of this kind; in structure
/// Beast's example websocket chat-multi.
///
/// Events: a session for each WebSocket with a queue of `shared_ptr<string const>`, of which one `async_write` at a time is under way;
/// all queues share one string. There is no channel between them: what a slow client does not take waits in its queue, without a limit.
/// Transactions: a deque, and a steady_timer for the batch.
/// Callbacks, `tcp_stream` and `flat_buffer` as in the examples. One io_context on one thread, so there are no strands, mutexes or posts,
/// which chat-multi needs for its many threads. A message is one frame without a copy (`auto_fragment(false)`); no permessage-deflate,
/// which is Beast's default (`--deflate` turns it on with Beast's own settings); TCP_NODELAY.
///
/// One thread, which owns everything here. It ends with standard input.
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using beast::error_code;
using Clock = std::chrono::steady_clock;
using Message = std::shared_ptr<const std::string>;
using Request = http::request<http::string_body>;

constexpr std::size_t body_max = 64 * 1024;
constexpr std::size_t queue_capacity = 65536;
constexpr std::size_t batch_max = 1024;
constexpr std::chrono::minutes idle_max{5};  // of a connection that speaks HTTP

struct Settings {
    bool deflate = false;
};

class WebSocketSession;

/// Who listens. A session joins when its handshake is done and leaves when it ends.
class Room {
public:
    void join(WebSocketSession *session) { sessions_.insert(session); }
    void leave(WebSocketSession *session) { sessions_.erase(session); }
    void send(std::string text);

private:
    std::unordered_set<WebSocketSession *> sessions_;
};

class WebSocketSession : public std::enable_shared_from_this<WebSocketSession> {
public:
    WebSocketSession(tcp::socket &&socket, Room &room) : stream_(std::move(socket)), room_(room) {}
    ~WebSocketSession() { room_.leave(this); }

    void run(const Request &request, const Settings &settings) {
        // No idle timeout: a listener has nothing to say.
        auto timeout = websocket::stream_base::timeout::suggested(beast::role_type::server);
        timeout.idle_timeout = websocket::stream_base::none();
        stream_.set_option(timeout);
        websocket::permessage_deflate deflate;
        deflate.server_enable = settings.deflate;
        stream_.set_option(deflate);
        stream_.auto_fragment(false);
        stream_.text(true);
        stream_.async_accept(request, beast::bind_front_handler(&WebSocketSession::on_accept, shared_from_this()));
    }

    void send(const Message &message) {
        queue_.push_back(message);
        if (queue_.size() == 1) write();
    }

private:
    void on_accept(error_code error) {
        if (error) return;
        room_.join(this);
        read();
    }

    void read() {
        stream_.async_read(buffer_, beast::bind_front_handler(&WebSocketSession::on_read, shared_from_this()));
    }

    /// What a client says is of no interest here; Beast answers its pings meanwhile.
    void on_read(error_code error, std::size_t) {
        if (error) return room_.leave(this);
        buffer_.consume(buffer_.size());
        read();
    }

    void write() {
        stream_.async_write(asio::buffer(*queue_.front()),
                            beast::bind_front_handler(&WebSocketSession::on_write, shared_from_this()));
    }

    void on_write(error_code error, std::size_t) {
        if (error) return room_.leave(this);
        queue_.pop_front();
        if (!queue_.empty()) write();
    }

    websocket::stream<beast::tcp_stream> stream_;
    Room &room_;
    beast::flat_buffer buffer_;
    std::deque<Message> queue_;  // its first is being written
};

void Room::send(std::string text) {
    const auto message = std::make_shared<const std::string>(std::move(text));
    for (WebSocketSession *session : sessions_) session->send(message);
}

struct Transaction {
    std::string body;
    Clock::time_point arrived;
};

/// The transactions, and the batch task that drains them: a tick begins `tick` after its first transaction arrived.
class Batcher {
public:
    Batcher(asio::io_context &context, Room &room, Clock::duration tick) : timer_(context), room_(room), tick_(tick) {}

    /// The transaction's id, or none when the queue is full.
    std::optional<std::uint64_t> push(std::string body) {
        if (queue_.size() == queue_capacity) return std::nullopt;
        queue_.push_back({std::move(body), Clock::now()});
        if (queue_.size() == 1) wait();
        return ++last_id_;
    }

private:
    void wait() {
        timer_.expires_at(queue_.front().arrived + tick_);
        timer_.async_wait([this](error_code error) {
            if (!error) run();
        });
    }

    void run() {
        const std::size_t taken = std::min(queue_.size(), batch_max);
        std::size_t applied = 0;
        for (std::size_t i = 0; i < taken; ++i) {
            applied += apply(queue_.front());
            queue_.pop_front();
        }
        room_.send("batch applied " + std::to_string(applied) + "/" + std::to_string(taken) + " txs");
        if (!queue_.empty()) wait();
    }

    /// What a host would do with a transaction. Here every one is good.
    static bool apply(const Transaction &transaction) { return transaction.body.size() <= body_max; }

    asio::steady_timer timer_;
    Room &room_;
    Clock::duration tick_;
    std::deque<Transaction> queue_;
    std::uint64_t last_id_ = 0;
};

/// A connection that speaks HTTP: one request at a time, until it asks for the WebSocket or ends.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
public:
    HttpSession(tcp::socket &&socket, Room &room, Batcher &batcher, const Settings &settings)
        : stream_(std::move(socket)), room_(room), batcher_(batcher), settings_(settings) {}

    void read() {
        parser_.emplace();
        parser_->body_limit(body_max);
        stream_.expires_after(idle_max);
        http::async_read(stream_, buffer_, *parser_,
                         beast::bind_front_handler(&HttpSession::on_read, shared_from_this()));
    }

private:
    void on_read(error_code error, std::size_t) {
        if (error == http::error::body_limit) {
            keep_alive_ = false;  // the rest of the body is unread
            return answer(http::status::payload_too_large, R"({"error":"too_large"})");
        }
        if (error) return;  // it has gone, or speaks no HTTP
        Request request = parser_->release();
        const beast::string_view target = request.target();
        if (websocket::is_upgrade(request) && target.substr(0, target.find('?')) == "/ws/mempool") {
            return std::make_shared<WebSocketSession>(stream_.release_socket(), room_)->run(request, settings_);
        }
        keep_alive_ = request.keep_alive();
        if (request.method() != http::verb::post || target != "/tx") {
            return answer(http::status::not_found, R"({"error":"not_found"})");
        }
        if (const auto id = batcher_.push(std::move(request.body()))) {
            answer(http::status::accepted,
                   R"({"id":")" + std::to_string(*id) + R"(","status":"pending","durability":"memory"})");
        } else {
            answer(http::status::service_unavailable, R"({"error":"full"})");
        }
    }

    void answer(http::status status, std::string body) {
        response_ = {};
        response_.result(status);
        response_.set(http::field::content_type, "application/json");
        response_.body() = std::move(body);
        response_.keep_alive(keep_alive_);
        response_.prepare_payload();
        http::async_write(stream_, response_, beast::bind_front_handler(&HttpSession::on_write, shared_from_this()));
    }

    void on_write(error_code error, std::size_t) {
        if (!error && keep_alive_) read();
    }

    beast::tcp_stream stream_;
    Room &room_;
    Batcher &batcher_;
    const Settings &settings_;
    beast::flat_buffer buffer_;  // may hold the requests after this one: pipelining
    std::optional<http::request_parser<http::string_body>> parser_;
    http::response<http::string_body> response_;
    bool keep_alive_ = false;
};

class Listener {
public:
    Listener(asio::io_context &context, Room &room, Batcher &batcher, const Settings &settings)
        : acceptor_(context, {asio::ip::address_v4::loopback(), 0}),
          room_(room),
          batcher_(batcher),
          settings_(settings) {
        std::cout << "listening " << acceptor_.local_endpoint().port() << std::endl;
        accept();
    }

private:
    void accept() {
        acceptor_.async_accept([this](error_code error, tcp::socket socket) {
            if (!error) {
                socket.set_option(tcp::no_delay(true), error);
                std::make_shared<HttpSession>(std::move(socket), room_, batcher_, settings_)->read();
            }
            accept();
        });
    }

    tcp::acceptor acceptor_;
    Room &room_;
    Batcher &batcher_;
    const Settings &settings_;
};

/// Event `number`: its number, and filler up to `size` bytes.
std::string event(std::uint64_t number, std::size_t size) {
    char head[32];
    const int length = std::snprintf(head, sizeof head, "e%012llu ", static_cast<unsigned long long>(number));
    std::string text(head, static_cast<std::size_t>(length));
    text.resize(size, static_cast<char>('a' + number % 26));
    return text;
}

/// What the driver asks for on standard input, a command a line, each after the other; its end is ours.
class Commands {
public:
    Commands(asio::io_context &context, Room &room)
        : context_(context), input_(context, ::dup(STDIN_FILENO)), room_(room) {
        read();
    }

private:
    void read() {
        asio::async_read_until(input_, asio::dynamic_buffer(text_), '\n', [this](error_code error, std::size_t size) {
            if (error) return context_.stop();
            std::istringstream words(text_.substr(0, size));
            text_.erase(0, size);
            obey(words);
        });
    }

    void obey(std::istream &words) {
        std::string verb;
        double amount = 0;
        std::uint64_t first = 0;
        std::size_t size = 0;
        const bool whole = static_cast<bool>(words >> verb >> amount >> size >> first);
        if (whole && verb == "publish") {
            const auto count = static_cast<std::uint64_t>(amount);
            for (std::uint64_t number = first; number < first + count; ++number) room_.send(event(number, size));
            std::cout << "published " << count << std::endl;
        } else if (whole && verb == "flood") {
            const auto time = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(amount));
            return flood(Clock::now() + time, size, first, 0);
        } else {
            std::cout << "unsupported" << std::endl;
        }
        read();
    }

    void flood(Clock::time_point end, std::size_t size, std::uint64_t first, std::uint64_t count) {
        if (Clock::now() >= end) {
            std::cout << "flooded " << count << std::endl;
            return read();
        }
        for (int i = 0; i < 16; ++i) room_.send(event(first + count++, size));
        asio::post(context_, [=, this] { flood(end, size, first, count); });  // the network's turn
    }

    asio::io_context &context_;
    asio::posix::stream_descriptor input_;
    Room &room_;
    std::string text_;
};

}  // namespace

int main(int argc, char **argv) {
    Settings settings;
    for (int i = 1; i < argc; ++i) settings.deflate |= std::string_view(argv[i]) == "--deflate";
    const char *tick = std::getenv("MEMPOOL_BENCH_TICK_MS");
    Room room;  // outlives the sessions, which the io_context holds
    asio::io_context context{1};
    Batcher batcher(context, room, std::chrono::milliseconds(tick != nullptr ? std::atoi(tick) : 10));
    Listener listener(context, room, batcher, settings);
    Commands commands(context, room);
    context.run();
    return 0;
}
