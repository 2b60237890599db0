/* SPDX-License-Identifier: MIT
 *
 * libmempool: many producers submit transactions, one batch task applies them in ticks, every listener hears what came of it.
 *
 *     mempool *pool;                                   // error handling left out
 *     mempool_open(NULL, &pool);                       // the default options: http://127.0.0.1:3000
 *     mempool_set_apply(pool, my_apply, my_state, NULL);
 *     mempool_start(pool);                             // now curl, websocat and a browser can join
 *     uint64_t id;
 *     mempool_submit(pool, "pay bob 5", 9, NULL, &id); // never blocks
 *     mempool_outcome outcome = {sizeof outcome};
 *     mempool_tx_wait(pool, id, 1000, &outcome);       // applied, or rejected with a reason
 *     mempool_stop(pool, -1);                          // what was accepted is applied, every client hears it
 *     mempool_release(pool);
 *
 * This header is the contract and the manual. Chapters: 1 conventions, 2 version, 3 status, 4 configuration, 5 life,
 * 6 submitting, 7 outcomes, 8 applying, 9 events, 10 listening, 11 observing.
 *
 * ---------------------------------------------------------------------------------------------------------------------
 * 1 CONVENTIONS
 *
 * Status     Every function that can fail returns a mempool_status; results come through the last parameters and are written
 *            only where the function's text says so. mempool_error_detail() has the sentence for people. No errno, no exceptions.
 * Threads    Every function may be called from any thread unless its block says otherwise.
 * Callbacks  A callback is registered with `user` (handed back to it) and `destroy` (may be NULL), which runs exactly once, after
 *            the last call, on any thread. A callback may call every function that its block does not answer with REENTRANT.
 *            An exception must not leave a callback; where one does (C++), it is caught and treated as the callback's failure.
 * Ownership  A pointer that a function fills and that has a _free, _close or _release is yours. All else is borrowed: from a
 *            callback until it returns, from an object until that object is freed. Every free takes NULL.
 * Text       UTF-8, NUL-terminated where no size is given. Data are bytes with a size.
 * Times      Timeouts are milliseconds of the monotonic clock: 0 does not wait, -1 waits without limit.
 * Structs    Those with a `struct_size` are set to zero by you, but for `struct_size = sizeof`. Fields are only ever appended, so a
 *            program that was compiled with an older header keeps working. A field whose feature this build lacks answers
 *            MEMPOOL_UNSUPPORTED when it is set.
 * Topics     NULL means "mempool", the topic that always exists and, in this version, the only one: another is UNSUPPORTED.
 * Fork       In a child of fork() the handles of the parent answer MEMPOOL_FORKED and only mempool_release may be called on them;
 *            the child can open a pool of its own.
 */
#ifndef MEMPOOL_H
#define MEMPOOL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MEMPOOL_API __attribute__((visibility("default")))
#else
#define MEMPOOL_API
#endif

/* ---------------------------------------------------------------------------------------------------------------------
 * 2 VERSION. Until 1.0 the ABI may change with the minor version.
 */
#define MEMPOOL_VERSION_MAJOR 0
#define MEMPOOL_VERSION_MINOR 1
#define MEMPOOL_VERSION_PATCH 0
#define MEMPOOL_VERSION (MEMPOOL_VERSION_MAJOR * 1000000 + MEMPOOL_VERSION_MINOR * 1000 + MEMPOOL_VERSION_PATCH)

/* The version of the loaded library, in the form of MEMPOOL_VERSION. Never fails. Since 0.1. */
MEMPOOL_API uint32_t mempool_version(void);

/* The same as text, "0.1.0". Static; never fails. Since 0.1. */
MEMPOOL_API const char *mempool_version_text(void);

/* Whether a program compiled with this header can use the loaded library: pass MEMPOOL_VERSION.
 * Returns OK, or UNSUPPORTED when the two versions do not fit. Since 0.1. */
MEMPOOL_API int32_t mempool_abi_check(uint32_t header_version);

/* 1 when the build has the feature of that name ("network", "websocket"), else 0. NULL and unknown names: 0. Since 0.1. */
MEMPOOL_API int32_t mempool_has_feature(const char *name);

/* ---------------------------------------------------------------------------------------------------------------------
 * 3 STATUS. The numbers never change.
 */
typedef int32_t mempool_status;

