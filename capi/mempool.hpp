// SPDX-License-Identifier: MIT
/// libmempool for C++17: RAII over mempool.h and nothing else. Header-only; link the shared library.
///
///     #include <mempool.hpp>
///     mempoolpp::Pool pool;                       // the default options: http://127.0.0.1:3000
///     pool.set_apply([](mempoolpp::Batch batch) {
///         for (mempoolpp::Tx tx : batch) if (tx.data() == "no") tx.reject("no means no");
///     });
///     pool.start();                               // now curl, websocat and a browser can join
///     auto outcome = pool.tx_wait(pool.submit("pay bob 5"), std::chrono::seconds(1));
///     pool.stop();                                // what was accepted is applied, every client hears it
///
/// Namespace: `mempoolpp`, as `mempool` is the C handle's type in the global namespace. What a function means stands in
/// mempool.h, at the C function of the same name; here is only what C++ adds.
///
/// Errors: every status but OK is thrown as mempoolpp::Error, except where a function says that it returns it.
///
/// Ownership: Pool is a counted reference and copies cheaply; Config, Receiver and Event own and move; Batch, Tx and
/// EventView are borrowed from a callback and die with it.
///
/// Threads: as in mempool.h. Any thread may use a Pool; a Config, a Receiver, a Batch belong to one thread at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mempool.h"

namespace mempoolpp {

using Milliseconds = std::chrono::milliseconds;

/// Waits without limit; for Pool::stop it means the option drain_timeout_ms.
inline constexpr Milliseconds no_limit{-1};

/// A status other than OK. what() is the detail: what was given, what is allowed, what to do now.
class Error : public std::exception {
public:
    Error(mempool_status status, std::string detail)
        : status_(status), detail_(detail.empty() ? mempool_status_text(status) : std::move(detail)) {}

    [[nodiscard]] mempool_status status() const noexcept { return status_; }
    [[nodiscard]] const std::string &detail() const noexcept { return detail_; }
    [[nodiscard]] const char *what() const noexcept override { return detail_.c_str(); }

private:
    mempool_status status_;
    std::string detail_;
};

/// Throws what the last call of this thread failed with; nothing for OK.
inline void check(mempool_status status) {
    if (status != MEMPOOL_OK) throw Error(status, mempool_error_detail());
}

/// Throws UNSUPPORTED where the loaded library does not fit the header that this program was compiled with.
inline void check_version() {
    check(mempool_abi_check(MEMPOOL_VERSION));
}

// ---- configuration ----

/// Options by name, at their defaults until set. One thread at a time.
class Config {
public:
    Config() {
        mempool_config *config = nullptr;
        check(mempool_config_new(&config));
        config_.reset(config);
    }

    Config &set(const std::string &name, std::int64_t value) {
        check(mempool_config_set_int(config_.get(), name.c_str(), value));
        return *this;
    }
    Config &set(const std::string &name, const std::string &value) {
        check(mempool_config_set_text(config_.get(), name.c_str(), value.c_str()));
        return *this;
    }
    Config &set(const std::string &name, const char *value) { return set(name, std::string(value)); }
    Config &set(const std::string &name, int value) { return set(name, std::int64_t{value}); }
    Config &set(const std::string &name, bool value) { return set(name, std::int64_t{value}); }

    [[nodiscard]] std::int64_t get_int(const std::string &name) const {
        std::int64_t value = 0;
        check(mempool_config_get_int(config_.get(), name.c_str(), &value));
        return value;
    }
    [[nodiscard]] std::string get_text(const std::string &name) const {
        const char *value = nullptr;
        check(mempool_config_get_text(config_.get(), name.c_str(), &value));
        return value;
    }

    /// MEMPOOL_LISTEN_PORT and its like.
    Config &load_env() {
        check(mempool_config_load_env(config_.get()));
        return *this;
    }

