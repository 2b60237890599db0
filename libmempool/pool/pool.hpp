// SPDX-License-Identifier: MIT
/// The assembly: options become parts, the parts become one pool, and its life goes one way.
///
///   OPEN ---start()---> RUNNING ---stop(), abandon()---> DRAINING ---the last thread ends---> STOPPED
///     '------------------------------stop()-----------------------------------------------------^
///
/// request_stop() takes the first arrow to DRAINING as far as a signal handler can: two atomics and a bell. Of a pool that is OPEN
/// still it is remembered, and start() goes on to DRAINING by itself.
///
/// Stopping runs by itself: the queue closes; the batch thread applies what was accepted and ends; with that the ring closes, so that
/// every listener hears the rest; each network thread closes its clients and ends, the callback thread likewise. stop() only starts
/// that, waits, cuts the network when its time is up, and joins.
///
/// Any thread may call everything here. Each of its threads holds a reference to the pool, so that a pool whose last owner let go
/// ends by itself; they block all signals but those that a fault of the thread itself raises. mutex_ is a leaf.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/counters.hpp"
#include "base/fork.hpp"
#include "base/log.hpp"
#include "base/options.hpp"
#include "base/status.hpp"
#include "batch/batcher.hpp"
#include "batch/idempotency.hpp"
#include "batch/intake.hpp"
#include "batch/outcomes.hpp"
#include "channel/queue.hpp"
#include "channel/receiver.hpp"
#include "pool/callbacks.hpp"
#include "pool/topic.hpp"

namespace mempool {

class Network;

class Pool : public std::enable_shared_from_this<Pool> {
public:
    enum class State : std::int32_t { open = 0, running = 1, draining = 2, stopped = 3 };

    /// INVALID where options contradict each other; else a pool.
    static Status open(const Options &options, std::shared_ptr<Pool> &pool);
    ~Pool();
    Pool(const Pool &) = delete;
    Pool &operator=(const Pool &) = delete;

    Status set_apply(Apply apply);
    /// Whom the callback thread hands the log to; before start.
    Status set_log(Log::Sink sink);
    void set_log_level(LogLevel level) { log_.set_level(level); }
    Status start();
    /// timeout_ms < 0: drain_timeout_ms.
    Status stop(std::int64_t timeout_ms);
    /// Begins what stop() does, and no more: takes no lock, no memory, never waits. Any thread, any callback, any signal handler.
    void request_stop() noexcept;
    /// What the last owner's letting go does: stop(0), without waiting.
    void abandon();

    /// DRAINING from the moment of a request on.
    State state() const;
    Status port(std::int32_t &port) const;
    /// Whether this is a forked child of the process that opened it: then nothing of it may be touched.
    bool forked() const { return generation_ != process_generation(); }

    Status check_size(std::size_t size) const { return intake_.check_size(size); }
    Status submit(const void *data, std::size_t size, std::uint64_t &id, const Claim &claim = {});
    /// Waits for room, first come first served.
    Status submit_wait(const void *data, std::size_t size, std::int64_t timeout_ms, std::uint64_t &id,
                       const Claim &claim = {});
    /// All or none; long strings are moved from where they were accepted.
    Status submit_many(std::span<std::string> data, std::uint64_t &first, const Claim &claim = {});
    /// Each of at most copied_max_bytes.
    Status submit_many(std::span<const std::string_view> data, std::uint64_t &first, const Claim &claim = {});
    /// A queue for outcomes, ended by the pool's end. capacity: entries, at least 1.
    std::shared_ptr<Completions> open_completions(std::size_t capacity);
    void tell_room(const std::shared_ptr<Completions> &completions) { queue_.when_room(completions); }
    /// Waits until all that was accepted before has its outcome; it is not gathered any longer.
    Status flush(std::int64_t timeout_ms);
    Status publish(std::string_view data, bool binary, std::size_t &listeners);
    /// Waits while it is pending, until the deadline. kind pending: TIMEOUT, or CLOSED where it will never be settled.
    Status tx_wait(std::uint64_t id, std::int64_t timeout_ms, Outcome &outcome) const;
    Status tx_status(std::uint64_t id, Outcome &outcome) const;

    Status on_event(Callbacks::Callback callback, std::uint64_t &registration);
    Status off_event(std::uint64_t registration);
    /// Exact by construction: accepted = applied + rejected + pending.
    Counters stats() const;
    Observation observe() const;

    /// Must not outlive the pool.
    std::unique_ptr<Receiver> subscribe() { return std::make_unique<Receiver>(topic_.ring); }
    std::size_t listeners() const { return topic_.ring.listeners(); }
    EpochPtr epoch() const { return topic_.ring.epoch(); }

    bool on_batch_thread() const { return batcher_.on_batch_thread(); }

private:
    explicit Pool(const Options &options);

    enum class Gate { waiting, go, abort };

    Status make_network();
    void spawn(const std::string &name, const std::function<void(Pool &)> &body);
    void spawn_callback_thread();
    bool pass_gate();
    void batch_thread();
    void callback_thread();
    void thread_ended();
    void begin_drain();
    void tell_start();
    void finish_completions();
    void end_unstarted(std::unique_lock<std::mutex> &lock);
    void undo_start();
    Status found(const Outcome &outcome) const;

    const Options options_;
    const std::uint32_t generation_;
    Topic topic_;
    Callbacks callbacks_;
    Log log_;
    Queue queue_;
    Outcomes outcomes_;
    Intake intake_;
    Idempotency idempotency_;
    Batcher batcher_;
    std::unique_ptr<Network> network_;  // set by start() before its threads pass the gate, then constant
    // A stop was asked for, and the queue refuses or is about to. Set once, by a signal handler too; relaxed: it only chooses words.
    std::atomic<bool> draining_{false};

    mutable std::mutex mutex_;  // leaf; guards all below
    std::condition_variable changed_;
    State state_ = State::open;
    Gate gate_ = Gate::waiting;
    bool starting_ = false;
    bool joined_ = true;     // no thread of ours is left to be joined
    std::size_t alive_ = 0;  // threads that have not ended
    bool callback_thread_ = false;
    std::vector<std::thread> threads_;
    std::int32_t port_ = 0;
    bool settled_ = false;  // the batch thread has ended: no outcome will come that is not under way
    std::vector<std::weak_ptr<Completions>> completions_;
};

}  // namespace mempool