enum {
    MEMPOOL_OK = 0,
    MEMPOOL_INVALID = 1,        /* an argument or option is out of its range; the detail names it and what is allowed */
    MEMPOOL_STATE = 2,          /* not now: not started yet, or started already */
    MEMPOOL_FULL = 3,           /* the queue has no room (queue_capacity, queue_bytes); nothing was queued */
    MEMPOOL_TIMEOUT = 4,        /* the time was up; nothing is lost, call again */
    MEMPOOL_CLOSED = 5,         /* draining or stopped; for a receiver: everything was heard */
    MEMPOOL_LAGGED = 6,         /* a receiver fell behind; the event says by how many */
    MEMPOOL_RESET = 7,          /* the topic's history was not continued; the event has the new position */
    MEMPOOL_REENTRANT = 8,      /* called from a callback that it would have to wait for */
    MEMPOOL_FORKED = 9,         /* the handle belongs to the parent process */
    MEMPOOL_ADDRESS_IN_USE = 10,
    MEMPOOL_TOO_LARGE = 11,     /* beyond tx_max_bytes or message_max_bytes */
    MEMPOOL_CONFLICT = 12,      /* an idempotency key that stands for another body */
    MEMPOOL_NOT_FOUND = 13,     /* no such id, option or registration */
    MEMPOOL_GONE = 14,          /* the outcome is no longer kept (outcomes_capacity) */
    MEMPOOL_LOCKED = 15,
    MEMPOOL_READ_ONLY = 16,
    MEMPOOL_NO_MEMORY = 17,
    MEMPOOL_UNSUPPORTED = 18,   /* a feature that this build lacks */
    MEMPOOL_SYSTEM = 19,        /* the operating system refused; the detail has its words */
    MEMPOOL_INTERNAL = 20       /* our mistake; please report it with the detail */
};

/* "MEMPOOL_FULL" for 3; "MEMPOOL_UNKNOWN" for a number that is none. Static. Since 0.1. */
MEMPOOL_API const char *mempool_status_name(mempool_status status);

/* One general sentence about a status. Static. Since 0.1. */
MEMPOOL_API const char *mempool_status_text(mempool_status status);

/* What the last failed call of this thread had to say: what was given, what is allowed, what to do now. Borrowed: valid until this
 * thread's next failing call. Empty where nothing failed yet. Since 0.1. */
MEMPOOL_API const char *mempool_error_detail(void);

/* ---------------------------------------------------------------------------------------------------------------------
 * 4 CONFIGURATION. Options are a table (docs/spec/options.md; `mempool options` prints it) that can be listed at run time.
 * A mempool_config is not shared: one thread at a time.
 */
typedef struct mempool_config mempool_config;

/* A configuration with every option at its default. Out: yours, free it with mempool_config_free. NO_MEMORY. Since 0.1. */
MEMPOOL_API mempool_status mempool_config_new(mempool_config **config);
MEMPOOL_API void mempool_config_free(mempool_config *config);

/* Sets an option of type int or bool (0, 1). INVALID: out of range, or a text option. NOT_FOUND: no such option. Since 0.1. */
MEMPOOL_API mempool_status mempool_config_set_int(mempool_config *config, const char *name, int64_t value);

/* Sets any option from its text form: a decimal number, "on" or "off" for a bool, the text itself. Copied. INVALID, NOT_FOUND. Since 0.1. */
MEMPOOL_API mempool_status mempool_config_set_text(mempool_config *config, const char *name, const char *value);

/* The present value. The text is borrowed: until the option is set again or the config freed. INVALID for the other type, NOT_FOUND. Since 0.1. */
MEMPOOL_API mempool_status mempool_config_get_int(const mempool_config *config, const char *name, int64_t *value);
MEMPOOL_API mempool_status mempool_config_get_text(const mempool_config *config, const char *name, const char **value);

/* Takes MEMPOOL_LISTEN_PORT and its like from the environment; nothing else reads it. INVALID names the variable; options before it
 * have been set then. Variables that name no option are left alone: orchestrators set MEMPOOL_SERVICE_HOST and such. Since 0.1. */
MEMPOOL_API mempool_status mempool_config_load_env(mempool_config *config);

enum { MEMPOOL_OPTION_INT = 0, MEMPOOL_OPTION_BOOL = 1, MEMPOOL_OPTION_TEXT = 2 };

typedef struct mempool_option_view {
    uint32_t struct_size;
    int32_t type;               /* MEMPOOL_OPTION_* */
    const char *name;           /* "listen_port" */
    const char *unit;           /* "ms", "bytes", "transactions" ..., or "" */
    const char *doc;            /* one sentence */
    const char *since;          /* the version that brought it */
    int64_t minimum, maximum;   /* int: the range, both included; bool: 0, 1; text: bytes */
    int64_t default_int;
    const char *default_text;   /* the default of any type, as text */
} mempool_option_view;