    [[nodiscard]] const mempool_config *get() const noexcept { return config_.get(); }

private:
    struct Free {
        void operator()(mempool_config *config) const noexcept { mempool_config_free(config); }
    };
    std::unique_ptr<mempool_config, Free> config_;
};

/// The table of options; all its strings are static.
inline std::vector<mempool_option_view> options() {
    std::vector<mempool_option_view> table(mempool_option_count());
    for (std::size_t index = 0; index < table.size(); ++index) {
        table[index].struct_size = sizeof(mempool_option_view);
        check(mempool_option_at(index, &table[index]));
    }
    return table;
}

/// The table of counters, in the order of the fields of mempool_stats; all its strings are static.
inline std::vector<mempool_counter_view> counters() {
    std::vector<mempool_counter_view> table(mempool_counter_count());
    for (std::size_t index = 0; index < table.size(); ++index) {
        table[index].struct_size = sizeof(mempool_counter_view);
        check(mempool_counter_at(index, &table[index]));
    }
    return table;
}

// ---- outcomes ----

/// What became of one transaction. A value.
struct Outcome {
    enum Status : std::int32_t {
        pending = MEMPOOL_TX_PENDING,
        applied = MEMPOOL_TX_APPLIED,
        rejected = MEMPOOL_TX_REJECTED,
    };
    std::uint64_t id = 0;
    Status status = pending;
    std::uint64_t batch = 0;  // its batch's number; 0 while pending
    std::string reason;       // of a rejection; else empty
};

// ---- applying ----

/// One transaction of a batch. Borrowed: only in the apply callback, on its thread.
class Tx {
public:
    Tx(mempool_batch *batch, std::size_t index) : batch_(batch), index_(index) {
        view_.struct_size = sizeof view_;
        check(mempool_batch_at(batch, index, &view_));
    }

    [[nodiscard]] std::uint64_t id() const noexcept { return view_.id; }
    [[nodiscard]] std::string_view data() const noexcept { return {static_cast<const char *>(view_.data), view_.size}; }
    void reject(const std::string &reason) const { check(mempool_batch_reject(batch_, index_, reason.c_str())); }

private:
    mempool_batch *batch_;
    std::size_t index_;
    mempool_tx_view view_{};
};

/// What the apply callback decides on. Borrowed: only in the callback, on its thread. Copies are the same batch.
class Batch {
public:
    explicit Batch(mempool_batch *batch) noexcept : batch_(batch) {}

    [[nodiscard]] std::size_t size() const {
        std::size_t count = 0;
        check(mempool_batch_count(batch_, &count));
        return count;
    }
    [[nodiscard]] Tx operator[](std::size_t index) const { return {batch_, index}; }
    void reject(std::size_t index, const std::string &reason) const {
        check(mempool_batch_reject(batch_, index, reason.c_str()));
    }
    /// Rejects all of it with that reason, whatever else the callback says.
    void fail(const std::string &reason) const { check(mempool_batch_fail(batch_, reason.c_str())); }

    class Iterator {
    public:
        Iterator(mempool_batch *batch, std::size_t index) noexcept : batch_(batch), index_(index) {}
        Tx operator*() const { return {batch_, index_}; }
        Iterator &operator++() noexcept { return ++index_, *this; }
        bool operator!=(const Iterator &other) const noexcept { return index_ != other.index_; }

    private:
        mempool_batch *batch_;
        std::size_t index_;
    };
    [[nodiscard]] Iterator begin() const noexcept { return {batch_, 0}; }
    [[nodiscard]] Iterator end() const { return {batch_, size()}; }

private:
    mempool_batch *batch_;
};

// ---- events ----

struct Rejected {
    std::uint64_t id = 0;
    std::string reason;
};

/// A look at an event that somebody else owns: in an event callback until it returns, else as long as its Event.
class EventView {
public:
    explicit EventView(const mempool_event *event) : event_(event) {
        view_.struct_size = sizeof view_;
        check(mempool_event_read(event, &view_));
    }

    [[nodiscard]] std::int32_t kind() const noexcept { return view_.kind; }  // MEMPOOL_EVENT_*
    [[nodiscard]] std::string epoch() const { return view_.epoch; }
    [[nodiscard]] std::uint64_t offset() const noexcept { return view_.offset; }
    [[nodiscard]] std::chrono::microseconds time() const noexcept { return std::chrono::microseconds(view_.time_us); }
    [[nodiscard]] std::uint64_t batch() const noexcept { return view_.batch; }
    [[nodiscard]] std::uint64_t applied() const noexcept { return view_.applied; }
    [[nodiscard]] std::uint64_t total() const noexcept { return view_.total; }
    [[nodiscard]] std::uint64_t missed() const noexcept { return view_.missed; }
    [[nodiscard]] bool binary() const noexcept { return view_.binary != 0; }
    [[nodiscard]] std::string_view data() const noexcept {
        return view_.size == 0 ? std::string_view()
                               : std::string_view(static_cast<const char *>(view_.data), view_.size);
    }

