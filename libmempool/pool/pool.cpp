// SPDX-License-Identifier: MIT
#include "pool/pool.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cassert>
#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "base/ascii.hpp"
#include "base/fork.hpp"
#include "base/memory.hpp"
#include "base/utf8.hpp"
#include "fanout/uring.hpp"
#include "http/places.hpp"
#include "pool/network.hpp"

namespace mempool {
namespace {

// After the network was cut, what remains needs no more than a scheduler's whim, unless the host's own code holds it.
constexpr milliseconds cut_grace{500};

bool in_list(std::string_view list, std::string_view wanted) {
    return !every_element(list, [&](std::string_view each) { return each != wanted; });
}

}  // namespace

Status Pool::open(const Options &options, std::shared_ptr<Pool> &pool) {
    if (options[Option::tx_max_bytes] > options[Option::queue_bytes])
        return {Code::invalid, "tx_max_bytes " + std::to_string(options[Option::tx_max_bytes]) +
                                   " is more than queue_bytes " + std::to_string(options[Option::queue_bytes]) +
                                   ": such a transaction could never be queued; raise queue_bytes"};
    if (!in_list(options.text(Option::slow_allowed), options.text(Option::slow_default)))
        return {Code::invalid, "slow_default " + options.text(Option::slow_default) + " is not in slow_allowed " +
                                   options.text(Option::slow_allowed) +
                                   "; add it there, or set slow_default to one that is"};
    watch_forks();
    pool = std::shared_ptr<Pool>(new Pool(options));
    return {};
}

Pool::Pool(const Options &options)
    : options_(options),
      generation_(process_generation()),
      topic_(options.size(Option::ring_capacity), options.size(Option::ring_bytes), random_epoch()),
      log_(log_level_of(options.text(Option::log_level)).value_or(LogLevel::off), callbacks_.bell()),
      queue_(options.size(Option::queue_capacity), options.size(Option::queue_bytes)),
      outcomes_(options.size(Option::outcomes_capacity)),
      intake_(queue_, options.size(Option::tx_max_bytes), options.size(Option::queue_capacity),
              options.size(Option::queue_bytes)),
      idempotency_(options.size(Option::idempotency_capacity)),
      batcher_(queue_, topic_.source, outcomes_,
               {options.size(Option::batch_max), options.ms(Option::batch_interval_ms)}, &log_) {}

Pool::~Pool() {
    assert(threads_.empty());
}

Status Pool::set_apply(Apply apply) {
    // What was set before is in `apply` then, and destroyed after the lock.
    const std::lock_guard lock(mutex_);
    if (state_ != State::open || starting_) return {Code::state, "the pool was started; set apply before start"};
    batcher_.swap_apply(apply);
    return {};
}

Status Pool::set_log(Log::Sink sink) {
    // As above.
    const std::lock_guard lock(mutex_);
    if (state_ != State::open || starting_) return {Code::state, "the pool was started; set the log before start"};
    log_.swap_sink(sink);
    return {};
}

Status Pool::start() {
    {
        const std::lock_guard lock(mutex_);
        if (state_ != State::open || starting_)
            return {Code::state, "the pool was started before; to start again, open a new one"};
        starting_ = true;
        gate_ = Gate::waiting;
    }
    Status status;
    try {
        status = make_network();
        if (status.ok()) {
            const bool listened_to = !callbacks_.empty() || log_.has_sink();
            const std::lock_guard lock(mutex_);
            spawn("mempool-batch", &Pool::batch_thread);
            for (std::size_t thread = 0; network_ && thread < network_->threads(); ++thread)
                spawn(Network::name_of(thread), [thread](Pool &pool) { pool.network_->run(thread); });
            if (listened_to) spawn_callback_thread();
        }
    } catch (const std::bad_alloc &) {
        undo_start();
        return {Code::no_memory, {}};
    } catch (const NoUring &why) {
        undo_start();  // first: it allocates nothing, a sentence may
        return {Code::system,
                std::string("uring is on, but there is none: ") + why.what() +
                    "; set it to auto, which does without, or see `sysctl kernel.io_uring_disabled` and what "
                    "filter of system calls a container has"};
    } catch (const std::exception &error) {
        // std::thread's and Asio's words for the same are of two families (boost::system::system_error is no std::system_error).
        undo_start();  // first: it allocates nothing, a sentence may
        return {Code::system, std::string("the system has no thread or descriptor for us: ") + error.what()};
    }
    if (!status.ok()) {
        undo_start();
        return status;
    }
    intake_.open();
    tell_start();
    const std::lock_guard lock(mutex_);
    starting_ = false;
    state_ = State::running;
    gate_ = Gate::go;
    changed_.notify_all();
    return {};
}

void Pool::undo_start() {
    std::vector<std::thread> threads;
    {
        const std::lock_guard lock(mutex_);
        gate_ = Gate::abort;
        changed_.notify_all();
        threads.swap(threads_);
    }
    for (std::thread &thread : threads) thread.join();
    network_.reset();
    const std::lock_guard lock(mutex_);
    starting_ = false;
    callback_thread_ = false;
    joined_ = true;
    port_ = 0;
    changed_.notify_all();
}

/// Under mutex_. Throws std::system_error where there is no thread to be had.
void Pool::spawn(const std::string &name, const std::function<void(Pool &)> &body) {
    threads_.reserve(threads_.size() + 1);
    // The host's signals are for the host's threads. A fault is not: blocked, it would end the process without the host's handler
    // for it (a crash reporter, Python's faulthandler, a runtime's null check), though it is the host's own code that apply runs.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) sigdelset(&all, fault);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
        threads_.emplace_back([self = shared_from_this(), name, body] {
            pthread_setname_np(pthread_self(), name.c_str());
            if (!self->pass_gate()) return;
            body(*self);
            self->thread_ended();
        });
    } catch (...) {
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ++alive_;
    joined_ = false;
}

/// Under mutex_.
void Pool::spawn_callback_thread() {
    if (callback_thread_) return;
    spawn("mempool-call", &Pool::callback_thread);
    callback_thread_ = true;
}

/// Without a place to listen there is no network. Where it fails, start() lets go of what was made.
Status Pool::make_network() {
    std::vector<http::ListenSocket> places;
    if (Status status = http::listen_everywhere(options_, places); !status.ok() || places.empty()) return status;
    const std::uint16_t port = http::port_of(places);
    http::Services services{intake_,
                            idempotency_,
                            outcomes_,
                            draining_,
                            options_[Option::dashboard] != 0,
                            options_[Option::metrics] != 0,
                            main_topic,
                            [this] { return observe(); },
                            http::WhoMayAsk(options_.text(Option::origins), options_.text(Option::hosts),
                                            options_.text(Option::route_prefix)),
                            http::SlowRule(options_.text(Option::slow_default), options_.text(Option::slow_allowed)),
                            options_.text(Option::route_prefix),
                            options_[Option::deflate] != 0};
    network_ = std::make_unique<Network>(options_, topic_.ring, log_, std::move(services), std::move(places));
    const std::lock_guard lock(mutex_);
    port_ = port;
    return {};
}

/// False where start() failed after all.
bool Pool::pass_gate() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return gate_ != Gate::waiting; });
    if (gate_ == Gate::abort) --alive_;
    return gate_ == Gate::go;
}