/* How many options there are, and the one at `index` in the order of the table. All strings are static. NOT_FOUND past the end. Since 0.1. */
MEMPOOL_API size_t mempool_option_count(void);
MEMPOOL_API mempool_status mempool_option_at(size_t index, mempool_option_view *option);

/* ---------------------------------------------------------------------------------------------------------------------
 * 5 LIFE.  OPEN --start--> RUNNING --stop, request_stop--> DRAINING --> STOPPED.  One way; to start again, open a new pool.
 *
 * Any number of pools may live in one process. The library changes no signal disposition, registers no atexit function, starts no
 * thread before mempool_start and prints nothing. A pool's threads: one for the batches (mempool-batch), where it listens as many for the
 * network as the option io_threads says (mempool-net, mempool-net1 ...), which share the clients, and one for event and log callbacks
 * (mempool-call) once there are any. They block all signals but SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP and SIGSYS, so that a fault
 * inside a callback reaches the host's handler for it.
 */
typedef struct mempool mempool;

enum { MEMPOOL_OPEN = 0, MEMPOOL_RUNNING = 1, MEMPOOL_DRAINING = 2, MEMPOOL_STOPPED = 3 };

/* Makes a pool; copies the configuration (NULL: the defaults), starts and binds nothing. Out: one reference, yours. INVALID, NO_MEMORY, SYSTEM (no descriptor). Since 0.1. */
MEMPOOL_API mempool_status mempool_open(const mempool_config *config, mempool **pool);

/* Starts the threads and listens wherever listen_host, listen_unix and listen_fd say: it returns once clients can connect. On any failure
 * nothing stays started and the pool is OPEN as before: another listen_port needs another pool. listen_fd is copied: yours stays yours,
 * to be closed whenever you like, and listens on when the pool stops. ADDRESS_IN_USE, INVALID (listen_fd is no listening stream socket),
 * SYSTEM, NO_MEMORY, STATE (started before). Since 0.1. */
MEMPOOL_API mempool_status mempool_start(mempool *pool);

/* The port that is listened on: the real one where listen_port was 0; 0 for a pool without a port. STATE before start. Since 0.1. */
MEMPOOL_API mempool_status mempool_port(mempool *pool, int32_t *port);

/* MEMPOOL_OPEN .. MEMPOOL_STOPPED. Since 0.1. */
MEMPOOL_API mempool_status mempool_state(mempool *pool, int32_t *state);

/* Drains and stops: submissions are refused from now on (CLOSED), all that was accepted is applied, the last events reach every client
 * that reads, then WebSockets are closed with 1001 and threads are joined. Past `timeout_ms` (-1: the option drain_timeout_ms) the
 * network is cut; where the host's own apply or event callback does not return, that answers TIMEOUT, the pool stays DRAINING, its
 * threads finish by themselves and a second call waits again. On a pool never started: STOPPED at once. OK where stopped already.
 * REENTRANT from any callback of this pool (mempool_request_stop is not). Since 0.1. */
MEMPOOL_API mempool_status mempool_stop(mempool *pool, int64_t timeout_ms);

/* Begins what mempool_stop does, and returns at once: it takes no lock, allocates nothing and never waits, so that a signal handler may
 * call it (async-signal-safe), and every callback. From then on submissions are refused (CLOSED; 503 for clients), also while apply has
 * not returned, and the state is DRAINING; the pool applies what it accepted, lets every listener hear it and is STOPPED by itself,
 * after close_timeout_ms at the latest from when apply and the event callbacks have returned. mempool_stop waits for that and joins the
 * threads; mempool_release without it lets them go. Who waits in mempool_submit_wait is told when apply returns. Asked of a pool that is
 * OPEN it is remembered: the state stays, and start (OK) drains at once, just as if the signal had come a moment later. Nothing happens to a
 * pool that drains or is stopped (OK), nor in a forked child (FORKED). The handle must be valid: no other thread may be in its last
 * release. INVALID: pool is NULL. Leaves mempool_error_detail and errno as they were. Since 0.1. */
MEMPOOL_API mempool_status mempool_request_stop(mempool *pool);

/* One more reference; one less. The last release of a running pool acts as stop(0) without waiting: its threads hold references of
 * their own, apply what was accepted, and end by themselves. Allowed everywhere, callbacks and forked children included. Since 0.1. */
