// SPDX-License-Identifier: MIT
/// The C ABI over the pool: handles, views and callbacks of mempool.h, and what a field may not say in this version; every other
/// decision is made below. The only file that defines an exported symbol. No exception leaves it, each failure leaves its sentence in mempool_error_detail().
///
/// A `mempool` handle counts the host's references; the pool itself is shared with its own threads and with receivers. With the last
/// release a pool is abandoned: it ends by itself. In a forked child nothing of the parent's pool is touched or freed.

#include "base/counters.hpp"
#include "base/exposition.hpp"
#include "base/memory.hpp"
#include "boundary.hpp"
#include "handles.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using boundary::fill;
using boundary::guard;
using boundary::in_signal_handler;
using boundary::null;
using boundary::take;
using boundary::with_opened;
using boundary::with_pool;

static_assert(MEMPOOL_OK == static_cast<int>(Code::ok) && MEMPOOL_INVALID == static_cast<int>(Code::invalid) &&
              MEMPOOL_STATE == static_cast<int>(Code::state) && MEMPOOL_FULL == static_cast<int>(Code::full) &&
              MEMPOOL_TIMEOUT == static_cast<int>(Code::timeout) && MEMPOOL_CLOSED == static_cast<int>(Code::closed) &&
              MEMPOOL_LAGGED == static_cast<int>(Code::lagged) && MEMPOOL_RESET == static_cast<int>(Code::reset) &&
              MEMPOOL_REENTRANT == static_cast<int>(Code::reentrant) &&
              MEMPOOL_FORKED == static_cast<int>(Code::forked) &&
              MEMPOOL_ADDRESS_IN_USE == static_cast<int>(Code::address_in_use) &&
              MEMPOOL_TOO_LARGE == static_cast<int>(Code::too_large) &&
              MEMPOOL_CONFLICT == static_cast<int>(Code::conflict) &&
              MEMPOOL_NOT_FOUND == static_cast<int>(Code::not_found) && MEMPOOL_GONE == static_cast<int>(Code::gone) &&
              MEMPOOL_LOCKED == static_cast<int>(Code::locked) &&
              MEMPOOL_READ_ONLY == static_cast<int>(Code::read_only) &&
              MEMPOOL_NO_MEMORY == static_cast<int>(Code::no_memory) &&
              MEMPOOL_UNSUPPORTED == static_cast<int>(Code::unsupported) &&
              MEMPOOL_SYSTEM == static_cast<int>(Code::system) && MEMPOOL_INTERNAL == static_cast<int>(Code::internal));
static_assert(MEMPOOL_REASON_MAX == core::reason_max_bytes);

namespace {

Status check_topic(const char *topic) {
    if (topic == nullptr || topic == core::main_topic) return {};
    return {Code::unsupported, std::string("topic ") + std::string(std::string_view(topic).substr(0, 64)) +
                                   ": this version has only \"mempool\""};
}

Status take_submit(const mempool_submit_options &given, const core::Pool &pool, core::Claim &claim) {
    mempool_submit_options options;
    if (Status status = take(&given, options); !status.ok()) return status;
    if (options.key != nullptr || options.key_size != 0)
        return {Code::unsupported, "key: this version has no idempotency keys; leave it NULL"};
    if (options.completions != nullptr) {
        if (options.completions->pool.get() != &pool)
            return {Code::invalid, "completions: the queue was opened on another pool; open one on this"};
        claim = {options.completions->queue, options.user_data};
    }
    return check_topic(options.topic);
}

Status take_subscribe(const mempool_subscribe_options *given) {
    mempool_subscribe_options options;
    if (Status status = take(given, options); !status.ok()) return status;
    if (options.since != nullptr) return {Code::unsupported, "since: this version can't resume; leave it NULL"};
    if (options.slow != nullptr) return {Code::unsupported, "slow: this version has no slow policies; leave it NULL"};
    return check_topic(options.topic);
}

/// What the host gave us to keep: destroyed once, with the last copy of the function that holds it.
struct Keepsake {
    Keepsake(void *its_user, mempool_destroy_fn its_destroy) : user(its_user), destroy(its_destroy) {}
    ~Keepsake() {
        if (destroy == nullptr) return;
        try {
            destroy(user);
        } catch (...) {  // a C++ host's; there is nobody to tell
        }
    }
    Keepsake(const Keepsake &) = delete;
    Keepsake &operator=(const Keepsake &) = delete;
    /// The registration failed: it stays the host's.
    void forget() { destroy = nullptr; }

