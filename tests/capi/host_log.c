/* SPDX-License-Identifier: MIT
 *
 * Chapter 11 of mempool.h: mempool_set_log, mempool_log_level.
 */
#include "host.h"

#include <stdio.h>

/* Keeps the messages where an event callback would keep its events' texts, and asks for what a log callback may not do. */
static void keep(void *user, const mempool_log_view *message) {
    Host *host = user;
    CHECK(message->struct_size == sizeof *message && message->time_us > 0);
    CHECK(message->level >= MEMPOOL_LOG_ERROR && message->level <= MEMPOOL_LOG_DEBUG);
    CHECK(strlen(message->text) < 240 && strchr(message->text, '\n') == NULL);
    const long index = tally_value(&host->events);
    if (index < HEARD_MAX) snprintf(host->heard[index], HEARD_SIZE, "%d %s", (int)message->level, message->text);
    tally_add(&host->events, 1);
}

static void what_a_pool_does_is_said_in_order(void) {
    Host *host = host_new();
    mempool *pool = open_pool("log_level", "info", "max_connections", "1", NULL);
    CHECK_STATUS(api.set_log(pool, keep, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    CHECK_STATUS(api.set_log(pool, keep, host, host_destroy), MEMPOOL_STATE); /* and destroys nothing */
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK(tally_value(&host->events) == 3); /* all was heard before stop returned */
    CHECK_TEXT(host->heard[0], "3 listening on 127.0.0.1 port ");
    CHECK_TEXT(host->heard[1], "3 draining");
    CHECK_TEXT(host->heard[2], "3 stopped");
    CHECK(tally_value(&host->destroyed) == 1);
    api.release(pool);
    host_end(host, 1);
}

static int32_t fail_apply(void *user, mempool_batch *batch) {
    (void)user;
    (void)batch;
    return 7;
}

static void warnings_and_errors_are_said_unless_set_otherwise(void) {
    Host *host = host_new();
    mempool *pool = open_pool("listen_host", "", "batch_interval_ms", "0", NULL);
    CHECK_STATUS(api.set_log(pool, keep, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.set_apply(pool, fail_apply, NULL, NULL), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    const mempool_outcome outcome = wait_for(pool, submit(pool, "a secret"));
    CHECK(outcome.status == MEMPOOL_TX_REJECTED);
    CHECK(tally_reaches(&host->events, 1));
    CHECK_TEXT(host->heard[0], "1 apply failed: all 1 transactions of batch 1 are rejected");
    CHECK(strstr(host->heard[0], "secret") == NULL);
    wait_for(pool, submit(pool, "another")); /* within ten seconds: counted, not said */
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK(tally_value(&host->events) == 1); /* "stopped" is info */
    api.release(pool);
    host_end(host, 1);
}

static void the_level_can_be_changed_while_it_runs(void) {
    Host *host = host_new();
    mempool *pool = open_pool("listen_host", "", "log_level", "off", NULL);
    CHECK_STATUS(api.set_log(pool, keep, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    CHECK_STATUS(api.log_level(pool, MEMPOOL_LOG_OFF - 1), MEMPOOL_INVALID);
    CHECK_STATUS(api.log_level(pool, MEMPOOL_LOG_DEBUG + 1), MEMPOOL_INVALID);
    CHECK_TEXT(api.error_detail(), "log level 5 is none");
    CHECK_STATUS(api.log_level(pool, MEMPOOL_LOG_INFO), MEMPOOL_OK);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK(tally_value(&host->events) == 2);
    CHECK_TEXT(host->heard[1], "3 stopped");
    api.release(pool);
    host_end(host, 1);
}

typedef struct Asking {
    Host *host;
    mempool *pool;
} Asking;

static void ask_from_inside(void *user, const mempool_log_view *message) {
    Asking *asking = user;
    if (strstr(message->text, "started") == NULL) return;
    mempool_stats stats = {0};
    stats.struct_size = sizeof stats;
    uint64_t id = 0;
    CHECK_STATUS(api.stop(asking->pool, 0), MEMPOOL_REENTRANT);
    CHECK_STATUS(api.stats_read(asking->pool, &stats), MEMPOOL_OK);
    CHECK_STATUS(api.submit(asking->pool, "pay", 3, NULL, &id), MEMPOOL_OK);
    CHECK(wait_for(asking->pool, id).status == MEMPOOL_TX_APPLIED);
    CHECK_STATUS(api.flush(asking->pool, -1), MEMPOOL_OK);
    CHECK_STATUS(api.request_stop(asking->pool), MEMPOOL_OK);
    tally_add(&asking->host->entered, 1);
}

static void a_log_callback_may_do_all_but_stop(void) {
    Host *host = host_new();
    mempool *pool = open_pool("listen_host", "", "log_level", "info", NULL);
    Asking asking = {host, pool};
    CHECK_STATUS(api.set_log(pool, ask_from_inside, &asking, NULL), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    CHECK(tally_reaches(&host->entered, 1));
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    api.release(pool);
    host_end(host, 0);
}

static void block(void *user, const mempool_log_view *message) {
    Host *host = user;
    (void)message;
    tally_add(&host->entered, 1);
    CHECK(tally_reaches(&host->gate, 1));
}

static void one_that_does_not_return_holds_stop_and_nothing_else(void) {
    Host *host = host_new();
    mempool *pool = open_pool("listen_host", "", "log_level", "info", "batch_interval_ms", "0", NULL);
    CHECK_STATUS(api.set_log(pool, block, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    CHECK(tally_reaches(&host->entered, 1));
    CHECK(wait_for(pool, submit(pool, "pay")).status == MEMPOOL_TX_APPLIED);
    CHECK_STATUS(api.stop(pool, 0), MEMPOOL_TIMEOUT);
    tally_add(&host->gate, 1);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK(tally_value(&host->entered) == 3); /* started, draining, stopped */
    api.release(pool);
    host_end(host, 1);
}

static void what_was_set_is_destroyed_once(void) {
    Host *host = host_new();
    mempool *pool = open_pool("listen_host", "", NULL);
    CHECK_STATUS(api.set_log(pool, NULL, host, host_destroy), MEMPOOL_INVALID);
    CHECK_STATUS(api.set_log(NULL, keep, host, host_destroy), MEMPOOL_INVALID);
    CHECK(tally_value(&host->destroyed) == 0);
    CHECK_STATUS(api.set_log(pool, keep, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.set_log(pool, keep, host, host_destroy), MEMPOOL_OK);
    CHECK(tally_value(&host->destroyed) == 1); /* replaced */
    api.release(pool);                         /* never started */
    host_end(host, 2);
}

const Test log_tests[] = {
    {"what a pool does is said in order, and all of it before stop returns", what_a_pool_does_is_said_in_order},
    {"warnings and errors are said unless set otherwise", warnings_and_errors_are_said_unless_set_otherwise},
    {"the level can be changed while it runs", the_level_can_be_changed_while_it_runs},
    {"a log callback may do all but stop", a_log_callback_may_do_all_but_stop},
    {"one that does not return holds stop and nothing else", one_that_does_not_return_holds_stop_and_nothing_else},
    {"what was set is destroyed once", what_was_set_is_destroyed_once},
    {NULL, NULL},
};