MEMPOOL_API mempool_status mempool_retain(mempool *pool);
MEMPOOL_API void mempool_release(mempool *pool);

/* ---------------------------------------------------------------------------------------------------------------------
 * 6 SUBMITTING. One queue; each producer's order is kept. Ids are 1, 2, 3 ... in queue order.
 */
typedef struct mempool_completions mempool_completions; /* chapter 7 */

typedef struct mempool_submit_options {
    uint32_t struct_size;
    uint32_t reserved;          /* 0 */
    const char *topic;          /* NULL or "mempool" */
    const void *key;            /* idempotency key: UNSUPPORTED in this version, leave NULL */
    size_t key_size;
    mempool_completions *completions; /* NULL, or the queue of the same pool that is to hear the outcome; FULL where it has no place */
    uint64_t user_data;         /* comes back with that outcome */
} mempool_submit_options;

/* Queues one transaction: `size` bytes, 1 to tx_max_bytes, copied. Never blocks. Out (may be NULL): its id.
 * FULL, TOO_LARGE, INVALID (empty), STATE (not started), CLOSED (draining), NO_MEMORY: nothing was queued then.
 * Callable from every callback. Since 0.1. */
MEMPOOL_API mempool_status mempool_submit(mempool *pool, const void *data, size_t size, const mempool_submit_options *options, uint64_t *id);

/* The same, but where the queue has no room it waits for it: first come first served, at most timeout_ms (0: takes room that is there).
 * TIMEOUT: nothing was queued. REENTRANT from the apply callback, which is what makes room. Since 0.1. */
MEMPOOL_API mempool_status mempool_submit_wait(mempool *pool, const void *data, size_t size, const mempool_submit_options *options,
                                               int64_t timeout_ms, uint64_t *id);

typedef struct mempool_bytes {
    const void *data;
    size_t size;
} mempool_bytes;

/* Queues `count` transactions, all of them or none; never blocks. Out (may be NULL): the first one's id, the others' follow it:
 * first, first + 1 ... As mempool_submit; TOO_LARGE too where they are more than the whole queue could ever hold. Since 0.1. */
MEMPOOL_API mempool_status mempool_submit_many(mempool *pool, const mempool_bytes *transactions, size_t count,
                                               const mempool_submit_options *options, uint64_t *first);

/* ---------------------------------------------------------------------------------------------------------------------
 * 7 OUTCOMES. The last `outcomes_capacity` of them are kept.
 */
enum { MEMPOOL_TX_PENDING = 0, MEMPOOL_TX_APPLIED = 1, MEMPOOL_TX_REJECTED = 2 };

#define MEMPOOL_REASON_MAX 256  /* bytes of a rejection's reason; a longer one is cut at a UTF-8 boundary */

typedef struct mempool_outcome {
    uint32_t struct_size;
    int32_t status;             /* MEMPOOL_TX_* */
    uint64_t id;
    uint64_t batch;             /* the number of its batch; 0 while pending */
    char reason[MEMPOOL_REASON_MAX + 1]; /* of a rejection; else "" */
} mempool_outcome;

/* Waits until the transaction is applied or rejected. TIMEOUT: it is pending still (the outcome is filled so). NOT_FOUND: an id that was
 * never given. GONE: settled, but no longer kept. CLOSED: the pool ended without applying it. REENTRANT from the apply callback. Since 0.1. */
MEMPOOL_API mempool_status mempool_tx_wait(mempool *pool, uint64_t id, int64_t timeout_ms, mempool_outcome *outcome);

/* The same without waiting: OK with MEMPOOL_TX_PENDING where tx_wait would wait. Callable from every callback. Since 0.1. */
MEMPOOL_API mempool_status mempool_tx_status(mempool *pool, uint64_t id, mempool_outcome *outcome);

/* Waits until all that was accepted before this call has its outcome; it is not gathered any longer for a fuller batch. TIMEOUT: call
 * again. CLOSED: the pool ended without applying it. REENTRANT from the apply callback. Since 0.1. */
MEMPOOL_API mempool_status mempool_flush(mempool *pool, int64_t timeout_ms);

/* Outcomes without waiting for each: a submission that names a completion queue reserves a place in it, so that nothing settles into the
 * void; its outcome arrives there. One queue for as many producers as one likes; one thread at a time reads. */
enum { MEMPOOL_COMPLETION_OUTCOME = 0, MEMPOOL_COMPLETION_ROOM = 1 };