    void *const user;
    mempool_destroy_fn destroy;
};

/// Never fails where the event's text has room for text_max_bytes: what was heard is not lost then.
void fill_event(mempool_event &event, core::Heard heard) {
    if (heard.kind == core::Heard::Kind::lagged)
        core::append_lagged_text(event.text, heard.missed);
    else if (heard.kind == core::Heard::Kind::reset)
        core::append_reset_text(event.text, *heard.epoch);
    else if (const auto *batch = std::get_if<core::BatchDone>(&heard.event->body))
        core::append_text(event.text, *batch);
    event.heard = std::move(heard);
}

/// A status whose event has been taken: told without its sentence where there is no memory for that.
template <class Sentence>
Status told(Code code, Sentence sentence) {
    try {
        return {code, sentence()};
    } catch (const std::bad_alloc &) {
        return {code, {}};
    }
}

mempool_outcome to_c(std::uint64_t id, const core::Outcome &outcome) {
    mempool_outcome c{};
    c.id = id;
    c.batch = outcome.batch;
    c.status = outcome.kind == core::Outcome::Kind::applied    ? MEMPOOL_TX_APPLIED
               : outcome.kind == core::Outcome::Kind::rejected ? MEMPOOL_TX_REJECTED
                                                               : MEMPOOL_TX_PENDING;
    const std::size_t size = std::min<std::size_t>(outcome.reason.size(), MEMPOOL_REASON_MAX);
    std::memcpy(c.reason, outcome.reason.data(), size);
    return c;
}

}  // namespace

