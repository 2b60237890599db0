/* SPDX-License-Identifier: MIT
 *
 * Chapter 5 of mempool.h: mempool_request_stop, from signal handlers and callbacks.
 */
#include "host.h"

#include <sched.h>
#include <signal.h>
#include <time.h>

static int32_t state_of(mempool *pool) {
    int32_t state = -1;
    CHECK_STATUS(api.state(pool, &state), MEMPOOL_OK);
    return state;
}

/* Nobody calls stop: the pool has to come there by itself. */
static int ends_by_itself(mempool *pool) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const time_t deadline = now.tv_sec + PATIENCE_MS / 1000;
    while (state_of(pool) != MEMPOOL_STOPPED) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec > deadline) return 0;
        sched_yield();
    }
    return 1;
}

/* ---- from a signal handler, in the middle of submit ---- */

enum { ROUNDS = 3000 };
static mempool *volatile target;
static volatile sig_atomic_t handled;
static pthread_t submitter;

static void handle(int number) {
    (void)number;
    if (api.request_stop(target) == MEMPOOL_OK) ++handled;
}

static void *interrupt_each_round(void *user) {
    Tally *go = user;
    for (int round = 1; round <= ROUNDS; ++round) {
        if (!CHECK(tally_reaches(go, round))) break;
        pthread_kill(submitter, SIGUSR1);
    }
    return NULL;
}

static int32_t count_apply(void *user, mempool_batch *batch) {
    size_t count = 0;
    api.batch_count(batch, &count);
    *(size_t *)user += count; /* read after stop */
    return 0;
}

/* A lock taken in the handler would be the one that this thread holds inside submit: a deadlock, which ctest ends. */
static void a_signal_handler_may_ask(void) {
    struct sigaction action, before;
    memset(&action, 0, sizeof action);
    action.sa_handler = handle;
    sigaction(SIGUSR1, &action, &before);
    Tally go;
    tally_init(&go);
    submitter = pthread_self();
    handled = 0;
    pthread_t interrupter;
    CHECK(pthread_create(&interrupter, NULL, interrupt_each_round, &go) == 0);
    for (int round = 0; round < ROUNDS && failed_checks() == 0; ++round) {
        size_t accepted = 0, applied = 0;
        mempool_status status = MEMPOOL_OK;
        target = open_pool("listen_host", "", "batch_interval_ms", round % 2 ? "0" : "60000", NULL);
        CHECK_STATUS(api.set_apply(target, count_apply, &applied, NULL), MEMPOOL_OK);
        CHECK_STATUS(api.start(target), MEMPOOL_OK);
        tally_add(&go, 1);
        for (;;) {
            status = api.submit(target, "pay bob 5", 9, NULL, NULL);
            if (status == MEMPOOL_OK) ++accepted;
            if (status != MEMPOOL_OK && status != MEMPOOL_FULL) break;
        }
        CHECK_STATUS(status, MEMPOOL_CLOSED);
        CHECK_STATUS(api.stop(target, PATIENCE_MS), MEMPOOL_OK);
        CHECK(applied == accepted);
        CHECK(handled == round + 1);
        api.release(target);
    }
    tally_add(&go, ROUNDS); /* where a check failed: let it go */
    pthread_join(interrupter, NULL);
    sigaction(SIGUSR1, &before, NULL);
    tally_end(&go);
}

/* ---- from callbacks ---- */

static int32_t stopping_apply(void *user, mempool_batch *batch) {
    Host *host = user;
    host->answers[0] = api.stop(host->pool, -1);
    host->answers[1] = api.request_stop(host->pool);
    host->answers[2] = api.request_stop(host->pool);
    host->answers[3] = api.submit(host->pool, "pay", 3, NULL, NULL);
    return pay_apply(user, batch);
}