typedef struct mempool_completion {
    uint32_t struct_size;
    int32_t kind;               /* OUTCOME: of one transaction; ROOM: the pool's queue has room again, the fields below are 0 */
    int32_t status;             /* MEMPOOL_TX_APPLIED or MEMPOOL_TX_REJECTED */
    int32_t reserved;
    uint64_t id;
    uint64_t batch;
    uint64_t user_data;         /* as it was submitted */
    const char *reason;         /* of a rejection, else ""; borrowed until the next mempool_completions_next or _close */
} mempool_completion;

/* Opens a queue of at most `capacity` outcomes, ready and under way together (1 to 2^22). Out: yours, close it. INVALID, NO_MEMORY. Since 0.1. */
MEMPOOL_API mempool_status mempool_completions_open(mempool *pool, size_t capacity, mempool_completions **completions);

/* Takes what is ready, at most `most`, into an array whose elements all have the struct_size of the first. Out: how many; 0 unless OK.
 * TIMEOUT: none came in time. CLOSED: the pool has stopped and everything was taken. REENTRANT: waiting inside apply. Since 0.1. */
MEMPOOL_API mempool_status mempool_completions_next(mempool_completions *completions, mempool_completion *array, size_t most, int64_t timeout_ms,
                                                    size_t *count);

/* A descriptor that is readable exactly while the next call would not time out at once: level-triggered, for poll, epoll, asyncio. The
 * queue's own: do not read, write or close it. SYSTEM (no descriptor). Since 0.1. */
MEMPOOL_API mempool_status mempool_completions_fd(mempool_completions *completions, int32_t *fd);

/* Asks for one ROOM entry: when the pool's queue next has room (at once, if it has), or is closed. Since 0.1. */
MEMPOOL_API mempool_status mempool_completions_arm_room(mempool_completions *completions);

/* Ends and frees it. What is under way is applied all the same, its outcome is for mempool_tx_status alone. Not while another thread is
 * inside next. Since 0.1. */
MEMPOOL_API void mempool_completions_close(mempool_completions *completions);

/* ---------------------------------------------------------------------------------------------------------------------
 * 8 APPLYING. The batch thread drains the queue in ticks and asks the host which transactions hold.
 */
typedef struct mempool_batch mempool_batch;

typedef struct mempool_tx_view {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t id;
    const void *data;           /* borrowed until the callback returns; not NUL-terminated */
    size_t size;
} mempool_tx_view;

/* Decides on one batch. What it does not reject is applied. A value other than 0 rejects the whole batch: "apply failed with N".
 * It runs on the batch thread, never twice at once; events and pings go on while it takes its time. */
typedef int32_t (*mempool_apply_fn)(void *user, mempool_batch *batch);
typedef void (*mempool_destroy_fn)(void *user);

/* Registers the one apply callback; before mempool_start, else STATE. Without one everything is applied. A second call replaces the
 * first, which is destroyed. On failure `destroy` is not called: `user` stays yours. Since 0.1. */
MEMPOOL_API mempool_status mempool_set_apply(mempool *pool, mempool_apply_fn apply, void *user, mempool_destroy_fn destroy);

/* In the apply callback only, on its thread only. index: 0 to count - 1, in queue order; past the end INVALID.
 * reject: reason is copied and cut to MEMPOOL_REASON_MAX bytes; bytes that are not UTF-8 become U+FFFD; NULL means "rejected"; the
 * last word on a transaction holds. fail: rejects the whole batch with that reason, whatever the callback returns. Since 0.1. */
MEMPOOL_API mempool_status mempool_batch_count(const mempool_batch *batch, size_t *count);
MEMPOOL_API mempool_status mempool_batch_at(const mempool_batch *batch, size_t index, mempool_tx_view *tx);
MEMPOOL_API mempool_status mempool_batch_reject(mempool_batch *batch, size_t index, const char *reason);
MEMPOOL_API mempool_status mempool_batch_fail(mempool_batch *batch, const char *reason);

/* ---------------------------------------------------------------------------------------------------------------------
 * 9 EVENTS. What came of a batch, or a message of the host's own, at an offset of the topic's epoch.
 */
typedef struct mempool_event mempool_event;

enum { MEMPOOL_EVENT_BATCH = 0, MEMPOOL_EVENT_MESSAGE = 1, MEMPOOL_EVENT_LAGGED = 2, MEMPOOL_EVENT_RESET = 3 };