    /// At most 32; total() - applied() is always the whole.
    [[nodiscard]] std::vector<Rejected> rejected() const {
        std::vector<Rejected> all;
        all.reserve(view_.rejected_count);
        for (std::size_t index = 0; index < view_.rejected_count; ++index) {
            mempool_rejected_view one{};
            one.struct_size = sizeof one;
            check(mempool_event_rejected(event_, index, &one));
            all.push_back({one.id, one.reason});
        }
        return all;
    }

    /// "batch applied 2/3 txs"
    [[nodiscard]] std::string_view text() const {
        const char *text = nullptr;
        std::size_t size = 0;
        check(mempool_event_text(event_, &text, &size));
        return {text, size};
    }

private:
    const mempool_event *event_;
    mempool_event_view view_{};
};

/// An event of one's own, from a receiver.
class Event : public EventView {
public:
    /// Takes ownership.
    explicit Event(mempool_event *event) : Event(std::unique_ptr<mempool_event, Free>(event)) {}

private:
    struct Free {
        void operator()(mempool_event *event) const noexcept { mempool_event_free(event); }
    };
    explicit Event(std::unique_ptr<mempool_event, Free> owned) : EventView(owned.get()), owned_(std::move(owned)) {}
    std::unique_ptr<mempool_event, Free> owned_;
};

/// Outcomes without waiting for each: submissions name it. One thread at a time reads.
class Completions {
public:
    /// Takes ownership.
    explicit Completions(mempool_completions *completions) noexcept : completions_(completions) {}

    /// Fills `out` with what is ready, as many as it has elements; returns their number. 0: the time was up, or closed(). The reasons
    /// are borrowed until the next call.
    std::size_t next(std::vector<mempool_completion> &out, Milliseconds timeout = no_limit) {
        for (mempool_completion &each : out) each.struct_size = sizeof each;
        std::size_t count = 0;
        const mempool_status status =
            mempool_completions_next(completions_.get(), out.data(), out.size(), timeout.count(), &count);
        if (status == MEMPOOL_CLOSED)
            closed_ = true;
        else if (status != MEMPOOL_TIMEOUT)
            check(status);
        return count;
    }
    /// The pool has stopped and everything was taken.
    [[nodiscard]] bool closed() const noexcept { return closed_; }
    /// Readable exactly while next() would not time out at once; the queue's own.
    [[nodiscard]] int fd() const {
        std::int32_t descriptor = -1;
        check(mempool_completions_fd(completions_.get(), &descriptor));
        return descriptor;
    }
    /// One ROOM entry when the pool's queue next has room.
    void arm_room() const { check(mempool_completions_arm_room(completions_.get())); }
    [[nodiscard]] mempool_completions *get() const noexcept { return completions_.get(); }

private:
    struct Close {
        void operator()(mempool_completions *completions) const noexcept { mempool_completions_close(completions); }
    };
    std::unique_ptr<mempool_completions, Close> completions_;
    bool closed_ = false;
};

/// A cursor of one's own. One thread at a time.
class Receiver {
public:
    /// Takes ownership.
    explicit Receiver(mempool_receiver *receiver) noexcept : receiver_(receiver) {}

    /// The next event, LAGGED and RESET among them. None: the time was up (nothing is lost, call again), or closed().
    std::optional<Event> next(Milliseconds timeout = no_limit) {
        mempool_event *event = nullptr;
        const mempool_status status = mempool_receiver_next(receiver_.get(), timeout.count(), &event);
        if (event != nullptr) return Event(event);
        if (status == MEMPOOL_CLOSED)
            closed_ = true;
        else if (status != MEMPOOL_TIMEOUT)
            check(status);
        return std::nullopt;
    }

    /// Readable exactly while next() would not time out at once; the receiver's own.
    [[nodiscard]] int fd() const {
        std::int32_t descriptor = -1;
        check(mempool_receiver_fd(receiver_.get(), &descriptor));
        return descriptor;
    }
    /// How many events it has not heard yet, overwritten ones included.
    [[nodiscard]] std::uint64_t lag() const {
        std::uint64_t events = 0;
        check(mempool_receiver_lag(receiver_.get(), &events));
        return events;
    }
    /// One more, from now on.
    [[nodiscard]] Receiver resubscribe() const {
        mempool_receiver *fresh = nullptr;
        check(mempool_receiver_resubscribe(receiver_.get(), &fresh));
        return Receiver(fresh);
    }

