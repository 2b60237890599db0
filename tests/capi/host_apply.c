/* SPDX-License-Identifier: MIT
 *
 * Chapters 6 to 8 of mempool.h: submitting, outcomes, applying.
 */
#include "host.h"

#include <stdio.h>

static mempool *start_pool(mempool *pool, mempool_apply_fn apply, Host *host) {
    if (apply != NULL) CHECK_STATUS(api.set_apply(pool, apply, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    return pool;
}

static mempool_status status_of(mempool *pool, uint64_t id, mempool_outcome *outcome) {
    memset(outcome, 0, sizeof *outcome);
    outcome->struct_size = sizeof *outcome;
    return api.tx_status(pool, id, outcome);
}

static void two_of_three_are_applied(void) {
    Host *host = host_new();
    mempool *pool = open_pool("batch_max", "3", "batch_interval_ms", "60000", NULL); /* the third one starts the tick */
    mempool_receiver *receiver = NULL;
    mempool_event *event = NULL;
    mempool_event_view view;
    mempool_rejected_view rejected;
    mempool_outcome outcome;
    memset(&view, 0, sizeof view);
    memset(&rejected, 0, sizeof rejected);
    view.struct_size = sizeof view;
    rejected.struct_size = sizeof rejected;

    CHECK_STATUS(api.set_apply(pool, pay_apply, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.on_event(pool, NULL, hear, host, host_destroy, &host->registration), MEMPOOL_OK);
    CHECK(host->registration != 0);
    CHECK_STATUS(api.subscribe(pool, NULL, &receiver), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    const uint64_t bob = submit(pool, "pay bob 5"), robbery = submit(pool, "rob bob 5"),
                   eve = submit(pool, "pay eve 1");
    CHECK(bob == 1 && robbery == 2 && eve == 3);

    outcome = wait_for(pool, bob);
    CHECK(outcome.status == MEMPOOL_TX_APPLIED && outcome.batch == 1 && outcome.reason[0] == '\0');
    outcome = wait_for(pool, robbery);
    CHECK(outcome.status == MEMPOOL_TX_REJECTED && strcmp(outcome.reason, "unknown verb") == 0);
    outcome = wait_for(pool, eve);
    CHECK(outcome.status == MEMPOOL_TX_APPLIED && outcome.batch == 1);
    CHECK_STATUS(status_of(pool, robbery, &outcome), MEMPOOL_OK);
    CHECK(outcome.status == MEMPOOL_TX_REJECTED && outcome.id == robbery &&
          strcmp(outcome.reason, "unknown verb") == 0);

    CHECK_STATUS(api.receiver_next(receiver, PATIENCE_MS, &event), MEMPOOL_OK);
    CHECK_STATUS(api.event_read(event, &view), MEMPOOL_OK);
    CHECK(view.kind == MEMPOOL_EVENT_BATCH && view.offset == 1 && view.batch == 1);
    CHECK(view.applied == 2 && view.total == 3 && view.rejected_count == 1);
    CHECK(view.time_us > 1500000000000000 && view.epoch != NULL && strlen(view.epoch) > 0);
    CHECK_STATUS(api.event_rejected(event, 0, &rejected), MEMPOOL_OK);
    CHECK(rejected.id == robbery && strcmp(rejected.reason, "unknown verb") == 0);
    CHECK_STATUS(api.event_rejected(event, 1, &rejected), MEMPOOL_INVALID);
    const char *text = NULL;
    size_t size = 0;
    CHECK_STATUS(api.event_text(event, &text, &size), MEMPOOL_OK);
    CHECK(strcmp(text, "batch applied 2/3 txs") == 0 && size == strlen(text));
    api.event_free(event);

    CHECK(tally_reaches(&host->events, 1));
    CHECK(strcmp(host->heard[0], "batch applied 2/3 txs") == 0);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK(next_is(receiver, MEMPOOL_CLOSED, NULL));
    api.receiver_close(receiver);
    api.release(pool);
    host_end(host, 2); /* apply's and the callback's */
}

static void outcomes_tell_what_is_known(void) {
    Host *host = host_new();
    mempool *pool =
        start_pool(open_pool("batch_interval_ms", "0", "outcomes_capacity", "1", NULL), blocking_apply, host);
    mempool_outcome outcome;
    CHECK_STATUS(status_of(pool, 0, &outcome), MEMPOOL_NOT_FOUND);
    CHECK_STATUS(status_of(pool, 1, &outcome), MEMPOOL_NOT_FOUND);
    CHECK_STATUS(api.tx_wait(pool, 999, 0, &outcome), MEMPOOL_NOT_FOUND);
    const uint64_t first = submit(pool, "pay bob 5");
    CHECK_STATUS(status_of(pool, first, &outcome), MEMPOOL_OK);
    CHECK(outcome.status == MEMPOOL_TX_PENDING && outcome.id == first && outcome.batch == 0);
    outcome.status = -1;
    CHECK_STATUS(api.tx_wait(pool, first, 10, &outcome), MEMPOOL_TIMEOUT);
    CHECK(outcome.status == MEMPOOL_TX_PENDING);
    tally_add(&host->gate, 1);
    wait_for(pool, first);
    const uint64_t second = submit(pool, "pay bob 5");
    wait_for(pool, second);
    CHECK_STATUS(status_of(pool, first, &outcome), MEMPOOL_GONE); /* outcomes_capacity is 1 */
    CHECK_STATUS(status_of(pool, second, &outcome), MEMPOOL_OK);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK_STATUS(status_of(pool, second, &outcome), MEMPOOL_OK); /* known after the stop too */
    outcome.struct_size = 0;
    CHECK_STATUS(api.tx_status(pool, second, &outcome), MEMPOOL_INVALID);
    api.release(pool);
    host_end(host, 1);
}

static void a_full_queue_refuses(void) {
    Host *host = host_new();
    mempool *pool = start_pool(open_pool("batch_interval_ms", "0", "queue_capacity", "2", NULL), blocking_apply, host);
    uint64_t id = 77;
    submit(pool, "pay 1");
    CHECK(tally_reaches(&host->entered, 1)); /* drained, so the queue is empty */
    submit(pool, "pay 2");
    submit(pool, "pay 3");
    CHECK_STATUS(api.submit(pool, "pay 4", 5, NULL, &id), MEMPOOL_FULL);
    CHECK_TEXT(api.error_detail(), "queue_capacity");
    CHECK(id == 77); /* written only on success */
    tally_add(&host->gate, 1);
    CHECK(wait_for(pool, 3).status == MEMPOOL_TX_APPLIED);
    CHECK(submit(pool, "pay 5") == 4); /* what was refused took no id */
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK(tally_value(&host->seen) == 4);
    api.release(pool);
    host_end(host, 1);
}

static void sizes_and_options_are_checked(void) {
    mempool *pool = start_pool(open_pool("tx_max_bytes", "8", NULL), NULL, NULL);
    mempool_submit_options options = {sizeof options, 0, NULL, NULL, 0, NULL, 0};
    CHECK_STATUS(api.submit(pool, "12345678", 8, NULL, NULL), MEMPOOL_OK);
    CHECK_STATUS(api.submit(pool, "123456789", 9, NULL, NULL), MEMPOOL_TOO_LARGE);
    CHECK_TEXT(api.error_detail(), "tx_max_bytes");
    CHECK_STATUS(api.submit(pool, "", 0, NULL, NULL), MEMPOOL_INVALID);
    CHECK_STATUS(api.submit(pool, NULL, 0, NULL, NULL), MEMPOOL_INVALID);
    CHECK_STATUS(api.submit(NULL, "1", 1, NULL, NULL), MEMPOOL_INVALID);
    options.topic = "mempool";
    CHECK_STATUS(api.submit(pool, "1", 1, &options, NULL), MEMPOOL_OK);
    options.topic = "other";
    CHECK_STATUS(api.submit(pool, "1", 1, &options, NULL), MEMPOOL_UNSUPPORTED);
    options.topic = NULL;
    options.key = "a1";
    options.key_size = 2;
    CHECK_STATUS(api.submit(pool, "1", 1, &options, NULL), MEMPOOL_UNSUPPORTED);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK_STATUS(api.submit(pool, "1", 1, NULL, NULL), MEMPOOL_CLOSED);
    api.release(pool);
}

/* Calls from inside apply what would have to wait for apply. */
static int32_t reentrant_apply(void *user, mempool_batch *batch) {
    Host *host = user;
    mempool_outcome outcome;
    mempool_receiver *receiver = NULL;
    mempool_event *event = NULL;
    mempool_tx_view tx = {sizeof tx, 0, 0, NULL, 0};
    size_t count = 0;
    memset(&outcome, 0, sizeof outcome);
    outcome.struct_size = sizeof outcome;
    api.batch_count(batch, &count);
    host->answers[0] = api.stop(host->pool, -1);
    CHECK_TEXT(api.error_detail(), "stop");
    host->answers[1] = api.tx_wait(host->pool, 1, -1, &outcome);
    host->answers[2] = api.tx_status(host->pool, 1, &outcome);
    api.subscribe(host->pool, NULL, &receiver);
    host->answers[3] = api.receiver_next(receiver, -1, &event);
    api.receiver_close(receiver);
    host->answers[4] = api.batch_at(batch, count, &tx);
    host->answers[5] = api.batch_reject(batch, count, "no such");
    host->answers[6] = api.set_apply(host->pool, pay_apply, host, host_destroy);
    tally_add(&host->seen, 1);
    return 0;
}

static void hear_and_stop(void *user, const mempool_event *event) {
    Host *host = user;
    host->answers[7] = api.stop(host->pool, 0);
    hear(user, event);
}

static void waiting_for_oneself_is_refused(void) {
    Host *host = host_new();
    host->pool = open_pool("batch_interval_ms", "0", NULL);
    CHECK_STATUS(api.on_event(host->pool, NULL, hear_and_stop, host, host_destroy, &host->registration), MEMPOOL_OK);
    start_pool(host->pool, reentrant_apply, host);
    CHECK(wait_for(host->pool, submit(host->pool, "pay bob 5")).status == MEMPOOL_TX_APPLIED);
    CHECK(tally_reaches(&host->events, 1));
    CHECK_STATUS(host->answers[0], MEMPOOL_REENTRANT);
    CHECK_STATUS(host->answers[1], MEMPOOL_REENTRANT);
    CHECK_STATUS(host->answers[2], MEMPOOL_OK);
    CHECK_STATUS(host->answers[3], MEMPOOL_REENTRANT);
    CHECK_STATUS(host->answers[4], MEMPOOL_INVALID);
    CHECK_STATUS(host->answers[5], MEMPOOL_INVALID);
    CHECK_STATUS(host->answers[6], MEMPOOL_STATE);
    CHECK_STATUS(host->answers[7], MEMPOOL_REENTRANT);
    CHECK_STATUS(api.stop(host->pool, -1), MEMPOOL_OK);
    api.release(host->pool);
    host_end(host, 2);
}

static int32_t failing_apply(void *user, mempool_batch *batch) {
    mempool_tx_view tx = {sizeof tx, 0, 0, NULL, 0};
    Host *host = user;
    api.batch_at(batch, 0, &tx);
    api.publish(host->pool, "never said", 10, NULL, NULL); /* dropped with the batch that fails */
    if (memcmp(tx.data, "fail", 4) == 0) api.batch_fail(batch, "the ledger is closed");
    return memcmp(tx.data, "code", 4) == 0 ? 7 : 0;
}

static void a_failed_batch_is_rejected_whole(void) {
    Host *host = host_new();
    mempool *pool = host->pool = open_pool("batch_interval_ms", "60000", "batch_max", "2", NULL);
    mempool_receiver *receiver = NULL;
    CHECK_STATUS(api.subscribe(pool, NULL, &receiver), MEMPOOL_OK);
    start_pool(pool, failing_apply, host);
    submit(pool, "code");
    submit(pool, "pay");
    for (uint64_t id = 1; id <= 2; ++id) {
        const mempool_outcome outcome = wait_for(pool, id);
        CHECK(outcome.status == MEMPOOL_TX_REJECTED && strcmp(outcome.reason, "apply failed with 7") == 0);
    }
    submit(pool, "fail");
    submit(pool, "pay");
    for (uint64_t id = 3; id <= 4; ++id) {
        const mempool_outcome outcome = wait_for(pool, id);
        CHECK(outcome.status == MEMPOOL_TX_REJECTED && strcmp(outcome.reason, "the ledger is closed") == 0);
    }
    CHECK(next_is(receiver, MEMPOOL_OK, "batch applied 0/2 txs"));
    CHECK(next_is(receiver, MEMPOOL_OK, "batch applied 0/2 txs"));
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK(next_is(receiver, MEMPOOL_CLOSED, NULL));
    api.receiver_close(receiver);
    api.release(pool);
    host_end(host, 1);
}

/* Rejects the first without a reason, the second with one that is too long, the third with one that is no UTF-8. */
static int32_t wordy_apply(void *user, mempool_batch *batch) {
    char lengthy[2 * MEMPOOL_REASON_MAX + 1];
    Host *host = user;
    for (size_t i = 0; i + 1 < sizeof lengthy; i += 2) memcpy(lengthy + i, "\xc3\xa4", 2); /* a umlaut */
    memmove(lengthy + 1, lengthy, sizeof lengthy - 2); /* so that byte 256 is inside a character */
    lengthy[0] = '!';
    lengthy[sizeof lengthy - 2] = '\0';
    api.publish(host->pool, "said first", 10, NULL, NULL);
    api.batch_reject(batch, 0, "overruled");
    api.batch_reject(batch, 0, NULL);
    api.batch_reject(batch, 1, lengthy);
    api.batch_reject(batch, 2,
                     "a\xff"
                     "b");
    return 0;
}

static void reasons_are_made_fit(void) {
    Host *host = host_new();
    mempool *pool = host->pool = open_pool("batch_interval_ms", "60000", "batch_max", "4", NULL);
    mempool_receiver *receiver = NULL;
    CHECK_STATUS(api.subscribe(pool, NULL, &receiver), MEMPOOL_OK);
    start_pool(pool, wordy_apply, host);
    for (int i = 0; i < 4; ++i) submit(pool, "pay");
    CHECK(strcmp(wait_for(pool, 1).reason, "rejected") == 0);
    const mempool_outcome cut = wait_for(pool, 2);
    CHECK(strlen(cut.reason) == MEMPOOL_REASON_MAX - 1 && cut.reason[MEMPOOL_REASON_MAX - 2] == '\xa4');
    CHECK(strcmp(wait_for(pool, 3).reason,
                 "a\xef\xbf\xbd"
                 "b") == 0);
    CHECK(wait_for(pool, 4).status == MEMPOOL_TX_APPLIED);
    CHECK(next_is(receiver, MEMPOOL_OK, "said first"));
    CHECK(next_is(receiver, MEMPOOL_OK, "batch applied 1/4 txs"));
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    api.receiver_close(receiver);
    api.release(pool);
    host_end(host, 1);
}

/* ---- many producers ---- */

enum { PRODUCERS = 4, EACH = 500 };

typedef struct Orders {
    Host *host;
    int last[PRODUCERS]; /* batch thread only */
    int disorder;
} Orders;

static int32_t ordered_apply(void *user, mempool_batch *batch) {
    Orders *orders = user;
    size_t count = 0;
    api.batch_count(batch, &count);
    for (size_t i = 0; i < count; ++i) {
        mempool_tx_view tx = {sizeof tx, 0, 0, NULL, 0};
        char text[32] = "";
        int producer = -1, number = -1;
        api.batch_at(batch, i, &tx);
        memcpy(text, tx.data, tx.size < sizeof text ? tx.size : sizeof text - 1);
        if (sscanf(text, "%d %d", &producer, &number) != 2 || producer < 0 || producer >= PRODUCERS ||
            number != ++orders->last[producer])
            ++orders->disorder;
    }
    tally_add(&orders->host->seen, (long)count);
    return 0;
}

static void destroy_orders(void *user) {
    host_destroy(((Orders *)user)->host);
}

typedef struct Producer {
    mempool *pool;
    int number;
} Producer;

static void *produce(void *user) {
    const Producer *producer = user;
    char text[32];
    for (int i = 1; i <= EACH; ++i) {
        snprintf(text, sizeof text, "%d %d", producer->number, i);
        submit(producer->pool, text);
    }
    return NULL;
}

static void producers_keep_their_order(void) {
    Orders orders = {host_new(), {0, 0, 0, 0}, 0};
    mempool *pool = open_pool("batch_interval_ms", "0", "batch_max", "64", "ring_capacity", "4096", NULL);
    mempool_receiver *receiver = NULL;
    pthread_t threads[PRODUCERS];
    Producer producers[PRODUCERS];
    uint64_t total = 0;
    CHECK_STATUS(api.set_apply(pool, ordered_apply, &orders, destroy_orders), MEMPOOL_OK);
    CHECK_STATUS(api.subscribe(pool, NULL, &receiver), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    for (int i = 0; i < PRODUCERS; ++i) {
        producers[i].pool = pool;
        producers[i].number = i;
        CHECK(pthread_create(&threads[i], NULL, produce, &producers[i]) == 0);
    }
    for (int i = 0; i < PRODUCERS; ++i) pthread_join(threads[i], NULL);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    for (mempool_event *event = NULL; api.receiver_next(receiver, PATIENCE_MS, &event) == MEMPOOL_OK;
         api.event_free(event)) {
        mempool_event_view view;
        memset(&view, 0, sizeof view);
        view.struct_size = sizeof view;
        api.event_read(event, &view);
        CHECK(view.total <= 64 && view.applied == view.total);
        total += view.total;
    }
    CHECK(total == PRODUCERS * EACH);
    CHECK(tally_value(&orders.host->seen) == PRODUCERS * EACH);
    CHECK(orders.disorder == 0);
    api.receiver_close(receiver);
    api.release(pool);
    host_end(orders.host, 1);
}

const Test apply_tests[] = {
    {"of three transactions one is rejected, and every listener hears batch applied 2/3 txs", two_of_three_are_applied},
    {"an outcome is pending, settled, gone or was never there", outcomes_tell_what_is_known},
    {"a full queue refuses at once and takes no id", a_full_queue_refuses},
    {"a transaction has 1 to tx_max_bytes bytes, one topic and no key yet", sizes_and_options_are_checked},
    {"a call that would wait for its own callback answers REENTRANT", waiting_for_oneself_is_refused},
    {"a batch that fails is rejected whole, with the reason", a_failed_batch_is_rejected_whole},
    {"reasons are cut and made UTF-8, and what apply publishes goes out first", reasons_are_made_fit},
    {"four producers keep their order and nothing is lost", producers_keep_their_order},
    {NULL, NULL},
};
