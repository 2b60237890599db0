/* SPDX-License-Identifier: MIT
 *
 * Waiting for room, many at once, and flush, as a C host uses them; how far a receiver is behind, and who listens.
 */
#include "host.h"

#include <poll.h>
#include <stdio.h>

static mempool *start_blocked(Host *host, const char *queue_capacity) {
    mempool *pool = open_pool("batch_interval_ms", "0", "queue_capacity", queue_capacity, NULL);
    CHECK_STATUS(api.set_apply(pool, blocking_apply, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    submit(pool, "pay first");
    CHECK(tally_reaches(&host->entered, 1)); /* the queue is empty, and stays as it is until the gate opens */
    return pool;
}

static void *submit_waiting(void *user) {
    Host *host = user;
    uint64_t id = 0;
    host->answers[0] = api.submit_wait(host->pool, "pay later", 9, NULL, PATIENCE_MS, &id);
    host->registration = id;
    return NULL;
}

static void who_waits_for_room_gets_it(void) {
    Host *host = host_new();
    mempool *pool = start_blocked(host, "1");
    uint64_t id = 77;
    pthread_t waiting;
    host->pool = pool;
    CHECK_STATUS(api.submit_wait(pool, "pay second", 10, NULL, 0, &id), MEMPOOL_OK); /* there is room */
    CHECK(id == 2);
    CHECK_STATUS(api.submit_wait(pool, "pay third", 9, NULL, 0, &id), MEMPOOL_TIMEOUT);
    CHECK_STATUS(api.submit_wait(pool, "pay third", 9, NULL, 5, &id), MEMPOOL_TIMEOUT);
    CHECK(id == 2); /* written only on success */
    CHECK(pthread_create(&waiting, NULL, submit_waiting, host) == 0);
    tally_add(&host->gate, 1);
    CHECK(pthread_join(waiting, NULL) == 0);
    CHECK_STATUS(host->answers[0], MEMPOOL_OK);
    CHECK(host->registration == 3);
    CHECK(wait_for(pool, 3).status == MEMPOOL_TX_APPLIED);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK_STATUS(api.submit_wait(pool, "pay", 3, NULL, -1, NULL), MEMPOOL_CLOSED);
    api.release(pool);
    host_end(host, 1);
}

static void many_are_all_or_none(void) {
    Host *host = host_new();
    mempool *pool = start_blocked(host, "3");
    const mempool_bytes three[] = {{"pay a", 5}, {"no", 2}, {"pay c", 5}};
    const mempool_bytes four[] = {{"1", 1}, {"2", 1}, {"3", 1}, {"4", 1}};
    const mempool_bytes flawed[] = {{"pay", 3}, {"", 0}};
    uint64_t first = 0;
    CHECK_STATUS(api.submit_many(pool, flawed, 2, NULL, &first), MEMPOOL_INVALID);
    CHECK_STATUS(api.submit_many(pool, NULL, 0, NULL, &first), MEMPOOL_INVALID);
    CHECK_STATUS(api.submit_many(pool, four, 4, NULL, &first), MEMPOOL_TOO_LARGE); /* the queue holds 3 */
    CHECK_STATUS(api.submit_many(pool, three, 3, NULL, &first), MEMPOOL_OK);
    CHECK(first == 2);
    CHECK_STATUS(api.submit_many(pool, three, 3, NULL, &first), MEMPOOL_FULL);
    tally_add(&host->gate, 1);
    CHECK_STATUS(api.flush(pool, PATIENCE_MS), MEMPOOL_OK);
    CHECK(wait_for(pool, 2).status == MEMPOOL_TX_APPLIED);
    CHECK(wait_for(pool, 3).status == MEMPOOL_TX_REJECTED);
    CHECK(wait_for(pool, 4).status == MEMPOOL_TX_APPLIED);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK(tally_value(&host->seen) == 4);
    api.release(pool);
    host_end(host, 1);
}

static void flush_does_not_wait_for_a_fuller_batch(void) {
    mempool *pool = open_pool("batch_interval_ms", "60000", NULL);
    mempool_outcome outcome = {sizeof outcome, 0, 0, 0, {0}};
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    CHECK_STATUS(api.flush(pool, 0), MEMPOOL_OK); /* nothing to wait for */
    const uint64_t id = submit(pool, "pay");
    CHECK_STATUS(api.flush(pool, PATIENCE_MS), MEMPOOL_OK);
    CHECK_STATUS(api.tx_status(pool, id, &outcome), MEMPOOL_OK);
    CHECK(outcome.status == MEMPOOL_TX_APPLIED);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    api.release(pool);
}

static int32_t asking_apply(void *user, mempool_batch *batch) {
    Host *host = user;
    (void)batch;
    host->answers[0] = api.submit_wait(host->pool, "pay", 3, NULL, -1, NULL);
    host->answers[1] = api.flush(host->pool, -1);
    return 0;
}

static void apply_is_told_that_it_would_wait_for_itself(void) {
    Host *host = host_new();
    mempool *pool = open_pool("batch_interval_ms", "0", NULL);
    host->pool = pool;
    CHECK_STATUS(api.set_apply(pool, asking_apply, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    wait_for(pool, submit(pool, "pay"));
    CHECK_STATUS(host->answers[0], MEMPOOL_REENTRANT);
    CHECK_STATUS(host->answers[1], MEMPOOL_REENTRANT);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    api.release(pool);
    host_end(host, 1);
}

static void a_receiver_knows_how_far_it_is_behind(void) {
    mempool *pool = open_pool("ring_capacity", "2", NULL);
    mempool_receiver *late = NULL;
    mempool_receiver *fresh = NULL;
    uint64_t lag = 99;
    size_t listeners = 99;
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    CHECK_STATUS(api.listener_count(pool, NULL, &listeners), MEMPOOL_OK);
    CHECK(listeners == 0);
    CHECK_STATUS(api.subscribe(pool, NULL, &late), MEMPOOL_OK);
    struct pollfd readable = {-1, POLLIN, 0};
    int32_t fd = -1;
    CHECK_STATUS(api.receiver_fd(late, &fd), MEMPOOL_OK);
    readable.fd = fd;
    CHECK(poll(&readable, 1, 0) == 0);
    publish(pool, "a");
    CHECK(poll(&readable, 1, 0) == 1);
    publish(pool, "b");
    publish(pool, "c");
    CHECK_STATUS(api.receiver_lag(late, &lag), MEMPOOL_OK);
    CHECK(lag == 3); /* above the capacity: the next call lags */
    CHECK_STATUS(api.receiver_resubscribe(late, &fresh), MEMPOOL_OK);
    CHECK_STATUS(api.receiver_lag(fresh, &lag), MEMPOOL_OK);
    CHECK(lag == 0);
    CHECK_STATUS(api.listener_count(pool, "mempool", &listeners), MEMPOOL_OK);
    CHECK(listeners == 2);
    CHECK(next_is(late, MEMPOOL_LAGGED, "lagged 1"));
    CHECK(next_is(late, MEMPOOL_OK, "b"));
    publish(pool, "d");
    CHECK(next_is(fresh, MEMPOOL_OK, "d"));
    api.receiver_close(late);
    api.receiver_close(fresh);
    CHECK_STATUS(api.listener_count(pool, NULL, &listeners), MEMPOOL_OK);
    CHECK(listeners == 0);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    api.release(pool);
}

static void counters_are_exact(void) {
    Host *host = host_new();
    mempool *pool = start_blocked(host, "2");
    mempool_stats stats = {0};
    stats.struct_size = sizeof stats;
    submit(pool, "no");
    submit(pool, "pay");
    CHECK_STATUS(api.submit(pool, "pay", 3, NULL, NULL), MEMPOOL_FULL);
    CHECK_STATUS(api.stats_read(pool, &stats), MEMPOOL_OK);
    CHECK(stats.accepted == 3 && stats.pending == 3 && stats.applied == 0 && stats.rejected == 0);
    CHECK(stats.refused == 1 && stats.queue_length == 2 && stats.queue_bytes == 5);
    tally_add(&host->gate, 1);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK_STATUS(api.stats_read(pool, &stats), MEMPOOL_OK);
    CHECK(stats.accepted == 3 && stats.pending == 0 && stats.applied == 2 && stats.rejected == 1);
    CHECK(stats.batches == stats.events && stats.queue_length == 0 && stats.listeners == 0);
    CHECK_STATUS(api.stats_read(pool, NULL), MEMPOOL_INVALID);

    /* The table says what each 8 bytes behind the first 8 are called. */
    CHECK(sizeof stats == offsetof(mempool_stats, accepted) + 8 * api.counter_count());
    mempool_counter_view counter = {0};
    counter.struct_size = sizeof counter;
    CHECK_STATUS(api.counter_at((offsetof(mempool_stats, refused) - offsetof(mempool_stats, accepted)) / 8, &counter),
                 MEMPOOL_OK);
    CHECK(strcmp(counter.name, "refused") == 0 && counter.kind == MEMPOOL_COUNTER);
    CHECK(strcmp(counter.metric, "mempool_submissions_refused") == 0 && counter.labels[0] == 0 && counter.doc[0] != 0);
    CHECK_STATUS(api.counter_at(api.counter_count(), &counter), MEMPOOL_NOT_FOUND);
    CHECK_STATUS(api.counter_at(0, NULL), MEMPOOL_INVALID);

    /* The same as text: asked how long it is, then for it. */
    size_t needed = 0;
    char text[65536];
    CHECK_STATUS(api.metrics_text(pool, NULL, 0, &needed), MEMPOOL_TOO_LARGE);
    CHECK(needed > 1 && needed <= sizeof text);
    text[0] = 'x';
    CHECK_STATUS(api.metrics_text(pool, text, needed - 1, &needed), MEMPOOL_TOO_LARGE);
    CHECK(text[0] == 'x');
    CHECK_STATUS(api.metrics_text(pool, text, needed, &needed), MEMPOOL_OK);
    CHECK(strlen(text) + 1 == needed);
    CHECK_TEXT(text, "\nmempool_submissions_refused_total 1\n");
    CHECK_STATUS(api.metrics_text(pool, NULL, 1, &needed), MEMPOOL_INVALID);
    CHECK_STATUS(api.metrics_text(pool, text, sizeof text, NULL), MEMPOOL_INVALID);
    api.release(pool);
    host_end(host, 1);
}

const Test queue_tests[] = {
    {"who waits for room gets it, or is told that the time was up", who_waits_for_room_gets_it},
    {"many transactions are queued together or not at all", many_are_all_or_none},
    {"flush does not wait for a fuller batch", flush_does_not_wait_for_a_fuller_batch},
    {"apply is told that it would wait for itself", apply_is_told_that_it_would_wait_for_itself},
    {"a receiver knows how far it is behind, and the pool how many listen", a_receiver_knows_how_far_it_is_behind},
    {"the counters are exact: accepted is applied, rejected and pending", counters_are_exact},
    {NULL, NULL},
};
