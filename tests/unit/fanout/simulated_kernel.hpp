// SPDX-License-Identifier: MIT
/// Sockets in memory and a clock moved by hand: the Kernel of an audience, with the client's end of each connection beside it. All chance
/// comes from the one seeded generator that it is given. One thread; it owns every connection, and numbers are never given twice, so
/// that a call on a connection that was ended is seen.
///
/// It behaves as Linux does where an audience relies on it: a write takes all, or a part and later tells writability; readiness is told
/// once a change; a read is short only where that was all; after a reset every call says gone.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "fanout/kernel.hpp"

namespace mempool::test {

/// What goes wrong in the server's own code, and not in the world around it: switched off wherever the world acts.
class Faults {
public:
    virtual void on() = 0;
    virtual void off() = 0;

protected:
    ~Faults() = default;
};

class SimulatedKernel final : public Kernel {
public:
    struct Connection {
        SeatId seat = 0;
        bool watched = false;
        std::size_t room = 0;       // bytes that the client's side still takes
        std::string to_client;      // taken from the server, not yet read by the client
        std::string to_server;      // sent by the client, not yet read by the server
        bool client_ended = false;  // FIN from the client
        bool reset = false;         // RST, from either side
        bool server_finished = false;
        bool server_ended = false;
        bool server_aborted = false;
        bool short_write = false;  // the server has yet to be told of room
        Readiness news;            // not yet told to the server
        Instant progress{};        // when it last took a byte after it had been full, or the client last sent one
    };

    explicit SimulatedKernel(std::mt19937 &random) : random_(random) {}

    // ---- the world's side ----

    int connect(std::size_t room) {
        connections_.emplace_back();
        connections_.back().room = room;
        connections_.back().progress = now_;
        return static_cast<int>(connections_.size()) - 1;
    }
    Connection &at(int socket) { return connections_.at(static_cast<std::size_t>(socket)); }
    std::size_t count() const { return connections_.size(); }

    void pass(milliseconds time) { now_ += time; }
    void client_sends(int socket, std::string_view bytes) {
        Connection &here = at(socket);
        if (here.server_ended || here.reset) return;
        here.to_server.append(bytes);
        here.news.readable = true;
        here.progress = now_;
    }
    void client_ends(int socket) {
        Connection &here = at(socket);
        here.client_ended = true;
        here.news.readable = here.news.ended = true;
    }
    void client_resets(int socket) {
        Connection &here = at(socket);
        here.reset = true;
        here.news.gone = true;
    }
    std::string client_reads(int socket, std::size_t most) {
        Connection &here = at(socket);
        std::string bytes = here.to_client.substr(0, most);
        here.to_client.erase(0, bytes.size());
        here.room += bytes.size();
        if (here.short_write && here.room > 0) {
            here.short_write = false;
            here.news.writable = true;
        }
        return bytes;
    }
    /// The news of a connection, told and forgotten.
    Readiness take_news(int socket) { return std::exchange(at(socket).news, {}); }

    /// Takes less than there is room for, now and then.
    void be_moody() { moody_ = true; }
    /// Lets the n-th call from now on fail, be it a watch, a write or a read.
    void fail_call(int n) { calls_left_ = n; }
    bool failed() const { return failed_; }
    std::vector<std::size_t> written_at_once;  // of each call, the pieces
    void suffer(Faults &faults) { faults_ = &faults; }
    /// Runs a call of the server's.
    template <class Call>
    void serve(Call call) {
        const Serving serving(serving_);
        const Switch faults(faults_, true);
        call();
    }

    // ---- the server's side ----

