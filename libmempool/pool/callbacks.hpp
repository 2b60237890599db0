// SPDX-License-Identifier: MIT
/// The host's callbacks, but for apply: the log's, and those for events. Of these each is a cursor on a ring, all served by one thread, the callback thread, each in the ring's order. A slow
/// callback delays the others and nothing else. Owned by the pool, which runs run() on a thread once the first is registered.
///
/// add() and remove() may be called by any thread, callbacks included. A registration and what its callback owns are destroyed outside
/// every lock, by whoever lets go last, after the last call.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "base/wake_fd.hpp"
#include "channel/receiver.hpp"

namespace mempool {

class Callbacks {
public:
    using Callback = std::function<void(const Heard &)>;

    Callbacks() = default;
    Callbacks(const Callbacks &) = delete;
    Callbacks &operator=(const Callbacks &) = delete;

    /// Hears all from now on. Gives its number; 0 where run() has ended and nothing can be heard any more.
    std::uint64_t add(Ring &ring, Callback callback);
    /// No call begins after this; one in progress may finish. False: no such registration, or it has ended.
    bool remove(std::uint64_t number);
    bool empty() const;

    /// The callback thread: until finish(), and until then every registration has heard its ring to the end. Ends them all.
    /// It hands on the log too; where that has a sink it ends last of all threads, once the log is finished.
    void run(Log &log);
    /// What run() sleeps on.
    WakeFd &bell() { return wake_; }
    /// The rings are closed: run() ends once nothing more can be heard.
    void finish();
    /// Ends every registration, and what comes later; the end of run(), or instead of it.
    void end();

    /// Any thread: whether the caller is inside run().
    bool on_callback_thread() const { return thread_.load(std::memory_order_relaxed) == std::this_thread::get_id(); }

private:
    enum class Hearing { more, idle, over };

    struct Registration final : Waiter {
        Registration(Ring &ring, Callback its_callback, WakeFd &its_wake)
            : receiver(ring), callback(std::move(its_callback)), wake_fd(its_wake) {}
        ~Registration() { receiver.ring().disarm(*this); }
        void wake() noexcept override { wake_fd.ring(); }

        Receiver receiver;  // callback thread only
        const Callback callback;
        WakeFd &wake_fd;
        std::uint64_t number = 0;
        bool removed = false;  // under mutex_
    };

    Hearing hear(Registration &registration);

    WakeFd wake_;
    mutable std::mutex mutex_;  // leaf; guards the three below and each Registration::removed
    std::vector<std::shared_ptr<Registration>> registrations_;
    std::uint64_t last_number_ = 0;
    bool ended_ = false;                     // all were let go
    std::atomic<bool> finishing_{false};     // release in finish(), acquire in run(): the rings were closed before
    std::atomic<std::thread::id> thread_{};  // relaxed: a thread asks only about itself
};

}  // namespace mempool