    /// The pool has stopped and everything was heard.
    [[nodiscard]] bool closed() const noexcept { return closed_; }

private:
    struct Close {
        void operator()(mempool_receiver *receiver) const noexcept { mempool_receiver_close(receiver); }
    };
    std::unique_ptr<mempool_receiver, Close> receiver_;
    bool closed_ = false;
};

// ---- the pool ----

enum class State : std::int32_t {
    open = MEMPOOL_OPEN,
    running = MEMPOOL_RUNNING,
    draining = MEMPOOL_DRAINING,
    stopped = MEMPOOL_STOPPED,
};

/// A reference to a pool: copies are the same pool, the last one gone releases it (mempool_release). A moved-from Pool
/// may only be assigned to or destroyed.
class Pool {
public:
    using Apply = std::function<void(Batch)>;
    using OnEvent = std::function<void(const EventView &)>;
    using OnLog = std::function<void(const mempool_log_view &)>;

    Pool() { check(mempool_open(nullptr, &pool_)); }
    explicit Pool(const Config &config) { check(mempool_open(config.get(), &pool_)); }

    /// Joins a pool that somebody else opened, by one more reference: theirs stays theirs.
    static Pool borrow(::mempool *pool) {
        check(mempool_retain(pool));
        return Pool(pool);
    }

    Pool(const Pool &other) : pool_(other.pool_) {
        if (pool_ != nullptr) check(mempool_retain(pool_));
    }
    Pool(Pool &&other) noexcept : pool_(std::exchange(other.pool_, nullptr)) {}
    Pool &operator=(Pool other) noexcept {
        std::swap(pool_, other.pool_);
        return *this;
    }
    ~Pool() { mempool_release(pool_); }

    /// For code that speaks C: borrowed, valid as long as this Pool.
    [[nodiscard]] ::mempool *get() const noexcept { return pool_; }

    void start() const { check(mempool_start(pool_)); }
    void stop(Milliseconds timeout = no_limit) const { check(mempool_stop(pool_, timeout.count())); }
    /// Begins to stop and returns at once: for callbacks and signal handlers. Nothing happens in a forked child.
    void request_stop() const noexcept { mempool_request_stop(pool_); }

    [[nodiscard]] int port() const {
        std::int32_t port = 0;
        check(mempool_port(pool_, &port));
        return port;
    }
    [[nodiscard]] State state() const {
        std::int32_t state = 0;
        check(mempool_state(pool_, &state));
        return static_cast<State>(state);
    }

    /// Returns the transaction's id.
    std::uint64_t submit(std::string_view data) const {
        std::uint64_t id = 0;
        check(mempool_submit(pool_, data.data(), data.size(), nullptr, &id));
        return id;
    }

    /// The outcome arrives in `completions`, with `user_data`.
    std::uint64_t submit(std::string_view data, const Completions &completions, std::uint64_t user_data = 0) const {
        mempool_submit_options options{};
        options.struct_size = sizeof options;
        options.completions = completions.get();
        options.user_data = user_data;
        std::uint64_t id = 0;
        check(mempool_submit(pool_, data.data(), data.size(), &options, &id));
        return id;
    }
    /// A queue for at most `capacity` outcomes, ready and under way together.
    [[nodiscard]] Completions completions(std::size_t capacity) const {
        mempool_completions *opened = nullptr;
        check(mempool_completions_open(pool_, capacity, &opened));
        return Completions(opened);
    }
    /// Waits for room, first come first served.
    std::uint64_t submit_wait(std::string_view data, Milliseconds timeout = no_limit) const {
        std::uint64_t id = 0;
        check(mempool_submit_wait(pool_, data.data(), data.size(), nullptr, timeout.count(), &id));
        return id;
    }
    /// All or none. Returns the first one's id; the others' follow it.
    std::uint64_t submit_many(const std::vector<std::string_view> &transactions) const {
        std::vector<mempool_bytes> views;
        views.reserve(transactions.size());
        for (const std::string_view data : transactions) views.push_back({data.data(), data.size()});
        std::uint64_t first = 0;
        check(mempool_submit_many(pool_, views.data(), views.size(), nullptr, &first));
        return first;
    }
    /// Waits until all that was accepted before has its outcome. False where the time was up: call again.
    bool flush(Milliseconds timeout = no_limit) const {
        const mempool_status status = mempool_flush(pool_, timeout.count());
        if (status != MEMPOOL_TIMEOUT) check(status);
        return status == MEMPOOL_OK;
    }
    /// The counters of this moment.
    [[nodiscard]] mempool_stats stats() const {
        mempool_stats stats{};
        stats.struct_size = sizeof stats;
        check(mempool_stats_read(pool_, &stats));
        return stats;
    }
    /// The same as text for Prometheus.
    [[nodiscard]] std::string metrics_text() const {
        std::string text;
        for (std::size_t needed = 16 * 1024;;) {
            text.resize(needed);
            const mempool_status status = mempool_metrics_text(pool_, text.data(), text.size(), &needed);
            if (status == MEMPOOL_TOO_LARGE) continue;
            check(status);
            text.resize(needed - 1);
            return text;
        }
    }
    /// How many listen at this moment.
    [[nodiscard]] std::size_t listener_count() const {
        std::size_t listeners = 0;
        check(mempool_listener_count(pool_, nullptr, &listeners));
        return listeners;
    }

