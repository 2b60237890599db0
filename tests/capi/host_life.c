/* SPDX-License-Identifier: MIT
 *
 * Chapter 5 of mempool.h: a pool's life, several pools, fork.
 */
#include "host.h"

#include <stdio.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#endif

static int32_t state_of(mempool *pool) {
    int32_t state = -1;
    CHECK_STATUS(api.state(pool, &state), MEMPOOL_OK);
    return state;
}

static void before_start_only_registering_works(void) {
    Host *host = host_new();
    mempool *pool = open_pool(NULL);
    int32_t port = -1;
    uint64_t id = 0;
    CHECK(state_of(pool) == MEMPOOL_OPEN);
    CHECK_STATUS(api.submit(pool, "pay", 3, NULL, &id), MEMPOOL_STATE);
    CHECK_STATUS(publish(pool, "hello"), MEMPOOL_STATE);
    CHECK_STATUS(api.port(pool, &port), MEMPOOL_STATE);
    CHECK_STATUS(api.set_apply(pool, pay_apply, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.set_apply(pool, pay_apply, host, host_destroy), MEMPOOL_OK); /* the first one is destroyed */
    CHECK(tally_reaches(&host->destroyed, 1));
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    CHECK(state_of(pool) == MEMPOOL_RUNNING);
    CHECK_STATUS(api.start(pool), MEMPOOL_STATE);
    CHECK_STATUS(api.set_apply(pool, pay_apply, host, host_destroy), MEMPOOL_STATE); /* user stays ours */
    CHECK_STATUS(api.port(pool, &port), MEMPOOL_OK);
    CHECK(port > 0 && port <= 65535);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK(state_of(pool) == MEMPOOL_STOPPED);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_STATE);
    api.release(pool);
    host_end(host, 2);
}