void Pool::batch_thread() {
    // The end of a tick is waited for by a futex, which the kernel else puts off by 50 us to join it with others (prctl(2)).
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    batcher_.run();
    log_.write(LogLevel::info, "draining: all that was accepted has been applied, listeners hear the rest");
    finish_completions();
    topic_.ring.close();
    if (network_) network_->drain();
    callbacks_.finish();
}

void Pool::callback_thread() {
    callbacks_.run(log_);
}

void Pool::thread_ended() {
    bool only_the_log_is_left = false;
    {
        const std::lock_guard lock(mutex_);
        only_the_log_is_left = --alive_ == 1 && callback_thread_;
        if (alive_ == 0) {
            state_ = State::stopped;
            changed_.notify_all();
        }
    }
    if (!only_the_log_is_left) return;
    log_.write(LogLevel::info, "stopped");
    log_.finish();
}

void Pool::request_stop() noexcept {
    draining_.store(true, std::memory_order_relaxed);
    queue_.request_close();
}

void Pool::begin_drain() {
    draining_.store(true, std::memory_order_relaxed);
    intake_.close();
}

Status Pool::stop(std::int64_t timeout_ms) {
    if (batcher_.on_batch_thread() || callbacks_.on_callback_thread())
        return {Code::reentrant,
                "stop was called from a callback of this pool, which it would have to wait for; call it from another "
                "thread"};
    if (timeout_ms < 0) timeout_ms = options_[Option::drain_timeout_ms];
    const Instant deadline = deadline_after(timeout_ms);

    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !starting_; });
    if (state_ == State::open) {
        end_unstarted(lock);
        return {};
    }
    if (state_ == State::running) {
        state_ = State::draining;
        lock.unlock();
        begin_drain();
        lock.lock();
    }
    const auto stopped = [&] { return state_ == State::stopped; };
    if (deadline == never) {
        changed_.wait(lock, stopped);
    } else if (!changed_.wait_until(lock, deadline, stopped)) {
        lock.unlock();
        if (network_) network_->cut();
        lock.lock();
        if (!changed_.wait_until(lock, Clock::now() + cut_grace, stopped))
            return {Code::timeout,
                    "apply or an event callback of the host has not returned; the pool drains on, call stop again to "
                    "wait for it"};
    }
    std::vector<std::thread> threads;
    threads.swap(threads_);
    if (threads.empty()) {
        changed_.wait(lock, [&] { return joined_; });
        return {};
    }
    lock.unlock();
    for (std::thread &thread : threads) thread.join();
    lock.lock();
    joined_ = true;
    changed_.notify_all();
    return {};
}

