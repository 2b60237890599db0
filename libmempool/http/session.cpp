// SPDX-License-Identifier: MIT
#include "http/session.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>
#include <cerrno>
#include <new>
#include <utility>

#include "http/connections.hpp"
#include "http/prefix.hpp"
#include "http/transactions.hpp"

namespace mempool::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Error = beast::http::error;

constexpr std::size_t read_bytes = 8 * 1024;
// Never full: no header is longer than it may be, and of a body nothing stays but one line between two chunks.
constexpr std::size_t buffer_max_bytes = header_max_bytes + 2 * read_bytes;
static_assert(extensions_max_bytes + read_bytes < buffer_max_bytes);

constexpr std::size_t gathered_max_bytes = 16 * 1024;  // before the last answer
constexpr std::size_t turn_max_answers = 64;           // then the others have their turn

/// Whether it is answered at once, by bytes alone: it neither waits, nor is told to go on, nor becomes a client of the stream.
bool answers_at_once(const Request &request, Route route) {
    using beast::http::field;
    return route != Route::ws && route != Route::events && request.target().find('?') == std::string_view::npos &&
           request.count(field::prefer) == 0 && request.count(field::expect) == 0;
}

/// RFC 9112 3.2.2: the host of an absolute target stands for the Host header; the routes see a path.
void resolve_target(Request &request) {
    const auto absolute = split_absolute(request.target());
    if (!absolute) return;
    const std::string host(absolute->host);
    const std::string path = (absolute->path.starts_with('/') ? "" : "/") + std::string(absolute->path);
    request.set(beast::http::field::host, host);
    request.target(path);
}

Reply others_hold_all() {
    return unavailable("full",
                       "other requests that submit many transactions hold all the memory that they may (queue_bytes); "
                       "try again");
}

}  // namespace

Session::Session(Socket socket, Connections &connections, Reach reach)
    : socket_(std::move(socket)), connections_(connections), reach_(reach), buffer_(buffer_max_bytes) {}

void Session::start() {
    new_request();
    await(Stage::idle, connections_.limits().header_timeout);
    read();
}

void Session::refuse(Reply reply) {
    refused_ = true;
    answer_with(std::move(reply));
}

void Session::await(Stage stage, milliseconds timeout) {
    stage_ = stage;
    deadline_ = std::min(Clock::now() + timeout, drain_deadline_);
    connections_.expect(deadline_);
}

void Session::new_request() {
    parser_.emplace();
    parser_->header_limit(header_max_bytes);
    parser_->body_limit(boost::none);
    parser_->eager(true);
    gate_ = {};
    chunks_ = {};
    walked_ = 0;
    cors_headers_.clear();
    head_ = false;
    many_ = false;
    keep_alive_ = false;
    route_ = Route::unread;
}

void Session::read() {
    socket_.async_read_some(buffer_.prepare(std::min(read_bytes, buffer_max_bytes - buffer_.size())),
                            [self = shared_from_this()](const boost::system::error_code &error, std::size_t bytes) {
                                self->on_read(error, bytes);
                            });
}

void Session::on_read(const boost::system::error_code &error, std::size_t bytes) {
    if (error == asio::error::operation_aborted || stage_ == Stage::ended || stage_ == Stage::answering) return;
    if (error) return end();
    if (stage_ == Stage::lingering) return read();
    buffer_.commit(bytes);
    if (stage_ == Stage::idle) await(Stage::header, connections_.limits().header_timeout);
    take_turn(&Session::advance);
}

/// This, and what can be done at once with what is buffered behind it.
void Session::take_turn(void (Session::*first)()) {
    if (in_turn_) return (this->*first)();
    in_turn_ = true;
    answered_ = 0;
    try {
        (this->*first)();
        while (std::exchange(again_, false)) advance();
    } catch (...) {
        in_turn_ = again_ = false;
        send_now();  // what was accepted before there was no memory is told all the same
        throw;
    }
    in_turn_ = false;
}

/// Goes on with what is buffered, for one request.
void Session::advance() {
    if (stage_ == Stage::body) return take_body();
    const Verdict verdict = gate_.look(buffered());
    head_ = gate_.head();
    switch (verdict) {
        case Verdict::more:
            return read();
        case Verdict::refused:
            return on_refusal(gate_.refusal());
        case Verdict::accepted:
            return begin_body();
    }
}

void Session::begin_body() {
    buffer_.consume(gate_.skipped());
    boost::system::error_code error;
    buffer_.consume(parser_->put(asio::buffer(buffer_.data(), gate_.size()), error));
    if (error) return on_parse_error(error);
    Request &request = parser_->get();
    resolve_target(request);
    const auto path = below(connections_.services().prefix, path_of(request.target()));
    many_ = path == many_path;
    route_ = path ? route_of(path->empty() ? "/" : *path) : Route::other;
    auto admission = connections_.services().who_may_ask.admit(request, reach_);
    if (admission.refusal) return answer_with(std::move(*admission.refusal));
    cors_headers_ = std::move(admission.headers);
    if (gate_.content_length() > body_max_bytes()) return on_parse_error(Error::body_limit);
    if (many_ && !(share_ = connections_.many().take(0))) return answer_with(others_hold_all());
    if (gate_.chunked()) parser_->body_limit(body_max_bytes());
    if (!out_.empty() && !answers_at_once(request, route_)) return write(After::body);
    expect_body();
}

