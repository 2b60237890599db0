// SPDX-License-Identifier: MIT
#include "pool/callbacks.hpp"

#include <algorithm>

#include "base/memory.hpp"

namespace mempool {
namespace {

constexpr int heard_at_once = 64;  // events of one callback, or entries of the log, before the next has its turn

}  // namespace

std::uint64_t Callbacks::add(Ring &ring, Callback callback) {
    const auto registration = std::make_shared<Registration>(ring, std::move(callback), wake_);
    {
        const std::lock_guard lock(mutex_);
        if (ended_) return 0;
        registration->number = last_number_ + 1;
        registrations_.push_back(registration);
        ++last_number_;
    }
    wake_.ring();
    return registration->number;
}

bool Callbacks::remove(std::uint64_t number) {
    std::shared_ptr<Registration> removed;  // let go after the lock
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(registrations_, number, [](const auto &each) { return each->number; });
    if (found == registrations_.end()) return false;
    removed = std::move(*found);
    removed->removed = true;
    registrations_.erase(found);
    return true;
}

bool Callbacks::empty() const {
    const std::lock_guard lock(mutex_);
    return registrations_.empty();
}

void Callbacks::run(Log &log) {
    thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    for (;;) {
        const bool finishing = finishing_.load(std::memory_order_acquire);
        const bool log_is_over = !log.has_sink() || log.finished();
        bool more = log.deliver(heard_at_once);
        bool over = true;
        {
            std::vector<std::shared_ptr<Registration>> present;
            {
                once_there_is_memory([&] {
                    const std::lock_guard lock(mutex_);
                    present = registrations_;
                });
            }
            for (const auto &registration : present) {
                const Hearing hearing = hear(*registration);
                more = more || hearing == Hearing::more;
                over = over && hearing == Hearing::over;
            }
        }
        if (more) continue;
        if (over && finishing && log_is_over) break;
        wake_.wait();
    }
    end();
    log.end();
    thread_.store({}, std::memory_order_relaxed);
}

void Callbacks::end() {
    std::vector<std::shared_ptr<Registration>> ended;  // let go after the lock
    const std::lock_guard lock(mutex_);
    ended_ = true;
    ended.swap(registrations_);
}

Callbacks::Hearing Callbacks::hear(Registration &registration) {
    for (int heard = 0; heard < heard_at_once; ++heard) {
        const Heard next = registration.receiver.next(registration);
        if (next.kind == Heard::Kind::closed) return Hearing::over;
        if (next.kind == Heard::Kind::timeout) return Hearing::idle;
        {
            const std::lock_guard lock(mutex_);
            if (registration.removed) return Hearing::over;
        }
        registration.callback(next);
    }
    return Hearing::more;
}

void Callbacks::finish() {
    finishing_.store(true, std::memory_order_release);
    wake_.ring();
}

}  // namespace mempool