/// Whoever waits on a pool that was never started is told that it is over; what the host gave it is let go.
void Pool::end_unstarted(std::unique_lock<std::mutex> &lock) {
    state_ = State::stopped;
    Apply apply;
    batcher_.swap_apply(apply);
    lock.unlock();
    intake_.close();
    finish_completions();
    topic_.ring.close();
    outcomes_.close();
    callbacks_.end();
    log_.end();
}

void Pool::abandon() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !starting_; });
    if (state_ == State::open) return end_unstarted(lock);
    const bool alive = state_ == State::running || state_ == State::draining;
    if (alive) state_ = State::draining;
    std::vector<std::thread> threads;
    threads.swap(threads_);
    joined_ = true;
    changed_.notify_all();
    lock.unlock();
    for (std::thread &thread : threads) thread.detach();
    if (!alive) return;
    begin_drain();
    try {
        if (network_) network_->cut();
    } catch (const std::bad_alloc &) {
        // Its clients are not cut, then, but hear the rest, as at any other stop.
    }
}

Pool::State Pool::state() const {
    const std::lock_guard lock(mutex_);
    const bool asked_to_stop = state_ == State::running && draining_.load(std::memory_order_relaxed);
    return asked_to_stop ? State::draining : state_;
}

Status Pool::port(std::int32_t &port) const {
    const std::lock_guard lock(mutex_);
    if (state_ == State::open) return {Code::state, "the port is known after start"};
    port = port_;
    return {};
}

Status Pool::submit(const void *data, std::size_t size, std::uint64_t &id, const Claim &claim) {
    return intake_.submit({static_cast<const char *>(data), size}, id, at_once, claim);
}

Status Pool::submit_wait(const void *data, std::size_t size, std::int64_t timeout_ms, std::uint64_t &id,
                         const Claim &claim) {
    if (Status status = intake_.check_size(size); !status.ok()) return status;
    if (batcher_.on_batch_thread())
        return {Code::reentrant, "apply can't wait for room: it is what makes it; use submit, or another thread"};
    return intake_.submit({static_cast<const char *>(data), size}, id, deadline_after(timeout_ms), claim);
}

Status Pool::submit_many(std::span<std::string> data, std::uint64_t &first, const Claim &claim) {
    return intake_.submit_many(data, first, at_once, claim);
}

Status Pool::submit_many(std::span<const std::string_view> data, std::uint64_t &first, const Claim &claim) {
    return intake_.submit_many(data, first, claim);
}

std::shared_ptr<Completions> Pool::open_completions(std::size_t capacity) {
    auto completions = std::make_shared<Completions>(capacity);
    bool over = false;
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(completions_, [](const auto &each) { return each.expired(); });
        completions_.push_back(completions);
        over = settled_;
    }
    if (over) completions->finish();
    return completions;
}

void Pool::finish_completions() {
    std::vector<std::weak_ptr<Completions>> all;
    {
        const std::lock_guard lock(mutex_);
        settled_ = true;
        all.swap(completions_);
    }
    for (const auto &each : all)
        if (const auto completions = each.lock()) completions->finish();
}