void Session::expect_body() {
    const Request &request = parser_->get();
    // What is here already needs no deadline.
    if (!gate_.chunked() && buffer_.size() >= gate_.content_length())
        stage_ = Stage::body;
    else
        await(Stage::body, connections_.limits().body_timeout);
    if (parser_->is_done() || request.version() < 11 ||
        !beast::iequals(request[beast::http::field::expect], "100-continue"))
        return take_body();
    await(Stage::body, connections_.limits().body_timeout);
    send_continue();
}

/// Whether the next request is buffered to its end. Leaves it to the gate what can't be told before the parser has it.
bool Session::next_is_whole() {
    return gate_.look(buffered()) == Verdict::accepted && !gate_.chunked() &&
           gate_.content_length() <= buffer_.size() - gate_.skipped() - gate_.size();
}

std::size_t Session::body_max_bytes() const {
    return many_ ? connections_.limits().request_max_bytes : connections_.limits().tx_max_bytes;
}

void Session::take_body() {
    std::size_t bytes = buffer_.size();
    if (gate_.chunked()) {
        std::size_t walked = 0;
        if (chunks_.look(buffered().substr(walked_), walked) == Verdict::refused) return on_refusal(chunks_.refusal());
        bytes = walked_ += walked;
    }
    if (bytes > 0 && !parser_->is_done()) {
        boost::system::error_code error;
        const std::size_t used = parser_->put(asio::buffer(buffer_.data(), bytes), error);
        buffer_.consume(used);
        if (gate_.chunked()) walked_ -= used;
        if (error && error != Error::need_more) return on_parse_error(error);
        // By what has come, not by what is announced: a byte a second takes nobody's room.
        if (!share_.grow(parser_->get().body().size())) return answer_with(others_hold_all());
    }
    parser_->is_done() ? on_request() : read();
}

void Session::send_continue() {
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(socket_, asio::buffer(go_on.data(), go_on.size()),
                      [self = shared_from_this()](const boost::system::error_code &error, std::size_t) {
                          if (self->stage_ != Stage::body) return;
                          if (error) return self->end();
                          self->take_turn(&Session::take_body);
                      });
}

std::string_view Session::buffered() const {
    return {static_cast<const char *>(buffer_.data().data()), buffer_.size()};
}

void Session::on_refusal(const Refusal &refusal) {
    answer_with(error_reply(refusal.status, refusal.error, refusal.detail));
}

/// What the gate leaves to the parser: the limit of a chunked body, and the grammar of extensions.
void Session::on_parse_error(const boost::system::error_code &error) {
    if (error == Error::body_limit)
        return answer_with(error_reply(413, "too_large",
                                       "the body is larger than " + std::to_string(body_max_bytes()) +
                                           (many_ ? " bytes (request_max_bytes)" : " bytes (tx_max_bytes)")));
    answer_with(error_reply(400, "bad_request", "the request cannot be read: " + error.message()));
}

void Session::on_request() {
    Request request = parser_->release();
    keep_alive_ = request.version() == 11 && request.keep_alive() && !draining_;
    auto answered = [&]() -> std::variant<Reply, Upgrade, Wait> {
        try {
            return answer(request, connections_.services(), connections_.awaited());
        } catch (const std::bad_alloc &) {
            return unavailable("full", "out of memory; try again");
        }
    }();
    if (auto *upgraded = std::get_if<Upgrade>(&answered)) return upgrade(std::move(*upgraded));
    if (auto *wait = std::get_if<Wait>(&answered)) return wait_for(std::move(*wait));
    auto &reply = std::get<Reply>(answered);
    share_.resize(reply.body.size());  // what was asked is gone
    answer_with(std::move(reply));
}

void Session::wait_for(Wait wait) {
    try {
        connections_.awaited().wait_for(
            wait.ticket,
            [waiting = weak_from_this()](const Completion &settled) {
                if (const auto self = waiting.lock()) self->on_outcome(settled);
            },
            wait.id);
    } catch (const std::bad_alloc &) {
        return answer_with(std::move(wait.late));
    }
    waiting_ = std::move(wait);
    await(Stage::waiting, waiting_.most);
}

void Session::on_outcome(const Completion &settled) {
    if (stage_ != Stage::waiting) return;  // ended while others were told
    try {
        answer_with(outcome_reply(settled));
    } catch (const std::bad_alloc &) {
        end();  // the others are told all the same
    }
}