static void apply_may_ask(void) {
    Host *host = host_new();
    mempool *pool = host->pool = open_pool("batch_interval_ms", "60000", "batch_max", "2", NULL);
    mempool_receiver *receiver = NULL;
    CHECK_STATUS(api.set_apply(pool, stopping_apply, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.subscribe(pool, NULL, &receiver), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    mempool_bytes four[4];
    for (int i = 0; i < 4; ++i) four[i] = (mempool_bytes){"pay bob 5", 9};
    CHECK_STATUS(api.submit_many(pool, four, 4, NULL, NULL), MEMPOOL_OK);
    CHECK(next_is(receiver, MEMPOOL_OK, "batch applied 2/2 txs"));
    CHECK(next_is(receiver, MEMPOOL_OK, "batch applied 2/2 txs")); /* accepted before the request, so applied */
    CHECK(next_is(receiver, MEMPOOL_CLOSED, NULL));
    CHECK(ends_by_itself(pool));
    CHECK(host->answers[0] == MEMPOOL_REENTRANT);
    CHECK(host->answers[1] == MEMPOOL_OK && host->answers[2] == MEMPOOL_OK);
    CHECK(host->answers[3] == MEMPOOL_CLOSED);
    CHECK(wait_for(pool, 4).status == MEMPOOL_TX_APPLIED);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK); /* joins */
    api.receiver_close(receiver);
    api.release(pool);
    host_end(host, 1);
}

static void stop_when_heard(void *user, const mempool_event *event) {
    Host *host = user;
    host->answers[0] = api.stop(host->pool, -1);
    host->answers[1] = api.request_stop(host->pool);
    hear(user, event);
}

static void an_event_callback_may_ask(void) {
    Host *host = host_new();
    mempool *pool = host->pool = open_pool("batch_interval_ms", "60000", NULL);
    CHECK_STATUS(api.on_event(pool, NULL, stop_when_heard, host, host_destroy, &host->registration), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    const uint64_t id = submit(pool, "pay bob 5");
    CHECK_STATUS(publish(pool, "enough"), MEMPOOL_OK);
    CHECK(ends_by_itself(pool));
    CHECK(tally_value(&host->events) == 2);
    CHECK(strcmp(host->heard[1], "batch applied 1/1 txs") == 0);
    CHECK(host->answers[0] == MEMPOOL_REENTRANT && host->answers[1] == MEMPOOL_OK);
    CHECK(wait_for(pool, id).status == MEMPOOL_TX_APPLIED);
    api.release(pool); /* without a stop */
    host_end(host, 1);
}

/* ---- when ---- */

static void submissions_are_refused_while_apply_runs(void) {
    Host *host = host_new();
    mempool *pool = open_pool("batch_interval_ms", "0", NULL);
    CHECK_STATUS(api.set_apply(pool, blocking_apply, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    const uint64_t first = submit(pool, "pay bob 5");
    CHECK(tally_reaches(&host->entered, 1));
    const uint64_t second = submit(pool, "pay bob 6");
    CHECK_STATUS(api.off_event(pool, 77), MEMPOOL_NOT_FOUND);
    CHECK_STATUS(api.request_stop(pool), MEMPOOL_OK);
    CHECK_STATUS(api.request_stop(NULL), MEMPOOL_INVALID);
    CHECK_TEXT(api.error_detail(), "77"); /* left as it was */
    CHECK(state_of(pool) == MEMPOOL_DRAINING);
    CHECK_STATUS(api.submit(pool, "pay", 3, NULL, NULL), MEMPOOL_CLOSED);
    CHECK_STATUS(api.submit_wait(pool, "pay", 3, NULL, -1, NULL), MEMPOOL_CLOSED);
    CHECK_STATUS(api.stop(pool, 0), MEMPOOL_TIMEOUT);
    tally_add(&host->gate, 1);
    CHECK_STATUS(api.stop(pool, PATIENCE_MS), MEMPOOL_OK);
    CHECK(wait_for(pool, first).status == MEMPOOL_TX_APPLIED);
    CHECK(wait_for(pool, second).status == MEMPOOL_TX_APPLIED);
    CHECK_STATUS(api.request_stop(pool), MEMPOOL_OK); /* stopped already */
    CHECK(state_of(pool) == MEMPOOL_STOPPED);
    api.release(pool);
    host_end(host, 1);
}

static void *wait_for_room(void *pool) {
    CHECK_STATUS(api.submit_wait(pool, "pay", 3, NULL, -1, NULL), MEMPOOL_CLOSED);
    return NULL;
}

static void who_waits_for_room_is_told_when_apply_returns(void) {
    Host *host = host_new();
    mempool *pool = open_pool("batch_interval_ms", "0", "queue_capacity", "1", NULL);
    mempool_completions *completions = NULL;
    mempool_completion room = {sizeof room, 0, 0, 0, 0, 0, 0, NULL};
    size_t count = 0;
    pthread_t waiter;
    CHECK_STATUS(api.set_apply(pool, blocking_apply, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.completions_open(pool, 1, &completions), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    submit(pool, "pay bob 5");
    CHECK(tally_reaches(&host->entered, 1));
    submit(pool, "pay bob 6"); /* now it is full */
    CHECK_STATUS(api.completions_arm_room(completions), MEMPOOL_OK);
    CHECK(pthread_create(&waiter, NULL, wait_for_room, pool) == 0);
    CHECK_STATUS(api.request_stop(pool), MEMPOOL_OK); /* whether it stands in line already or not */
    tally_add(&host->gate, 1);
    pthread_join(waiter, NULL);
    CHECK_STATUS(api.completions_next(completions, &room, 1, PATIENCE_MS, &count), MEMPOOL_OK);
    CHECK(room.kind == MEMPOOL_COMPLETION_ROOM);
    CHECK_STATUS(api.completions_next(completions, &room, 1, PATIENCE_MS, &count), MEMPOOL_CLOSED);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK(tally_value(&host->seen) == 2);
    api.completions_close(completions);
    api.release(pool);
    host_end(host, 1);
}

static void before_start_it_is_remembered(void) {
    Host *host = host_new();
    mempool *pool = open_pool(NULL);
    mempool_receiver *receiver = NULL;
    CHECK_STATUS(api.request_stop(pool), MEMPOOL_OK);
    CHECK(state_of(pool) == MEMPOOL_OPEN);
    CHECK_STATUS(api.subscribe(pool, NULL, &receiver), MEMPOOL_OK);
    CHECK_STATUS(api.set_apply(pool, pay_apply, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.submit(pool, "pay", 3, NULL, NULL), MEMPOOL_STATE);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    CHECK_STATUS(api.submit(pool, "pay", 3, NULL, NULL), MEMPOOL_CLOSED);
    CHECK(next_is(receiver, MEMPOOL_CLOSED, NULL));
    CHECK(ends_by_itself(pool));
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    api.receiver_close(receiver);
    api.release(pool);
    host_end(host, 1);

    pool = open_pool(NULL);
    CHECK_STATUS(api.request_stop(pool), MEMPOOL_OK);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK(state_of(pool) == MEMPOOL_STOPPED);
    api.release(pool);
}

const Test stop_tests[] = {
    {"a signal handler may ask for a stop in the middle of submit, and all that was accepted is applied",
     a_signal_handler_may_ask},
    {"apply may ask for a stop", apply_may_ask},
    {"an event callback may ask for a stop", an_event_callback_may_ask},
    {"once a stop was asked for submissions are refused, also while apply runs",
     submissions_are_refused_while_apply_runs},
    {"who waits for room when a stop is asked for is told when apply returns",
     who_waits_for_room_is_told_when_apply_returns},
    {"a stop that was asked for before start is remembered", before_start_it_is_remembered},
    {NULL, NULL},
};