typedef struct mempool_event_view {
    uint32_t struct_size;
    int32_t kind;               /* MEMPOOL_EVENT_*; the fields below that a kind does not name are 0 */
    const char *epoch;          /* borrowed from the event */
    uint64_t offset;            /* BATCH, MESSAGE: its own, 1 and up; LAGGED: the position to resume from; RESET: the new position */
    int64_t time_us;            /* BATCH, MESSAGE: microseconds since 1970, UTC */
    uint64_t batch;             /* BATCH: its number */
    uint64_t applied, total;    /* BATCH: how many of how many transactions hold */
    size_t rejected_count;      /* BATCH: how many rejections are listed, at most 32; total - applied is always the whole */
    const void *data;           /* MESSAGE: borrowed from the event */
    size_t size;
    int32_t binary;             /* MESSAGE: published as binary */
    int32_t reserved;
    uint64_t missed;            /* LAGGED: how many events were overwritten unheard */
} mempool_event_view;

typedef struct mempool_rejected_view {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t id;
    const char *reason;         /* borrowed from the event */
} mempool_rejected_view;

/* Fills the view. Never fails on a valid event. Since 0.1. */
MEMPOOL_API mempool_status mempool_event_read(const mempool_event *event, mempool_event_view *view);

/* The rejection at index, 0 to rejected_count - 1; past the end INVALID. Since 0.1. */
MEMPOOL_API mempool_status mempool_event_rejected(const mempool_event *event, size_t index, mempool_rejected_view *rejected);

/* The event as a text listener reads it: "batch applied 2/3 txs", "lagged 17", "reset k3v9", or the message as it is.
 * Borrowed from the event; NUL-terminated, and the size is given as messages may hold NULs. Since 0.1. */
MEMPOOL_API mempool_status mempool_event_text(const mempool_event *event, const char **text, size_t *size);

/* Frees an event that mempool_receiver_next gave. Since 0.1. */
MEMPOOL_API void mempool_event_free(mempool_event *event);

typedef struct mempool_publish_options {
    uint32_t struct_size;
    int32_t binary;             /* 0: text, which must be UTF-8; 1: bytes */
    const char *topic;          /* NULL or "mempool" */
} mempool_publish_options;

/* Says something of the host's own to every listener: `size` bytes, at most message_max_bytes, copied. Never waits for a listener.
 * Out (may be NULL): the number of listeners subscribed at that moment. What the apply callback publishes goes out before its batch's
 * event, listeners is then the count of now, and it is dropped if the batch fails as a whole. TOO_LARGE, INVALID (text that is not
 * UTF-8), STATE (not started), CLOSED (stopped), NO_MEMORY, FULL (the topic's engine is behind; never so in this version). Callable from every callback. Since 0.1. */
MEMPOOL_API mempool_status mempool_publish(mempool *pool, const void *data, size_t size, const mempool_publish_options *options,
                                           size_t *listeners);

/* ---------------------------------------------------------------------------------------------------------------------
 * 10 LISTENING. A listener is a cursor on the topic's ring of the last `ring_capacity` events: it hears all that is published from the
 * moment it was made, in order. One that falls further behind than the ring hears LAGGED with the exact number it missed, then goes on
 * at the oldest event retained. After stop every listener hears the rest, then CLOSED.
 */
typedef struct mempool_subscribe_options {
    uint32_t struct_size;
    uint32_t reserved;
    const char *topic;          /* NULL or "mempool" */
    const char *since;          /* a position to resume from: UNSUPPORTED in this version, leave NULL */
    const char *slow;           /* a slow policy: UNSUPPORTED in this version, leave NULL */
} mempool_subscribe_options;

/* Hears one event; it is borrowed until the callback returns. Runs on the pool's callback thread, in order, never two at once. */
typedef void (*mempool_event_fn)(void *user, const mempool_event *event);

/* Calls `callback` for every event from now on. Before or after start. Out: the registration for mempool_off_event (never 0).
 * INVALID, UNSUPPORTED, CLOSED (nothing more can be heard), SYSTEM, NO_MEMORY; on failure `destroy` is not called. Callable from every callback. Since 0.1. */
MEMPOOL_API mempool_status mempool_on_event(mempool *pool, const mempool_subscribe_options *options, mempool_event_fn callback, void *user,
                                            mempool_destroy_fn destroy, uint64_t *registration);

/* Ends it. Never waits: no call begins after this returns; one in progress may still finish; destroy follows. NOT_FOUND where the
 * registration is none or has ended. Callable from every callback, its own too. Since 0.1. */
