// SPDX-License-Identifier: MIT
#include "pool.hpp"

#include <pybind11/stl.h>
#include <signal.h>

#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "callbacks.hpp"
#include "mempool.hpp"
#include "waiting.hpp"

namespace binding {
namespace {

/// Python's reference to a pool. The last one gone releases the pool, without the GIL: a destroy function may want it.
class PoolObject {
public:
    explicit PoolObject(const mempoolpp::Config &config) : pool_(config) {}
    ~PoolObject() {
        const WithoutGil released;
        pool_.reset();
    }
    PoolObject(const PoolObject &) = delete;
    PoolObject &operator=(const PoolObject &) = delete;

    const mempoolpp::Pool *operator->() const { return &*pool_; }
    const mempoolpp::Pool &operator*() const { return *pool_; }

private:
    std::optional<mempoolpp::Pool> pool_;
};

/// A pull receiver. `busy` says that a thread is inside next: C allows one. GIL.
class ReceiverObject {
public:
    explicit ReceiverObject(mempoolpp::Receiver receiver) : receiver_(std::move(receiver)) {}
    ~ReceiverObject() { drop(); }
    ReceiverObject(const ReceiverObject &) = delete;
    ReceiverObject &operator=(const ReceiverObject &) = delete;

    py::object next(const std::optional<double> &timeout) {
        if (busy_)
            throw mempoolpp::Error(MEMPOOL_STATE,
                                   "another thread waits on this subscription; give each thread one of its own");
        if (!receiver_) return py::none();
        const Busy busy(busy_);
        std::optional<mempoolpp::Event> event;
        wait(timeout, [&](mempoolpp::Milliseconds limit) {
            event = receiver_->next(limit);
            return event.has_value() || receiver_->closed();
        });
        return event ? to_python(*event) : py::none();
    }

    [[nodiscard]] bool closed() const { return !receiver_ || receiver_->closed(); }

    void close() {
        if (busy_)
            throw mempoolpp::Error(MEMPOOL_STATE,
                                   "another thread waits on this subscription; it can be closed when that returns");
        drop();
    }

private:
    class Busy {
    public:
        explicit Busy(bool &flag) : flag_(flag) { flag_ = true; }
        ~Busy() { flag_ = false; }
        Busy(const Busy &) = delete;
        Busy &operator=(const Busy &) = delete;

    private:
        bool &flag_;
    };

    void drop() {
        std::optional<mempoolpp::Receiver> dropped = std::exchange(receiver_, std::nullopt);
        const WithoutGil released;
        dropped.reset();
    }

