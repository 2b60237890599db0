// SPDX-License-Identifier: MIT
/// One HTTP connection, until it ends or becomes a client of the stream. Network thread only. Owned by its Connections and by the
/// asynchronous operation under way.
///
///   IDLE ---first byte---> HEADER ---> BODY ---> ANSWERING ---> IDLE (keep-alive) or, pipelined, HEADER
///                              '---refused---------^  '---close---> LINGERING ---the peer's end or the deadline---> ENDED
///   ANSWERING ---Upgrade---> ENDED: the socket went to the shard
///   BODY ---a transaction whose outcome is waited for---> WAITING ---the outcome, or its time is up (202)---> ANSWERING
///
///   IDLE       nothing of a request has come; keepalive_timeout_ms (the first request: header_timeout_ms)
///   HEADER     header_timeout_ms, absolute; the gate looks at it, and once it lets it pass, the parser is given it. BODY: body_timeout_ms, absolute; past them 408
///   ANSWERING  body_timeout_ms, absolute, once the socket is full
///   WAITING    `wait` seconds, at most 60; nothing is read meanwhile, so that a client who leaves is noticed by the answer
///   LINGERING  shut down for writing; what still comes is read and dropped, so that the peer can read the whole answer: closing
///              over unread input would send it a RST
///
/// Answers gather while the next request lies whole in the buffer, and go out in one write: at most 64 of them, and at most 16 KiB before
/// the last one; then the other connections have their turn. So no answer waits for what has not come. One that has to wait, 100 Continue
/// and an upgrade come after what was gathered has been written.
///
/// The parser is given no byte that the gate (for chunked bodies: Chunks) has not let pass. Bytes left over after a refusal are never
/// parsed as another request.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "http/budget.hpp"
#include "http/chunks.hpp"
#include "http/gate.hpp"
#include "http/reach.hpp"
#include "http/reply.hpp"
#include "http/routes.hpp"

namespace mempool::http {

class Connections;

class Session : public std::enable_shared_from_this<Session> {
public:
    using Socket = boost::asio::generic::stream_protocol::socket;

    struct Limits {
        milliseconds header_timeout;
        milliseconds body_timeout;
        milliseconds keepalive_timeout;
        milliseconds close_timeout;
        std::size_t tx_max_bytes;
        std::size_t request_max_bytes;   // of the paths that take many transactions
        std::size_t requests_max_bytes;  // of all those that come in or are answered
    };

    /// reach: of the place where it came in.
    Session(Socket socket, Connections &connections, Reach reach);

    /// Reads the first request.
    void start();
    /// Answers with this, whatever comes, and closes.
    void refuse(Reply reply);
    bool refused() const { return refused_; }

    Instant deadline() const { return deadline_; }
    void expire();
    /// Of the transaction that it waits for, or waited for.
    void on_outcome(const Completion &settled);
    /// No request after the present one; at most until the deadline.
    void drain(Instant deadline);
    void end();

private:
    enum class Stage { idle, header, body, waiting, answering, lingering, ended };
    /// What follows once all is written: the body of the present request, the next request, or the end.
    enum class After { body, next, close };

    void await(Stage stage, milliseconds timeout);
    void read();
    void on_read(const boost::system::error_code &error, std::size_t bytes);
    void new_request();
    void take_turn(void (Session::*first)());
    void advance();
    void begin_body();
    void expect_body();
    bool next_is_whole();
    std::size_t body_max_bytes() const;
    void take_body();
    void send_continue();
    void on_request();
    void wait_for(Wait wait);
    std::string_view buffered() const;
    void on_refusal(const Refusal &refusal);
    void on_parse_error(const boost::system::error_code &error);
    void upgrade(Upgrade upgrade);
    void answer_with(Reply reply);
    void write(After after);
    bool send_now() noexcept;
    void on_written(const boost::system::error_code &error);
    void go_on();
    void linger();

    Socket socket_;
    Connections &connections_;
    const Reach reach_;
    Stage stage_ = Stage::idle;
    Instant deadline_ = never;
    Instant drain_deadline_ = never;  // no stage may last longer
    Wait waiting_{};                  // WAITING: for what
    bool refused_ = false;
    bool head_ = false;  // what answers it has no body
    bool keep_alive_ = false;
    bool draining_ = false;
    Route route_ = Route::unread;  // of the present request
    boost::beast::flat_buffer buffer_;
    // Of the present request
    bool many_ = false;    // it submits many transactions
    Budget::Share share_;  // then
    Gate gate_;
    Chunks chunks_;
    std::size_t walked_ = 0;    // bytes at the front of the buffer that Chunks let pass
    std::string cors_headers_;  // of its answer
    std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
    // Of what is answered
    std::string out_;  // gathered, or being written
    After after_ = After::close;
    bool in_turn_ = false;
    bool again_ = false;        // this turn goes on with the next request
    std::size_t answered_ = 0;  // in this turn
};

}  // namespace mempool::http