MEMPOOL_API mempool_status mempool_off_event(mempool *pool, uint64_t registration);

/* A pull receiver: each has a cursor of its own. One thread at a time calls next. Out: yours, close it. It holds a reference to the
 * pool. Subscribing after stop is allowed and hears CLOSED at once. INVALID, UNSUPPORTED, NO_MEMORY. Since 0.1. */
typedef struct mempool_receiver mempool_receiver;
MEMPOOL_API mempool_status mempool_subscribe(mempool *pool, const mempool_subscribe_options *options, mempool_receiver **receiver);

/* The next event. OK with a BATCH or MESSAGE; LAGGED or RESET with an event of that kind; each is yours, free it. TIMEOUT and CLOSED
 * give no event (*event is NULL); a call that timed out loses nothing. REENTRANT: waiting inside the apply callback. Since 0.1. */
MEMPOOL_API mempool_status mempool_receiver_next(mempool_receiver *receiver, int64_t timeout_ms, mempool_event **event);

/* A descriptor that is readable exactly while the next call would not time out at once (events, lag, reset, the end): level-triggered, for
 * poll, epoll, asyncio. Made by the first call; the receiver's own: do not read, write or close it. SYSTEM (no descriptor). Since 0.1. */
MEMPOOL_API mempool_status mempool_receiver_fd(mempool_receiver *receiver, int32_t *fd);

/* How many events it has not heard yet, those that were overwritten included: above ring_capacity exactly when the next call answers
 * LAGGED. Since 0.1. */
MEMPOOL_API mempool_status mempool_receiver_lag(mempool_receiver *receiver, uint64_t *events);

/* One more receiver of the same topic, from now on; the lag of the first is neither inherited nor cleared. Out: yours. NO_MEMORY. Since 0.1. */
MEMPOOL_API mempool_status mempool_receiver_resubscribe(mempool_receiver *receiver, mempool_receiver **fresh);

/* How many listen to a topic (NULL: "mempool") at this moment: clients of the network, callbacks, receivers. Since 0.1. */
MEMPOOL_API mempool_status mempool_listener_count(mempool *pool, const char *topic, size_t *listeners);

/* Ends and frees it. Not while another thread is inside next. Since 0.1. */
MEMPOOL_API void mempool_receiver_close(mempool_receiver *receiver);

/* ---------------------------------------------------------------------------------------------------------------------
 * 11 OBSERVING. Counters are exact and only grow; what is "now" is of the moment of the call. Clients of the network read the same at
 * GET /stats (JSON) and, for Prometheus, GET /metrics.
 */
typedef struct mempool_stats {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t accepted;          /* transactions that got an id; always applied + rejected + pending */
    uint64_t applied;
    uint64_t rejected;
    uint64_t pending;           /* now: no outcome yet */
    uint64_t batches;
    uint64_t refused;           /* submissions that found no room (FULL, 503), and those that gave up waiting for it */
    uint64_t events;            /* in the topic's present epoch: the offset of the newest */
    uint64_t queue_length;      /* now: transactions that wait for their batch */
    uint64_t queue_bytes;       /* now: bytes of them */
    uint64_t listeners;         /* now: clients of the network, callbacks, receivers */
    uint64_t events_sent;       /* to clients of the network, counted once for each client; a client's sent and missed */
    uint64_t events_missed;     /* together are the difference of the offsets between which it listened */
    uint64_t apply_time_ns;     /* nanoseconds spent inside the apply callback */
    uint64_t ring_length;       /* now: events retained (ring_capacity) */
    uint64_t ring_bytes;        /* now: bytes of their payloads (ring_bytes) */
    uint64_t connections;       /* now: HTTP connections and clients of the stream (max_connections) */
    uint64_t clients_text;      /* now: clients of the stream that hear text over a WebSocket */
    uint64_t clients_json;      /* now: those that hear JSON over one */
    uint64_t clients_sse_text;  /* now: those that hear text as Server-Sent Events */
    uint64_t clients_sse_json;  /* now: those that hear JSON so */
    uint64_t connections_accepted; /* taken in */
    uint64_t connections_refused_max; /* refused: there were max_connections */
    uint64_t connections_refused_rate; /* refused: more from one address than rate_limit_connections */
    uint64_t accept_pauses;     /* pauses of 100 ms in taking connections in, as the system had no descriptor or memory for one */
    uint64_t clients_closed_slow; /* clients closed (a WebSocket with 1013): slow=close, and behind the ring */
    uint64_t clients_closed_silent; /* clients given up after pong_timeout_ms */
    uint64_t clients_closed_stalled; /* clients given up after stall_timeout_ms */
    uint64_t messages_ignored;  /* messages of clients of the stream that mean nothing here, and were dropped */
    uint64_t log_lost;          /* log messages that found no room, as the log callback was slower than what there was to say */
} mempool_stats;