    /// A pending outcome where the time was up.
    [[nodiscard]] Outcome tx_wait(std::uint64_t id, Milliseconds timeout = no_limit) const {
        mempool_outcome outcome{};
        outcome.struct_size = sizeof outcome;
        const mempool_status status = mempool_tx_wait(pool_, id, timeout.count(), &outcome);
        if (status != MEMPOOL_TIMEOUT) check(status);
        return to_outcome(outcome);
    }
    [[nodiscard]] Outcome tx_status(std::uint64_t id) const {
        mempool_outcome outcome{};
        outcome.struct_size = sizeof outcome;
        check(mempool_tx_status(pool_, id, &outcome));
        return to_outcome(outcome);
    }

    /// Before start. An exception that leaves `apply` rejects the whole batch with its text.
    void set_apply(Apply apply) const {
        auto held = std::make_unique<Apply>(std::move(apply));
        check(mempool_set_apply(pool_, &run_apply, held.get(), &destroy<Apply>));
        held.release();
    }

    /// Before start. Hears what the log has to say, on the callback thread; what leaves it as an exception ends there.
    void set_log(OnLog log) const {
        auto held = std::make_unique<OnLog>(std::move(log));
        check(mempool_set_log(pool_, &run_log, held.get(), &destroy<OnLog>));
        held.release();
    }
    /// MEMPOOL_LOG_OFF .. MEMPOOL_LOG_DEBUG.
    void log_level(std::int32_t level) const { check(mempool_log_level(pool_, level)); }

    /// Returns how many listeners there were.
    std::size_t publish(std::string_view data, bool binary = false) const {
        mempool_publish_options options{};
        options.struct_size = sizeof options;
        options.binary = binary ? 1 : 0;
        std::size_t listeners = 0;
        check(mempool_publish(pool_, data.data(), data.size(), &options, &listeners));
        return listeners;
    }

    /// Returns the registration for off_event. An exception that leaves `callback` ends there: nobody could take it.
    std::uint64_t on_event(OnEvent callback) const {
        auto held = std::make_unique<OnEvent>(std::move(callback));
        std::uint64_t registration = 0;
        check(mempool_on_event(pool_, nullptr, &run_event, held.get(), &destroy<OnEvent>, &registration));
        held.release();
        return registration;
    }
    void off_event(std::uint64_t registration) const { check(mempool_off_event(pool_, registration)); }

    [[nodiscard]] Receiver subscribe() const {
        mempool_receiver *receiver = nullptr;
        check(mempool_subscribe(pool_, nullptr, &receiver));
        return Receiver(receiver);
    }

private:
    explicit Pool(::mempool *retained) noexcept : pool_(retained) {}

    static Outcome to_outcome(const mempool_outcome &outcome) {
        return {outcome.id, static_cast<Outcome::Status>(outcome.status), outcome.batch, outcome.reason};
    }

    // What C calls. No exception gets past these.
    static std::int32_t run_apply(void *user, mempool_batch *batch) noexcept {
        try {
            (*static_cast<Apply *>(user))(Batch(batch));
            return 0;
        } catch (const std::exception &error) {
            mempool_batch_fail(batch, error.what());
        } catch (...) {
            mempool_batch_fail(batch, "apply threw something that is no std::exception");
        }
        return 1;
    }
    static void run_event(void *user, const mempool_event *event) noexcept {
        try {
            (*static_cast<OnEvent *>(user))(EventView(event));
        } catch (...) {
        }
    }
    static void run_log(void *user, const mempool_log_view *message) noexcept {
        try {
            (*static_cast<OnLog *>(user))(*message);
        } catch (...) {
        }
    }
    template <class Callback>
    static void destroy(void *user) noexcept {
        delete static_cast<Callback *>(user);
    }

    ::mempool *pool_ = nullptr;
};

}  // namespace mempoolpp