Status Pool::flush(std::int64_t timeout_ms) {
    if (batcher_.on_batch_thread())
        return {Code::reentrant, "apply can't wait for a flush: it would wait for itself; call it from another thread"};
    const Instant deadline = deadline_after(timeout_ms);
    const std::uint64_t last = queue_.hurry();
    if (outcomes_.wait_all(last, deadline)) return {};
    if (outcomes_.closed()) return {Code::closed, "the pool ended without applying all that was accepted"};
    return {Code::timeout, "not all that was accepted has its outcome yet; flush again"};
}

Status Pool::publish(std::string_view data, bool binary, std::size_t &listeners) {
    const std::size_t most = options_.size(Option::message_max_bytes);
    if (data.size() > most)
        return {Code::too_large, "the message has " + std::to_string(data.size()) + " bytes; allowed: up to " +
                                     std::to_string(most) + " (message_max_bytes)"};
    if (!binary && !utf8_valid(data)) return {Code::invalid, "the message is not UTF-8; publish it as binary"};
    if (state() == State::open) return {Code::state, "the pool is not started yet; call start first"};
    const auto full = [] {
        return Status(Code::full, "the topic's engine is behind and takes no more for now; publish again later");
    };
    if (!topic_.source.has_room()) return full();  // before it is copied
    EventPtr event = make_message(wall_time_us(), data, binary);
    if (batcher_.on_batch_thread() && batcher_.applying() != nullptr) {
        batcher_.applying()->hold(std::move(event));
        listeners = topic_.ring.listeners();
        return {};
    }
    switch (topic_.source.offer(std::move(event), listeners)) {
        case EventSource::Offer::taken:
            return {};
        case EventSource::Offer::full:
            return full();
        case EventSource::Offer::closed:
            break;
    }
    return {Code::closed, "the pool is stopped; nobody listens any more"};
}

Status Pool::tx_status(std::uint64_t id, Outcome &outcome) const {
    outcome = outcomes_.look(id, intake_.last_id());
    return found(outcome);
}

Status Pool::tx_wait(std::uint64_t id, std::int64_t timeout_ms, Outcome &outcome) const {
    if (timeout_ms != 0 && batcher_.on_batch_thread())
        return {Code::reentrant,
                "apply can't wait for an outcome: it is what decides it; ask with tx_status, or from another thread"};
    outcome = outcomes_.wait(id, intake_.last_id(), deadline_after(timeout_ms));
    if (outcome.kind != Outcome::Kind::pending) return found(outcome);
    if (outcomes_.closed()) return {Code::closed, "the pool ended without applying transaction " + std::to_string(id)};
    return {Code::timeout, "transaction " + std::to_string(id) + " is pending still; wait again"};
}

Status Pool::found(const Outcome &outcome) const {
    if (outcome.kind == Outcome::Kind::unknown) return {Code::not_found, "no transaction was ever given this id"};
    if (outcome.kind == Outcome::Kind::gone)
        return {Code::gone, "the outcome is no longer kept: the last " +
                                std::to_string(options_[Option::outcomes_capacity]) + " are (outcomes_capacity)"};
    return {};
}

Status Pool::on_event(Callbacks::Callback callback, std::uint64_t &registration) {
    const auto closed = [] { return Status(Code::closed, "the pool is stopped; there is nothing more to hear"); };
    if (state() == State::stopped) return closed();
    registration = callbacks_.add(topic_.ring, std::move(callback));
    if (registration == 0) return closed();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !starting_; });
    if (state_ == State::open) return {};
    if (state_ == State::stopped) {  // meanwhile; where the callback thread was in time, all is as it should be
        lock.unlock();
        return callbacks_.remove(registration) ? closed() : Status();
    }
    try {
        spawn_callback_thread();
    } catch (const std::system_error &error) {
        lock.unlock();
        callbacks_.remove(registration);
        return {Code::system, std::string("the system has no thread for the callback: ") + error.what()};
    } catch (...) {  // without memory: the registration must not outlive the answer
        lock.unlock();
        callbacks_.remove(registration);
        throw;
    }
    return {};
}

Status Pool::off_event(std::uint64_t registration) {
    if (callbacks_.remove(registration)) return {};
    return {Code::not_found, "no event callback is registered under " + std::to_string(registration)};
}

}  // namespace mempool