    Instant now() override { return now_; }
    bool watch(int socket, SeatId seat) override {
        const Switch here_is_the_world(serving_ ? faults_ : nullptr, false);
        if (fails_now()) return false;
        open(socket).watched = true;
        at(socket).seat = seat;
        at(socket).news.writable = true;  // as epoll does
        if (!at(socket).to_server.empty()) at(socket).news.readable = true;
        return true;
    }
    Written write(int socket, std::span<iovec> from) override {
        const Switch here_is_the_world(serving_ ? faults_ : nullptr, false);
        Connection &here = open(socket);
        EXPECT_FALSE(here.server_finished);
        if (here.reset || fails_now()) return {0, true};
        std::size_t offered = 0;
        for (const iovec &part : from) offered += part.iov_len;
        EXPECT_GT(offered, 0U) << "a write of nothing";
        std::size_t most = std::min(offered, here.room);
        if (moody_ && most > 0 && random_() % 8 == 0)
            most = std::uniform_int_distribution<std::size_t>(0, most)(random_);
        if (most > 0 && here.short_write) here.progress = now_;
        Written written{most, false};
        for (const iovec &part : from) {
            const std::size_t taken = std::min(part.iov_len, most);
            here.to_client.append(static_cast<const char *>(part.iov_base), taken);
            most -= taken;
        }
        here.room -= written.bytes;
        if (written.bytes < offered) {
            here.short_write = here.room == 0;
            if (here.room > 0) here.news.writable = true;
        }
        return written;
    }
    /// In any order, as it is promised.
    void write_many(std::span<Offer> offers) override {
        if (offers.empty()) return;
        written_at_once.push_back(offers.size());
        std::vector<Offer *> order;
        for (Offer &offer : offers) order.push_back(&offer);
        std::ranges::shuffle(order, random_);
        for (Offer *offer : order) offer->written = write(offer->socket, {&offer->from, 1});
    }
    Received read(int socket, std::span<char> into) override {
        const Switch here_is_the_world(serving_ ? faults_ : nullptr, false);
        Connection &here = open(socket);
        if (here.reset || fails_now()) return {Received::Kind::gone};
        const std::size_t bytes = std::min(into.size(), here.to_server.size());
        if (bytes == 0) return {here.client_ended ? Received::Kind::end : Received::Kind::nothing};
        std::copy_n(here.to_server.data(), bytes, into.data());
        here.to_server.erase(0, bytes);
        return {Received::Kind::bytes, bytes};
    }
    void finish(int socket) override {
        const Switch here_is_the_world(serving_ ? faults_ : nullptr, false);
        open(socket).server_finished = true;
    }
    void end(int socket) override {
        const Switch here_is_the_world(serving_ ? faults_ : nullptr, false);
        open(socket).server_ended = true;
    }
    void abort(int socket) override {
        const Switch here_is_the_world(serving_ ? faults_ : nullptr, false);
        open(socket).server_aborted = true;
        at(socket).server_ended = true;
        at(socket).to_client.clear();
    }

private:
    struct Serving {
        explicit Serving(bool &flag_here) : flag(flag_here) { flag = true; }
        ~Serving() { flag = false; }
        bool &flag;
    };

    /// Faults on or off for a while.
    class Switch {
    public:
        Switch(Faults *faults, bool on) : faults_(faults), on_(on) { turn(on_); }
        ~Switch() { turn(!on_); }
        Switch(const Switch &) = delete;
        Switch &operator=(const Switch &) = delete;

    private:
        void turn(bool on) {
            if (faults_ == nullptr) return;
            on ? faults_->on() : faults_->off();
        }
        Faults *faults_;
        bool on_;
    };

    Connection &open(int socket) {
        EXPECT_FALSE(at(socket).server_ended) << "connection " << socket << " was ended before";
        return at(socket);
    }
    bool fails_now() {
        if (calls_left_ < 0 || calls_left_-- > 0) return false;
        return failed_ = true;
    }

    std::mt19937 &random_;
    std::vector<Connection> connections_;
    Instant now_{std::chrono::hours(1)};
    Faults *faults_ = nullptr;
    bool serving_ = false;  // a call of the server's is under way
    bool moody_ = false;
    int calls_left_ = -1;
    bool failed_ = false;
};

}  // namespace mempool::test