    std::optional<mempoolpp::Receiver> receiver_;
    bool busy_ = false;
};

/// One call on a thread of its own, for the main thread, which has to look at signals meanwhile, where it can't be made in
/// slices: of stop a timeout that passed cuts the network, and each flush would wait for more than the one before. The
/// thread never touches Python and outlives a Ctrl-C.
class InBackground {
public:
    explicit InBackground(std::function<void()> call) : shared_(std::make_shared<Shared>()) {
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for the host's threads
        try {
            std::thread([shared = shared_, call = std::move(call)] {
                std::exception_ptr error;
                try {
                    call();
                } catch (...) {
                    error = std::current_exception();
                }
                const std::lock_guard lock(shared->mutex);
                shared->error = error;
                shared->done = true;
                shared->ended.notify_all();
            }).detach();
        } catch (const std::system_error &error) {
            pthread_sigmask(SIG_SETMASK, &before, nullptr);
            throw mempoolpp::Error(MEMPOOL_SYSTEM, std::string("can't start a thread to wait on: ") + error.what());
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    /// Returns whether it has ended within that time; throws what it failed with.
    bool wait_for(mempoolpp::Milliseconds limit) {
        std::unique_lock lock(shared_->mutex);
        if (!shared_->ended.wait_for(lock, limit, [&] { return shared_->done; })) return false;
        if (shared_->error) std::rethrow_exception(shared_->error);
        return true;
    }

private:
    struct Shared {
        std::mutex mutex;  // guards all below
        std::condition_variable ended;
        bool done = false;
        std::exception_ptr error;
    };
    std::shared_ptr<Shared> shared_;
};

void hear_signals_until(InBackground call) {
    for (bool ended = false; !ended;) {
        {
            const WithoutGil released;
            ended = call.wait_for(slice);
        }
        hear_signals();
    }
}

void stop(const PoolObject &self, const std::optional<double> &timeout) {
    const mempoolpp::Milliseconds limit = to_milliseconds(timeout);
    const mempoolpp::State state = self->state();
    const bool waits = state == mempoolpp::State::running || state == mempoolpp::State::draining;
    if (!waits || !on_main_thread()) {
        const WithoutGil released;
        self->stop(limit);
        return;
    }
    hear_signals_until(InBackground([pool = mempoolpp::Pool(*self), limit] { pool.stop(limit); }));
}

/// (id, status, reason, batch); status is "pending" where the time was up.
py::tuple tx_wait(const PoolObject &self, std::uint64_t id, const std::optional<double> &timeout) {
    mempoolpp::Outcome outcome;
    wait(timeout, [&](mempoolpp::Milliseconds limit) {
        outcome = self->tx_wait(id, limit);
        return outcome.status != mempoolpp::Outcome::pending;
    });
    const char *status = outcome.status == mempoolpp::Outcome::applied    ? "applied"
                         : outcome.status == mempoolpp::Outcome::rejected ? "rejected"
                                                                          : "pending";
    return py::make_tuple(outcome.id, status, to_str(outcome.reason), outcome.batch);
}

/// The counters by their names in mempool.h.
py::dict stats(const PoolObject &self) {
    const mempool_stats now = self->stats();
    py::dict all;
    const char *field = reinterpret_cast<const char *>(&now) + offsetof(mempool_stats, accepted);
    for (const mempool_counter_view &counter : mempoolpp::counters()) {
        std::uint64_t value;
        std::memcpy(&value, field, sizeof value);
        field += sizeof value;
        all[counter.name] = value;
    }
    return all;
}

/// (kind, name, metric, labels, doc), in the order of the table.
py::list counters() {
    py::list table;
    for (const mempool_counter_view &row : mempoolpp::counters())
        table.append(py::make_tuple(row.kind == MEMPOOL_COUNTER ? "counter" : "gauge", row.name, row.metric, row.labels,
                                    row.doc));
    return table;
}

std::string_view view(const py::bytes &data) {
    return {PyBytes_AS_STRING(data.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(data.ptr()))};
}

/// The first one's id. `data` is a list of bytes, which nobody else holds.
std::uint64_t submit_many(const PoolObject &self, const py::list &data) {
    std::vector<std::string_view> views;
    views.reserve(data.size());
    for (const py::handle each : data) views.push_back(view(py::reinterpret_borrow<py::bytes>(each)));
    const WithoutGil released;
    return self->submit_many(views);
}

void flush(const PoolObject &self, const std::optional<double> &timeout) {
    const mempoolpp::Milliseconds limit = to_milliseconds(timeout);
    const auto call = [pool = mempoolpp::Pool(*self), limit] {
        if (!pool.flush(limit)) throw mempoolpp::Error(MEMPOOL_TIMEOUT, mempool_error_detail());
    };
    if (on_main_thread()) return hear_signals_until(InBackground(call));
    const WithoutGil released;
    call();
}

}  // namespace

void add_pool(py::module_ &module) {
    using Released = py::call_guard<WithoutGil>;

    module.def("counters", &counters);

    py::class_<ReceiverObject>(module, "Receiver")
        .def("next", &ReceiverObject::next, py::arg("timeout"))
        .def_property_readonly("closed", &ReceiverObject::closed)
        .def("close", &ReceiverObject::close);

    py::class_<PoolObject>(module, "Pool")
        .def(py::init<const mempoolpp::Config &>(), py::arg("config"))
        .def(
            "start", [](const PoolObject &self) { self->start(); }, Released())
        .def("stop", &stop, py::arg("timeout"))
        .def("request_stop", [](const PoolObject &self) { self->request_stop(); })
        .def(
            "port", [](const PoolObject &self) { return self->port(); }, Released())
        .def(
            "state", [](const PoolObject &self) { return static_cast<int>(self->state()); }, Released())
        .def("handle", [](const PoolObject &self) { return reinterpret_cast<std::uintptr_t>(self->get()); })
        .def(
            "submit",
            [](const PoolObject &self, const py::bytes &data) {
                const std::string_view bytes = view(data);
                const WithoutGil released;
                return self->submit(bytes);
            },
            py::arg("data"))
        .def("submit_many", &submit_many, py::arg("data"))
        .def("flush", &flush, py::arg("timeout"))
        .def("stats", &stats)
        .def("metrics_text",
             [](const PoolObject &self) {
                 std::string text;
                 {
                     const WithoutGil released;
                     text = self->metrics_text();
                 }
                 return to_str(text);
             })
        .def_property_readonly("listener_count", [](const PoolObject &self) { return self->listener_count(); })
        .def(
            "publish",
            [](const PoolObject &self, const py::bytes &data, bool binary) {
                const std::string_view bytes = view(data);
                const WithoutGil released;
                return self->publish(bytes, binary);
            },
            py::arg("data"), py::arg("binary"))
        .def("tx_wait", &tx_wait, py::arg("id"), py::arg("timeout"))
        .def(
            "set_apply",
            [](const PoolObject &self, py::object apply) {
                const PythonApply callback(std::move(apply));
                const WithoutGil released;
                self->set_apply(callback);
            },
            py::arg("apply"))
        .def(
            "set_log",
            [](const PoolObject &self, py::object log) {
                const PythonOnLog callback(std::move(log));
                const WithoutGil released;
                self->set_log(callback);
            },
            py::arg("log"))
        .def(
            "log_level", [](const PoolObject &self, std::int32_t level) { self->log_level(level); }, py::arg("level"))
        .def(
            "on_event",
            [](const PoolObject &self, py::object function) {
                const PythonOnEvent callback(std::move(function));
                const WithoutGil released;
                return self->on_event(callback);
            },
            py::arg("callback"))
        .def(
            "off_event", [](const PoolObject &self, std::uint64_t registration) { self->off_event(registration); },
            py::arg("registration"), Released())
        .def("subscribe", [](const PoolObject &self) {
            std::optional<mempoolpp::Receiver> receiver;
            {
                const WithoutGil released;
                receiver = self->subscribe();
            }
            return std::make_unique<ReceiverObject>(std::move(*receiver));
        });
}

}  // namespace binding