/* Fills the counters. In every state of the pool; callable from every callback. Since 0.1. */
MEMPOOL_API mempool_status mempool_stats_read(mempool *pool, mempool_stats *stats);

enum { MEMPOOL_COUNTER = 0, MEMPOOL_GAUGE = 1 };

typedef struct mempool_counter_view {
    uint32_t struct_size;
    int32_t kind;               /* MEMPOOL_COUNTER: only grows; MEMPOOL_GAUGE: of now */
    const char *name;           /* of the field of mempool_stats: "events_sent" */
    const char *metric;         /* for Prometheus: "mempool_events_sent_total" is this and, for a counter, "_total" */
    const char *labels;         /* of the metric, "reason=\"slow\"", or "" */
    const char *doc;            /* one sentence */
} mempool_counter_view;

/* How many counters mempool_stats has, and the one at `index` in the order of its fields. All strings are static. NOT_FOUND past the
 * end. Since 0.1. */
MEMPOOL_API size_t mempool_counter_count(void);
MEMPOOL_API mempool_status mempool_counter_at(size_t index, mempool_counter_view *counter);

/* The counters as GET /metrics tells them: Prometheus text format 0.0.4, NUL-terminated, for a host that is scraped itself. Copies them
 * to `buffer` where `capacity` bytes are enough. Out: how many are needed, the NUL included; it may differ from call to call. TOO_LARGE:
 * nothing was written (buffer may be NULL with capacity 0). In every state of the pool; callable from every callback. NO_MEMORY. Since 0.1. */
MEMPOOL_API mempool_status mempool_metrics_text(mempool *pool, char *buffer, size_t capacity, size_t *needed);

/* The log: what a person who runs the pool should know. The library prints nothing; without this callback nothing is said. Never a
 * transaction, a message, a header, an address of a client or a reason of the host's: words of ours, names of options and numbers. */
enum { MEMPOOL_LOG_OFF = 0, MEMPOOL_LOG_ERROR = 1, MEMPOOL_LOG_WARN = 2, MEMPOOL_LOG_INFO = 3, MEMPOOL_LOG_DEBUG = 4 };

typedef struct mempool_log_view {
    uint32_t struct_size;
    int32_t level;              /* MEMPOOL_LOG_ERROR .. MEMPOOL_LOG_DEBUG */
    int64_t time_us;            /* when it was said: microseconds since 1970, UTC */
    const char *text;           /* one line without a newline, ASCII, below 240 bytes; borrowed until the callback returns */
} mempool_log_view;

/* Hears one message. Runs on the pool's callback thread, in the order in which they were said, never two at once, under no lock. */
typedef void (*mempool_log_fn)(void *user, const mempool_log_view *message);

/* Registers the one log callback; before mempool_start, else STATE. It hears what the level lets through (option log_level; errors and
 * warnings unless set otherwise). Nobody waits for it: at most 256 messages wait, what comes beyond is lost, counted (log_lost), and the
 * callback is told how many. What may happen often is said at once, then every ten seconds at most, with its number. It may call what an
 * event callback may: mempool_stop answers REENTRANT, mempool_request_stop is allowed. The last message is "stopped" (info); a callback
 * that does not return holds mempool_stop as an event callback does. In a child of fork it is never called, nor is `destroy`. A second call
 * replaces the first, which is destroyed; the last one is destroyed when its thread ends, or when a pool that never ran ends. On failure
 * `destroy` is not called: `user` stays yours. INVALID, STATE, NO_MEMORY. Since 0.1. */
MEMPOOL_API mempool_status mempool_set_log(mempool *pool, mempool_log_fn log, void *user, mempool_destroy_fn destroy);

/* Sets what is said from now on: MEMPOOL_LOG_OFF .. MEMPOOL_LOG_DEBUG, each with all before it. Callable from every callback. INVALID.
 * Since 0.1. */
MEMPOOL_API mempool_status mempool_log_level(mempool *pool, int32_t level);

#ifdef __cplusplus
}
#endif

#endif /* MEMPOOL_H */