void Session::upgrade(Upgrade upgrade) {
    constexpr std::size_t empty_line = 2;
    try {
        upgrade.answer.insert(upgrade.answer.size() - empty_line, cors_headers_);
    } catch (const std::bad_alloc &) {
        return end();  // while the socket is still ours
    }
    boost::system::error_code error;
    const int socket = socket_.release(error);
    if (error) return end();
    connections_.counts().answered(route_, upgrade.status);
    const auto early = buffer_.data();
    stage_ = Stage::ended;
    const auto self = shared_from_this();  // `early` lies in this session
    connections_.left(*this, Connections::Left::as_client);
    connections_.shard().attach(socket, upgrade.joining, std::move(upgrade.answer),
                                {static_cast<char *>(early.data()), early.size()});
}

/// Answers, with what was gathered before; or gathers it, where the next request is there to its end and will be answered in this turn.
void Session::answer_with(Reply reply) {
    stage_ = Stage::answering;
    // Where the request was not read to its end, no other can follow.
    keep_alive_ = keep_alive_ && !reply.close;
    try {
        reply.headers += cors_headers_;
        append_wire_bytes(out_, reply, head_, keep_alive_);
    } catch (const std::bad_alloc &) {
        send_now();
        return end();  // without a word of this one, but at once
    }
    if (!refused_) connections_.counts().answered(route_, reply.status);  // a connection refused is no request
    if (!keep_alive_) return write(After::close);
    const bool gathers = in_turn_ && !many_ && out_.size() < gathered_max_bytes && ++answered_ < turn_max_answers;
    new_request();
    if (!gathers || buffer_.size() == 0 || !next_is_whole()) return write(After::next);
    stage_ = Stage::header;
    again_ = true;
}

/// Writes all that was gathered, what the socket takes at once without waiting for Asio's turn; then goes on.
void Session::write(After after) {
    after_ = after;
    stage_ = Stage::answering;
    if (!send_now()) return end();
    if (out_.empty()) return on_written({});
    await(Stage::answering, connections_.limits().body_timeout);
    try {
        asio::async_write(socket_, asio::buffer(out_),
                          [self = shared_from_this()](const boost::system::error_code &error, std::size_t) {
                              self->on_written(error);
                          });
    } catch (const std::bad_alloc &) {
        end();  // in the middle, but at once
    }
}

/// What the socket takes of out_, which keeps the rest. False: the peer is gone.
bool Session::send_now() noexcept {
    std::size_t sent = 0;
    while (sent < out_.size()) {
        const ssize_t count =
            ::send(socket_.native_handle(), out_.data() + sent, out_.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return false;
        if (count <= 0) break;
        sent += static_cast<std::size_t>(count);
    }
    out_.erase(0, sent);
    return true;
}

void Session::on_written(const boost::system::error_code &error) {
    if (stage_ == Stage::ended) return;
    if (error) return end();
    std::string().swap(out_);  // an assignment would keep its memory
    switch (after_) {
        case After::close:
            return linger();
        case After::body:
            return take_turn(&Session::expect_body);
        case After::next:
            return go_on();
    }
}

/// With the next request, after an answer.
void Session::go_on() {
    share_ = {};
    if (buffer_.size() == 0) {
        if (draining_) return end();  // idle: it was not told to close, and would hold the stop until the deadline
        await(Stage::idle, connections_.limits().keepalive_timeout);
        return read();
    }
    await(Stage::header, connections_.limits().header_timeout);
    if (in_turn_ && answered_ < turn_max_answers) {
        again_ = true;
        return;
    }
    try {
        asio::post(socket_.get_executor(), [self = shared_from_this()] {
            if (self->stage_ == Stage::header) self->take_turn(&Session::advance);
        });
    } catch (const std::bad_alloc &) {
        end();
    }
}

void Session::linger() {
    await(Stage::lingering, connections_.limits().close_timeout);
    boost::system::error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    buffer_.clear();
    read();
}

void Session::expire() {
    switch (stage_) {
        case Stage::header:
        case Stage::body: {
            keep_alive_ = false;
            boost::system::error_code ignored;
            socket_.cancel(ignored);
            return answer_with(error_reply(408, "timeout",
                                           stage_ == Stage::header ? "the request's header did not come in time"
                                                                   : "the request's body did not come in time"));
        }
        case Stage::waiting:
            connections_.awaited().forget(waiting_.ticket);
            return answer_with(std::move(waiting_.late));
        case Stage::idle:
        case Stage::answering:
        case Stage::lingering:
            return end();
        case Stage::ended:
            return;
    }
}

void Session::drain(Instant deadline) {
    draining_ = true;
    drain_deadline_ = deadline;
    deadline_ = std::min(deadline_, deadline);
    if (stage_ == Stage::idle) end();
}

void Session::end() {
    if (stage_ == Stage::ended) return;
    if (stage_ == Stage::waiting) connections_.awaited().forget(waiting_.ticket);
    stage_ = Stage::ended;
    const auto self = shared_from_this();
    boost::system::error_code ignored;
    // First of all the connection ends, even if a forked child holds a copy of the descriptor.
    socket_.shutdown(Socket::shutdown_both, ignored);
    socket_.close(ignored);
    connections_.left(*this, Connections::Left::for_good);
}

}  // namespace mempool::http