extern "C" {

// ---- version ----

std::uint32_t mempool_version(void) {
    return MEMPOOL_VERSION;
}

const char *mempool_version_text(void) {
#define MEMPOOL_TEXT_OF(x) #x
#define MEMPOOL_TEXT(x) MEMPOOL_TEXT_OF(x)
    return MEMPOOL_TEXT(MEMPOOL_VERSION_MAJOR) "." MEMPOOL_TEXT(MEMPOOL_VERSION_MINOR) "." MEMPOOL_TEXT(
        MEMPOOL_VERSION_PATCH);
#undef MEMPOOL_TEXT
#undef MEMPOOL_TEXT_OF
}

std::int32_t mempool_abi_check(std::uint32_t header_version) {
    return guard([&]() -> Status {
        // Until 1.0 each minor version may change the ABI.
        if (header_version / 1000 == MEMPOOL_VERSION / 1000) return {};
        return {Code::unsupported, "compiled with mempool.h " + std::to_string(header_version / 1000000) + "." +
                                       std::to_string(header_version / 1000 % 1000) + ", loaded libmempool " +
                                       mempool_version_text() + "; compile again, or install the matching library"};
    });
}

std::int32_t mempool_has_feature(const char *name) {
    if (name == nullptr) return 0;
    const std::string_view feature = name;
    return feature == "network" || feature == "websocket" ? 1 : 0;
}

// ---- status ----

const char *mempool_status_name(mempool_status status) {
    return core::code_name(status);
}

const char *mempool_status_text(mempool_status status) {
    return core::code_text(status);
}

const char *mempool_error_detail(void) {
    return boundary::last_detail.c_str();
}

// ---- configuration ----

mempool_status mempool_config_new(mempool_config **config) {
    return guard([&]() -> Status {
        if (config == nullptr) return null("config");
        *config = new mempool_config;
        return {};
    });
}

void mempool_config_free(mempool_config *config) {
    delete config;
}

mempool_status mempool_config_set_int(mempool_config *config, const char *name, std::int64_t value) {
    return guard([&]() -> Status {
        if (config == nullptr) return null("config");
        if (name == nullptr) return null("name");
        return config->options.set_integer(name, value);
    });
}

mempool_status mempool_config_set_text(mempool_config *config, const char *name, const char *value) {
    return guard([&]() -> Status {
        if (config == nullptr) return null("config");
        if (name == nullptr) return null("name");
        if (value == nullptr) return null("value");
        return config->options.set_text(name, value);
    });
}

mempool_status mempool_config_get_int(const mempool_config *config, const char *name, std::int64_t *value) {
    return guard([&]() -> Status {
        if (config == nullptr) return null("config");
        if (name == nullptr) return null("name");
        if (value == nullptr) return null("value");
        const core::OptionRow *row = core::find_option(name);
        if (row == nullptr) return {Code::not_found, std::string("unknown option ") + name};
        if (row->type == core::OptionType::text)
            return {Code::invalid, std::string(name) + " is a text option; ask with mempool_config_get_text"};
        *value = config->options[row->id];
        return {};
    });
}

mempool_status mempool_config_get_text(const mempool_config *config, const char *name, const char **value) {
    return guard([&]() -> Status {
        if (config == nullptr) return null("config");
        if (name == nullptr) return null("name");
        if (value == nullptr) return null("value");
        const core::OptionRow *row = core::find_option(name);
        if (row == nullptr) return {Code::not_found, std::string("unknown option ") + name};
        if (row->type != core::OptionType::text)
            return {Code::invalid, std::string(name) + " is no text option; ask with mempool_config_get_int"};
        *value = config->options.text(row->id).c_str();
        return {};
    });
}

mempool_status mempool_config_load_env(mempool_config *config) {
    return guard([&]() -> Status {
        if (config == nullptr) return null("config");
        return config->options.load_environment(environ);
    });
}

std::size_t mempool_option_count(void) {
    return core::option_count;
}

mempool_status mempool_option_at(std::size_t index, mempool_option_view *option) {
    return guard([&]() -> Status {
        if (index >= core::option_count)
            return {Code::not_found, "there are " + std::to_string(core::option_count) + " options, none at index " +
                                         std::to_string(index)};
        const core::OptionRow &row = core::option_table()[index];
        mempool_option_view view{};
        view.type = static_cast<std::int32_t>(row.type);
        view.name = row.name;
        view.unit = row.unit;
        view.doc = row.doc;
        view.since = row.since;
        view.minimum = row.minimum;
        view.maximum = row.maximum;
        view.default_int = row.default_integer;
        view.default_text = row.default_text;
        return fill(option, "option", view);
    });
}

// ---- life ----

mempool_status mempool_open(const mempool_config *config, mempool_handle **pool) {
    return guard([&]() -> Status {
        if (pool == nullptr) return null("pool");
        auto handle = std::make_unique<mempool_handle>();
        if (Status status = core::Pool::open(config == nullptr ? core::Options() : config->options, handle->pool);
            !status.ok())
            return status;
        *pool = handle.release();
        return {};
    });
}

mempool_status mempool_start(mempool_handle *pool) {
    return with_pool(pool, [](core::Pool &here) { return here.start(); });
}

mempool_status mempool_port(mempool_handle *pool, std::int32_t *port) {
    return with_pool(pool, [&](core::Pool &here) { return port == nullptr ? null("port") : here.port(*port); });
}

mempool_status mempool_state(mempool_handle *pool, std::int32_t *state) {
    return with_pool(pool, [&](core::Pool &here) -> Status {
        if (state == nullptr) return null("state");
        *state = static_cast<std::int32_t>(here.state());
        return {};
    });
}

mempool_status mempool_stop(mempool_handle *pool, std::int64_t timeout_ms) {
    return with_pool(pool, [&](core::Pool &here) { return here.stop(timeout_ms); });
}

mempool_status mempool_request_stop(mempool_handle *pool) {
    return in_signal_handler(pool, [](core::Pool &here) { here.request_stop(); });
}

mempool_status mempool_retain(mempool_handle *pool) {
    return with_pool(pool, [&](core::Pool &) -> Status {
        pool->references.fetch_add(1, std::memory_order_relaxed);
        return {};
    });
}

void mempool_release(mempool_handle *pool) {
    // acq_rel: all that other owners did is seen by the last one
    if (pool == nullptr || pool->pool->forked() || pool->references.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    guard([&]() -> Status {
        pool->pool->abandon();
        return {};
    });
    delete pool;
}

// ---- submitting and outcomes ----

mempool_status mempool_submit(mempool_handle *pool, const void *data, std::size_t size,
                              const mempool_submit_options *options, std::uint64_t *id) {
    return with_pool(pool, [&](core::Pool &here) -> Status {
        if (data == nullptr && size > 0) return null("data");
        core::Claim claim;
        if (options != nullptr)
            if (Status status = take_submit(*options, here, claim); !status.ok()) return status;
        std::uint64_t given = 0;
        Status status = here.submit(data, size, given, claim);
        if (status.ok() && id != nullptr) *id = given;
        return status;
    });
}

mempool_status mempool_submit_wait(mempool_handle *pool, const void *data, std::size_t size,
                                   const mempool_submit_options *options, std::int64_t timeout_ms, std::uint64_t *id) {
    return with_pool(pool, [&](core::Pool &here) -> Status {
        if (data == nullptr && size > 0) return null("data");
        core::Claim claim;
        if (options != nullptr)
            if (Status status = take_submit(*options, here, claim); !status.ok()) return status;
        std::uint64_t given = 0;
        Status status = here.submit_wait(data, size, timeout_ms, given, claim);
        if (status.ok() && id != nullptr) *id = given;
        return status;
    });
}

mempool_status mempool_submit_many(mempool_handle *pool, const mempool_bytes *transactions, std::size_t count,
                                   const mempool_submit_options *options, std::uint64_t *first) {
    return with_pool(pool, [&](core::Pool &here) -> Status {
        if (transactions == nullptr && count > 0) return null("transactions");
        core::Claim claim;
        if (options != nullptr)
            if (Status status = take_submit(*options, here, claim); !status.ok()) return status;
        std::vector<std::string_view> all;
        all.reserve(count);
        bool some_are_long = false;
        for (std::size_t index = 0; index < count; ++index) {
            const mempool_bytes &each = transactions[index];
            if (each.data == nullptr && each.size > 0) return null("transactions[].data");
            if (Status status = here.check_size(each.size); !status.ok()) return status;
            some_are_long |= each.size > core::copied_max_bytes;
            all.emplace_back(static_cast<const char *>(each.data), each.size);
        }
        std::uint64_t given = 0;
        const auto submit_copies = [&] {
            std::vector<std::string> copies(all.begin(), all.end());
            return here.submit_many(copies, given, claim);
        };
        Status status = some_are_long ? submit_copies() : here.submit_many(all, given, claim);
        if (status.ok() && first != nullptr) *first = given;
        return status;
    });
}

mempool_status mempool_flush(mempool_handle *pool, std::int64_t timeout_ms) {
    return with_pool(pool, [&](core::Pool &here) { return here.flush(timeout_ms); });
}

mempool_status mempool_tx_wait(mempool_handle *pool, std::uint64_t id, std::int64_t timeout_ms,
                               mempool_outcome *outcome) {
    return with_pool(pool, [&](core::Pool &here) -> Status {
        if (outcome == nullptr) return null("outcome");
        core::Outcome known{};
        Status status = here.tx_wait(id, timeout_ms, known);
        if (status.ok() || status.code() == Code::timeout)
            if (Status filled = fill(outcome, "outcome", to_c(id, known)); !filled.ok()) return filled;
        return status;
    });
}

mempool_status mempool_tx_status(mempool_handle *pool, std::uint64_t id, mempool_outcome *outcome) {
    return with_pool(pool, [&](core::Pool &here) -> Status {
        core::Outcome known{};
        if (Status status = here.tx_status(id, known); !status.ok()) return status;
        return fill(outcome, "outcome", to_c(id, known));
    });
}

mempool_status mempool_completions_open(mempool_handle *pool, std::size_t capacity, mempool_completions **completions) {
    return with_pool(pool, [&](core::Pool &here) -> Status {
        constexpr std::size_t most = std::size_t{1} << 22;
        if (completions == nullptr) return null("completions");
        if (capacity < 1 || capacity > most)
            return {Code::invalid,
                    "capacity " + std::to_string(capacity) + " is out of range; allowed: 1 to " + std::to_string(most)};
        *completions = new mempool_completions{pool->pool, here.open_completions(capacity), {}};
        return {};
    });
}

mempool_status mempool_completions_next(mempool_completions *completions, mempool_completion *array, std::size_t most,
                                        std::int64_t timeout_ms, std::size_t *count) {
    return with_opened(completions, "completions", [&]() -> Status {
        if (count == nullptr) return null("count");
        *count = 0;
        if (array == nullptr) return null("array");
        if (most == 0) return {Code::invalid, "most is 0; give the number of elements of the array"};
        if (timeout_ms != 0 && completions->pool->on_batch_thread())
            return {Code::reentrant,
                    "apply can't wait for outcomes: it is what decides them; use timeout 0, or another thread"};
        if (Status status = fill(array, "array[0]", mempool_completion{}); !status.ok()) return status;
        completions->taken.clear();
        const std::size_t taken = completions->queue->next(completions->taken, most, core::deadline_after(timeout_ms));
        if (taken == 0 && completions->queue->ended())
            return {Code::closed, "every outcome was taken; the pool is stopped"};
        if (taken == 0) return {Code::timeout, "no outcome came in time; call again"};
        const std::size_t stride = array->struct_size;
        for (std::size_t index = 0; index < taken; ++index) {
            const core::Completion &each = completions->taken[index];
            auto *element = reinterpret_cast<mempool_completion *>(reinterpret_cast<char *>(array) + index * stride);
            element->struct_size = static_cast<std::uint32_t>(stride);
            mempool_completion view{};
            view.kind =
                each.kind == core::Completion::Kind::room ? MEMPOOL_COMPLETION_ROOM : MEMPOOL_COMPLETION_OUTCOME;
            if (each.kind != core::Completion::Kind::room)
                view.status = each.kind == core::Completion::Kind::applied ? MEMPOOL_TX_APPLIED : MEMPOOL_TX_REJECTED;
            view.id = each.id;
            view.batch = each.batch;
            view.user_data = each.user_data;
            view.reason = each.reason.c_str();
            if (Status status = fill(element, "array", view); !status.ok()) return status;
        }
        *count = taken;
        return {};
    });
}

mempool_status mempool_completions_fd(mempool_completions *completions, std::int32_t *fd) {
    return with_opened(completions, "completions", [&]() -> Status {
        if (fd == nullptr) return null("fd");
        *fd = completions->queue->fd();
        return {};
    });
}

mempool_status mempool_completions_arm_room(mempool_completions *completions) {
    return with_opened(completions, "completions", [&]() -> Status {
        completions->pool->tell_room(completions->queue);
        return {};
    });
}

void mempool_completions_close(mempool_completions *completions) {
    if (completions == nullptr || completions->pool->forked()) return;
    delete completions;
}

// ---- applying ----

mempool_status mempool_set_apply(mempool_handle *pool, mempool_apply_fn apply, void *user, mempool_destroy_fn destroy) {
    return with_pool(pool, [&](core::Pool &here) -> Status {
        if (apply == nullptr) return null("apply");
        const auto kept = std::make_shared<Keepsake>(user, destroy);
        try {
            Status status = here.set_apply([apply, kept](core::Batch &batch) {
                mempool_batch view{batch};
                if (const std::int32_t failed = apply(kept->user, &view); failed != 0)
                    batch.fail("apply failed with " + std::to_string(failed));
            });
            if (!status.ok()) kept->forget();
            return status;
        } catch (...) {
            kept->forget();
            throw;
        }
    });
}

mempool_status mempool_batch_count(const mempool_batch *batch, std::size_t *count) {
    return guard([&]() -> Status {
        if (batch == nullptr) return null("batch");
        if (count == nullptr) return null("count");
        *count = batch->batch.transactions().size();
        return {};
    });
}

mempool_status mempool_batch_at(const mempool_batch *batch, std::size_t index, mempool_tx_view *tx) {
    return guard([&]() -> Status {
        if (batch == nullptr) return null("batch");
        const auto transactions = batch->batch.transactions();
        if (index >= transactions.size())
            return {Code::invalid, "index " + std::to_string(index) + " is past the batch's " +
                                       std::to_string(transactions.size()) + " transactions"};
        mempool_tx_view view{};
        view.id = transactions[index].id;
        view.data = transactions[index].data.data();
        view.size = transactions[index].data.size();
        return fill(tx, "tx", view);
    });
}

mempool_status mempool_batch_reject(mempool_batch *batch, std::size_t index, const char *reason) {
    return guard([&]() -> Status {
        if (batch == nullptr) return null("batch");
        const std::size_t count = batch->batch.transactions().size();
        if (index >= count)
            return {Code::invalid, "index " + std::to_string(index) + " is past the batch's " + std::to_string(count) +
                                       " transactions"};
        batch->batch.reject(index, reason == nullptr ? "rejected" : reason);
        return {};
    });
}

mempool_status mempool_batch_fail(mempool_batch *batch, const char *reason) {
    return guard([&]() -> Status {
        if (batch == nullptr) return null("batch");
        batch->batch.fail(reason == nullptr ? "apply failed" : reason);
        return {};
    });
}

// ---- events ----

mempool_status mempool_event_read(const mempool_event *event, mempool_event_view *out) {
    return guard([&]() -> Status {
        if (event == nullptr) return null("event");
        mempool_event_view view{};
        view.epoch = event->heard.epoch->c_str();
        view.offset = event->heard.offset.value;
        if (const auto *batch = event->batch()) {
            view.kind = MEMPOOL_EVENT_BATCH;
            view.batch = batch->number;
            view.applied = batch->applied;
            view.total = batch->total;
            view.rejected_count = batch->rejected.size();
        } else if (const auto *message = event->message()) {
            view.kind = MEMPOOL_EVENT_MESSAGE;
            view.data = message->payload.data();
            view.size = message->payload.size();
            view.binary = message->binary ? 1 : 0;
        } else if (event->heard.kind == core::Heard::Kind::reset) {
            view.kind = MEMPOOL_EVENT_RESET;
        } else {
            view.kind = MEMPOOL_EVENT_LAGGED;
            view.missed = event->heard.missed;
        }
        if (event->heard.event) view.time_us = event->heard.event->time_us;
        return fill(out, "view", view);
    });
}

mempool_status mempool_event_rejected(const mempool_event *event, std::size_t index, mempool_rejected_view *rejected) {
    return guard([&]() -> Status {
        if (event == nullptr) return null("event");
        const auto *batch = event->batch();
        const std::size_t count = batch == nullptr ? 0 : batch->rejected.size();
        if (index >= count)
            return {Code::invalid,
                    "index " + std::to_string(index) + " is past the " + std::to_string(count) + " rejections listed"};
        mempool_rejected_view view{};
        view.id = batch->rejected[index].id;
        view.reason = batch->rejected[index].reason.c_str();
        return fill(rejected, "rejected", view);
    });
}

mempool_status mempool_event_text(const mempool_event *event, const char **text, std::size_t *size) {
    return guard([&]() -> Status {
        if (event == nullptr) return null("event");
        if (text == nullptr) return null("text");
        const core::Message *message = event->message();
        const std::string_view whole = message != nullptr ? message->payload : event->text;
        *text = whole.data();  // with a NUL behind it
        if (size != nullptr) *size = whole.size();
        return {};
    });
}

void mempool_event_free(mempool_event *event) {
    delete event;
}

mempool_status mempool_publish(mempool_handle *pool, const void *data, std::size_t size,
                               const mempool_publish_options *options, std::size_t *listeners) {
    return with_pool(pool, [&](core::Pool &here) -> Status {
        if (data == nullptr && size > 0) return null("data");
        mempool_publish_options taken;
        if (Status status = take(options, taken); !status.ok()) return status;
        if (Status status = check_topic(taken.topic); !status.ok()) return status;
        std::size_t heard_by = 0;
        Status status =
            here.publish({size > 0 ? static_cast<const char *>(data) : "", size}, taken.binary != 0, heard_by);
        if (status.ok() && listeners != nullptr) *listeners = heard_by;
        return status;
    });
}

// ---- listening ----

mempool_status mempool_on_event(mempool_handle *pool, const mempool_subscribe_options *options,
                                mempool_event_fn callback, void *user, mempool_destroy_fn destroy,
                                std::uint64_t *registration) {
    return with_pool(pool, [&](core::Pool &here) -> Status {
        if (callback == nullptr) return null("callback");
        if (registration == nullptr) return null("registration");
        if (Status status = take_subscribe(options); !status.ok()) return status;
        const auto kept = std::make_shared<Keepsake>(user, destroy);
        try {
            std::uint64_t number = 0;
            Status status = here.on_event(
                [callback, kept](const core::Heard &heard) {
                    try {
                        mempool_event event;
                        core::once_there_is_memory([&] { event.text.reserve(core::text_max_bytes); });
                        fill_event(event, heard);
                        callback(kept->user, &event);
                    } catch (...) {  // a C++ host's exception: the contract says that it must not, and it ends here
                    }
                },
                number);
            if (status.ok())
                *registration = number;
            else
                kept->forget();
            return status;
        } catch (...) {
            kept->forget();
            throw;
        }
    });
}

mempool_status mempool_off_event(mempool_handle *pool, std::uint64_t registration) {
    return with_pool(pool, [&](core::Pool &here) { return here.off_event(registration); });
}

mempool_status mempool_subscribe(mempool_handle *pool, const mempool_subscribe_options *options,
                                 mempool_receiver **receiver) {
    return with_pool(pool, [&](core::Pool &here) -> Status {
        if (receiver == nullptr) return null("receiver");
        if (Status status = take_subscribe(options); !status.ok()) return status;
        *receiver = new mempool_receiver{pool->pool, here.subscribe()};
        return {};
    });
}

mempool_status mempool_receiver_next(mempool_receiver *receiver, std::int64_t timeout_ms, mempool_event **event) {
    return with_opened(receiver, "receiver", [&]() -> Status {
        if (event == nullptr) return null("event");
        *event = nullptr;
        if (timeout_ms != 0 && receiver->pool->on_batch_thread())
            return {Code::reentrant,
                    "apply can't wait for events: it is what makes them; use timeout 0, or another thread"};
        auto room = std::make_unique<mempool_event>();  // before the event is taken: without memory nothing is lost
        room->text.reserve(core::text_max_bytes);
        core::Heard heard = receiver->receiver->next(core::deadline_after(timeout_ms));
        switch (heard.kind) {
            case core::Heard::Kind::timeout:
                return {Code::timeout, "no event came in time; call again"};
            case core::Heard::Kind::closed:
                return {Code::closed, "everything was heard; the pool is stopped"};
            case core::Heard::Kind::event:
            case core::Heard::Kind::lagged:
            case core::Heard::Kind::reset:
                break;
        }
        room->epoch = receiver->receiver->epoch();
        const core::Heard::Kind kind = heard.kind;
        const std::uint64_t missed = heard.missed;
        fill_event(*room, std::move(heard));
        *event = room.release();
        if (kind == core::Heard::Kind::lagged)
            return told(Code::lagged, [&] {
                return "the receiver fell behind and missed " + std::to_string(missed) +
                       " events; raise ring_capacity, or read faster";
            });
        if (kind == core::Heard::Kind::reset)
            return told(Code::reset,
                        [] { return std::string("the topic's history was not continued; positions before are void"); });
        return {};
    });
}

mempool_status mempool_receiver_fd(mempool_receiver *receiver, std::int32_t *fd) {
    return with_opened(receiver, "receiver", [&]() -> Status {
        if (fd == nullptr) return null("fd");
        *fd = receiver->receiver->fd();
        return {};
    });
}

mempool_status mempool_receiver_lag(mempool_receiver *receiver, std::uint64_t *events) {
    return with_opened(receiver, "receiver", [&]() -> Status {
        if (events == nullptr) return null("events");
        *events = receiver->receiver->length();
        return {};
    });
}

mempool_status mempool_receiver_resubscribe(mempool_receiver *receiver, mempool_receiver **fresh) {
    return with_opened(receiver, "receiver", [&]() -> Status {
        if (fresh == nullptr) return null("fresh");
        *fresh = new mempool_receiver{receiver->pool, receiver->pool->subscribe()};
        return {};
    });
}

mempool_status mempool_listener_count(mempool_handle *pool, const char *topic, std::size_t *listeners) {
    return with_pool(pool, [&](core::Pool &here) -> Status {
        if (listeners == nullptr) return null("listeners");
        if (Status status = check_topic(topic); !status.ok()) return status;
        *listeners = here.listeners();
        return {};
    });
}

// ---- observing ----

mempool_status mempool_stats_read(mempool_handle *pool, mempool_stats *stats) {
    return with_pool(pool, [&](core::Pool &here) -> Status {
        // Behind its first 8 bytes the struct is the table of counters: a test reads the names in the header.
        static_assert(sizeof(mempool_stats) ==
                      offsetof(mempool_stats, accepted) + sizeof(std::uint64_t) * core::counter_count);
        const core::Counters now = here.stats();
        mempool_stats view{};
        std::memcpy(reinterpret_cast<char *>(&view) + offsetof(mempool_stats, accepted), now.values().data(),
                    now.values().size_bytes());
        return fill(stats, "stats", view);
    });
}

std::size_t mempool_counter_count(void) {
    return core::counter_count;
}

mempool_status mempool_counter_at(std::size_t index, mempool_counter_view *counter) {
    return guard([&]() -> Status {
        const auto table = core::counter_table();
        if (index >= table.size())
            return {Code::not_found, "there are " + std::to_string(table.size()) + " counters, from 0 on"};
        const core::CounterRow &row = table[index];
        mempool_counter_view view{};
        view.kind = static_cast<std::int32_t>(row.kind);
        view.name = row.name;
        view.metric = row.metric;
        view.labels = row.labels;
        view.doc = row.doc;
        return fill(counter, "counter", view);
    });
}

mempool_status mempool_metrics_text(mempool_handle *pool, char *buffer, std::size_t capacity, std::size_t *needed) {
    return with_pool(pool, [&](core::Pool &here) -> Status {
        if (needed == nullptr) return null("needed");
        if (buffer == nullptr && capacity > 0) return null("buffer");
        const std::string text = core::exposition_of(here.observe(), core::Exposition::prometheus);
        *needed = text.size() + 1;
        if (capacity < *needed)
            return {Code::too_large, "the metrics need " + std::to_string(*needed) + " bytes; the buffer has " +
                                         std::to_string(capacity)};
        std::memcpy(buffer, text.c_str(), *needed);
        return {};
    });
}

mempool_status mempool_set_log(mempool_handle *pool, mempool_log_fn log, void *user, mempool_destroy_fn destroy) {
    return with_pool(pool, [&](core::Pool &here) -> Status {
        if (log == nullptr) return null("log");
        const auto kept = std::make_shared<Keepsake>(user, destroy);
        try {
            Status status = here.set_log([log, kept](const core::Log::Entry &entry) {
                mempool_log_view view{};
                view.struct_size = sizeof view;
                view.level = static_cast<std::int32_t>(entry.level);
                view.time_us = entry.time_us;
                view.text = entry.text;
                log(kept->user, &view);
            });
            if (!status.ok()) kept->forget();
            return status;
        } catch (...) {
            kept->forget();
            throw;
        }
    });
}

mempool_status mempool_log_level(mempool_handle *pool, std::int32_t level) {
    return with_pool(pool, [&](core::Pool &here) -> Status {
        if (level < MEMPOOL_LOG_OFF || level > MEMPOOL_LOG_DEBUG)
            return {Code::invalid, "log level " + std::to_string(level) +
                                       " is none; give MEMPOOL_LOG_OFF (0) to MEMPOOL_LOG_DEBUG (4)"};
        here.set_log_level(static_cast<core::LogLevel>(level));
        return {};
    });
}

void mempool_receiver_close(mempool_receiver *receiver) {
    if (receiver == nullptr || receiver->pool->forked()) return;
    delete receiver;
}

}  // extern "C"