static void never_started_stops_at_once(void) {
    Host *host = host_new();
    mempool *pool = open_pool(NULL);
    CHECK_STATUS(api.set_apply(pool, pay_apply, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK(state_of(pool) == MEMPOOL_STOPPED);
    CHECK_STATUS(api.start(pool), MEMPOOL_STATE);
    CHECK_STATUS(api.retain(pool), MEMPOOL_OK);
    api.release(pool);
    CHECK(state_of(pool) == MEMPOOL_STOPPED); /* one reference is left */
    api.release(pool);
    api.release(NULL);
    host_end(host, 1);
}

static void a_taken_port_is_told(void) {
    mempool *first = open_pool(NULL);
    int32_t port = 0;
    char text[16];
    CHECK_STATUS(api.start(first), MEMPOOL_OK);
    CHECK_STATUS(api.port(first, &port), MEMPOOL_OK);
    snprintf(text, sizeof text, "%d", (int)port);
    mempool *second = open_pool("listen_port", text, NULL);
    CHECK_STATUS(api.start(second), MEMPOOL_ADDRESS_IN_USE);
    CHECK_TEXT(api.error_detail(), text);
    CHECK(state_of(second) == MEMPOOL_OPEN);
    CHECK_STATUS(api.stop(first, -1), MEMPOOL_OK);
    CHECK_STATUS(api.start(second), MEMPOOL_OK); /* nothing had stayed started, and the port is free again */
    CHECK_STATUS(api.stop(second, -1), MEMPOOL_OK);
    api.release(first);
    api.release(second);
}

static void a_host_that_is_no_address_is_refused(void) {
    mempool_config *config = NULL;
    mempool *pool = NULL;
    CHECK_STATUS(api.config_new(&config), MEMPOOL_OK);
    mempool_status status = api.config_set_text(config, "listen_host", "no address");
    if (status == MEMPOOL_OK) status = api.open(config, &pool);
    if (status == MEMPOOL_OK) status = api.start(pool);
    CHECK_STATUS(status, MEMPOOL_INVALID);
    CHECK_TEXT(api.error_detail(), "listen_host");
    api.release(pool);
    api.config_free(config);
}

static void works_without_a_network(void) {
    mempool *pool = open_pool("listen_host", "", NULL);
    int32_t port = -1;
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    CHECK_STATUS(api.port(pool, &port), MEMPOOL_OK);
    CHECK(port == 0);
    CHECK(wait_for(pool, submit(pool, "anything")).status == MEMPOOL_TX_APPLIED); /* no apply: all hold */
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    api.release(pool);
}

static void stop_waits_for_apply_as_long_as_told(void) {
    Host *host = host_new();
    mempool *pool = open_pool("batch_interval_ms", "0", NULL);
    CHECK_STATUS(api.set_apply(pool, blocking_apply, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    const uint64_t id = submit(pool, "pay bob 5");
    CHECK(tally_reaches(&host->entered, 1));
    CHECK_STATUS(api.stop(pool, 50), MEMPOOL_TIMEOUT);
    CHECK(state_of(pool) == MEMPOOL_DRAINING);
    CHECK_STATUS(api.submit(pool, "pay", 3, NULL, NULL), MEMPOOL_CLOSED);
    tally_add(&host->gate, 1);
    CHECK_STATUS(api.stop(pool, PATIENCE_MS), MEMPOOL_OK);
    CHECK(state_of(pool) == MEMPOOL_STOPPED);
    CHECK(wait_for(pool, id).status == MEMPOOL_TX_APPLIED);
    api.release(pool);
    host_end(host, 1);
}

enum { POOLS = 5 };

static void five_pools_one_after_another(void) {
    for (int round = 0; round < POOLS; ++round) {
        Host *host = host_new();
        mempool *pool = open_pool("batch_interval_ms", "0", NULL);
        CHECK_STATUS(api.set_apply(pool, pay_apply, host, host_destroy), MEMPOOL_OK);
        CHECK_STATUS(api.start(pool), MEMPOOL_OK);
        CHECK(wait_for(pool, submit(pool, "pay bob 5")).status == MEMPOOL_TX_APPLIED);
        CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
        api.release(pool);
        host_end(host, 1);
    }
}

static void five_pools_side_by_side(void) {
    Host *hosts[POOLS];
    mempool *pools[POOLS];
    int32_t ports[POOLS];
    for (int i = 0; i < POOLS; ++i) {
        hosts[i] = host_new();
        pools[i] = open_pool("batch_interval_ms", "0", NULL);
        CHECK_STATUS(api.set_apply(pools[i], pay_apply, hosts[i], host_destroy), MEMPOOL_OK);
    }
    for (int i = 0; i < POOLS; ++i) {
        CHECK_STATUS(api.start(pools[i]), MEMPOOL_OK);
        CHECK_STATUS(api.port(pools[i], &ports[i]), MEMPOOL_OK);
        for (int before = 0; before < i; ++before) CHECK(ports[before] != ports[i]);
    }
    for (int i = 0; i < POOLS; ++i) CHECK(submit(pools[i], "pay bob 5") == 1); /* ids are each pool's own */
    for (int i = POOLS - 1; i >= 0; --i) CHECK_STATUS(api.stop(pools[i], -1), MEMPOOL_OK);
    for (int i = 0; i < POOLS; ++i) {
        CHECK(wait_for(pools[i], 1).status == MEMPOOL_TX_APPLIED);
        api.release(pools[i]);
        CHECK(tally_value(&hosts[i]->seen) == 1);
        host_end(hosts[i], 1);
    }
}

static void release_of_a_running_pool_applies_what_was_accepted(void) {
    Host *host = host_new();
    mempool *pool = open_pool("batch_interval_ms", "60000", NULL);
    CHECK_STATUS(api.set_apply(pool, pay_apply, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    for (int i = 0; i < 3; ++i) submit(pool, "pay bob 5");
    api.release(pool); /* well before the tick */
    CHECK(tally_reaches(&host->seen, 3));
    host_end(host, 1);
}

static void a_release_does_not_wait_for_apply(void) {
    Host *host = host_new();
    mempool *pool = open_pool("batch_interval_ms", "0", NULL);
    CHECK_STATUS(api.set_apply(pool, blocking_apply, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    submit(pool, "pay bob 5");
    CHECK(tally_reaches(&host->entered, 1));
    api.release(pool); /* does not wait for apply */
    CHECK(tally_value(&host->seen) == 0);
    tally_add(&host->gate, 1);
    CHECK(tally_reaches(&host->seen, 1));
    host_end(host, 1);
}

static int32_t releasing_apply(void *user, mempool_batch *batch) {
    Host *host = user;
    api.release(host->pool); /* the last reference of ours */
    return pay_apply(user, batch);
}

static void the_last_release_may_come_from_apply(void) {
    Host *host = host_new();
    host->pool = open_pool("batch_interval_ms", "0", NULL);
    CHECK_STATUS(api.set_apply(host->pool, releasing_apply, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.start(host->pool), MEMPOOL_OK);
    submit(host->pool, "pay bob 5");
    CHECK(tally_reaches(&host->seen, 1));
    host_end(host, 1);
}

static void *stop_it(void *pool) {
    CHECK_STATUS(api.stop(pool, PATIENCE_MS), MEMPOOL_OK);
    return NULL;
}

static void *drain_it(void *receiver) {
    CHECK(next_is(receiver, MEMPOOL_OK, "batch applied 1/1 txs"));
    CHECK(next_is(receiver, MEMPOOL_CLOSED, NULL));
    return NULL;
}

static void stop_wakes_all_who_wait(void) {
    Host *host = host_new();
    mempool *pool = open_pool("batch_interval_ms", "60000", NULL);
    mempool_receiver *receivers[2];
    pthread_t stops[2], drains[2];
    CHECK_STATUS(api.set_apply(pool, blocking_apply, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    for (int i = 0; i < 2; ++i) {
        CHECK_STATUS(api.subscribe(pool, NULL, &receivers[i]), MEMPOOL_OK);
        CHECK(pthread_create(&drains[i], NULL, drain_it, receivers[i]) == 0);
    }
    const uint64_t id = submit(pool, "pay bob 5");
    for (int i = 0; i < 2; ++i) CHECK(pthread_create(&stops[i], NULL, stop_it, pool) == 0);
    CHECK(tally_reaches(&host->entered, 1)); /* the drain has begun, well before the tick */
    tally_add(&host->gate, 1);
    CHECK(wait_for(pool, id).status == MEMPOOL_TX_APPLIED);
    for (int i = 0; i < 2; ++i) {
        pthread_join(stops[i], NULL);
        pthread_join(drains[i], NULL);
        api.receiver_close(receivers[i]);
    }
    CHECK(state_of(pool) == MEMPOOL_STOPPED);
    api.release(pool);
    host_end(host, 1);
}

/* In the child of fork; its exit status is the answer. Checks print to the same standard output, which is
 * line-buffered. */
static int child(mempool *pool, mempool_receiver *receiver) {
    mempool_outcome outcome;
    mempool_event *event = NULL;
    int32_t number = 0;
    uint64_t registration = 0;
    memset(&outcome, 0, sizeof outcome);
    outcome.struct_size = sizeof outcome;
    alarm(PATIENCE_MS / 1000);
    const int before = failed_checks();
    CHECK_STATUS(api.submit(pool, "pay", 3, NULL, NULL), MEMPOOL_FORKED);
    CHECK_STATUS(publish(pool, "hello"), MEMPOOL_FORKED);
    CHECK_STATUS(api.tx_wait(pool, 1, -1, &outcome), MEMPOOL_FORKED);
    CHECK_STATUS(api.tx_status(pool, 1, &outcome), MEMPOOL_FORKED);
    CHECK_STATUS(api.state(pool, &number), MEMPOOL_FORKED);
    CHECK_STATUS(api.port(pool, &number), MEMPOOL_FORKED);
    CHECK_STATUS(api.on_event(pool, NULL, hear, NULL, NULL, &registration), MEMPOOL_FORKED);
    CHECK_STATUS(api.receiver_next(receiver, -1, &event), MEMPOOL_FORKED);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_FORKED);
    CHECK_STATUS(api.request_stop(pool), MEMPOOL_FORKED);
    CHECK_STATUS(api.flush(pool, -1), MEMPOOL_FORKED);
    CHECK_STATUS(api.submit_wait(pool, "pay", 3, NULL, -1, NULL), MEMPOOL_FORKED);
    CHECK_STATUS(api.off_event(pool, 1), MEMPOOL_FORKED);
    CHECK_STATUS(api.receiver_fd(receiver, &number), MEMPOOL_FORKED);
    CHECK_STATUS(api.start(pool), MEMPOOL_FORKED);
    api.release(pool);
#ifndef UNDER_TSAN /* TSan refuses threads in the child of a process that had some */
    mempool *own = open_pool("batch_interval_ms", "0", NULL);
    CHECK_STATUS(api.start(own), MEMPOOL_OK);
    CHECK(wait_for(own, submit(own, "pay bob 5")).status == MEMPOOL_TX_APPLIED);
    CHECK_STATUS(api.stop(own, -1), MEMPOOL_OK);
    api.release(own);
#endif
    return failed_checks() - before;
}

static void a_forked_child_has_no_pool_but_its_own(void) {
    mempool *pool = open_pool("batch_interval_ms", "0", NULL);
    mempool_receiver *receiver = NULL;
    int status = -1;
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    CHECK_STATUS(api.subscribe(pool, NULL, &receiver), MEMPOOL_OK);
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) _exit(child(pool, receiver));
    CHECK(pid > 0);
    CHECK(waitpid(pid, &status, 0) == pid); /* bounded by the child's alarm */
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(wait_for(pool, submit(pool, "pay bob 5")).status == MEMPOOL_TX_APPLIED); /* the parent is as it was */
    CHECK(next_is(receiver, MEMPOOL_OK, "batch applied 1/1 txs"));
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    api.receiver_close(receiver);
    api.release(pool);
}

const Test life_tests[] = {
    {"before start one registers, from start on one submits, and no pool starts twice",
     before_start_only_registering_works},
    {"a pool that was never started stops at once", never_started_stops_at_once},
    {"a port in use is told by number, and nothing stays started", a_taken_port_is_told},
    {"a listen_host that is no IP address is refused", a_host_that_is_no_address_is_refused},
    {"without a listen_host the pool works in process", works_without_a_network},
    {"stop answers TIMEOUT while apply does not return, and waits again when asked again",
     stop_waits_for_apply_as_long_as_told},
    {"five pools are opened, started, stopped and released one after another", five_pools_one_after_another},
    {"five pools live side by side", five_pools_side_by_side},
    {"the release of a running pool still applies what was accepted",
     release_of_a_running_pool_applies_what_was_accepted},
    {"a release does not wait for apply", a_release_does_not_wait_for_apply},
    {"the last release may come from apply itself", the_last_release_may_come_from_apply},
    {"two stops at once both wait, and wake all who wait for events", stop_wakes_all_who_wait},
    {"a forked child gets FORKED and can open a pool of its own", a_forked_child_has_no_pool_but_its_own},
    {NULL, NULL},
};
