/* SPDX-License-Identifier: MIT
 *
 * Outcomes that arrive in a queue of the host's: reserved, delivered once, told by a descriptor; and word of room.
 */
#include <poll.h>
#include <stdio.h>

#include "host.h"

enum { MOST = 8 };

static mempool *start_pool(Host *host, const char *queue_capacity) {
    mempool *pool = open_pool("batch_interval_ms", "0", "queue_capacity", queue_capacity, NULL);
    CHECK_STATUS(api.set_apply(pool, blocking_apply, host, host_destroy), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    return pool;
}

static mempool_status submit_to(mempool *pool, mempool_completions *completions, const char *text, uint64_t user_data) {
    mempool_submit_options options = {sizeof options, 0, NULL, NULL, 0, completions, user_data};
    return api.submit(pool, text, strlen(text), &options, NULL);
}

/* Takes up to MOST entries within PATIENCE_MS. */
static mempool_status take(mempool_completions *completions, mempool_completion *array, int64_t timeout_ms,
                           size_t *count) {
    memset(array, 0, MOST * sizeof *array);
    array->struct_size = sizeof *array;
    return api.completions_next(completions, array, MOST, timeout_ms, count);
}

static void each_outcome_arrives_once(void) {
    Host *host = host_new();
    mempool *pool = start_pool(host, "16");
    mempool_completions *completions = NULL;
    mempool_completion array[MOST];
    size_t count = 0;
    uint64_t heard = 0;
    CHECK_STATUS(api.completions_open(pool, 8, &completions), MEMPOOL_OK);
    CHECK_STATUS(take(completions, array, 0, &count), MEMPOOL_TIMEOUT);
    submit(pool, "pay silently"); /* id 1: nobody asked */
    CHECK_STATUS(submit_to(pool, completions, "pay", 70), MEMPOOL_OK);
    CHECK_STATUS(submit_to(pool, completions, "steal", 71), MEMPOOL_OK);
    tally_add(&host->gate, 1);
    while (heard < 2) {
        if (api.completions_next(completions, NULL, 1, 0, &count) != MEMPOOL_INVALID) break;
        CHECK_STATUS(take(completions, array, PATIENCE_MS, &count), MEMPOOL_OK);
        for (size_t at = 0; at < count; ++at, ++heard) {
            CHECK(array[at].kind == MEMPOOL_COMPLETION_OUTCOME && array[at].id == 2 + heard &&
                  array[at].user_data == 70 + heard);
            CHECK(array[at].status == (heard == 0 ? MEMPOOL_TX_APPLIED : MEMPOOL_TX_REJECTED) && array[at].batch > 0);
            CHECK(strcmp(array[at].reason, heard == 0 ? "" : "unknown verb") == 0);
        }
    }
    CHECK(heard == 2);
    CHECK_STATUS(take(completions, array, 0, &count), MEMPOOL_TIMEOUT);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK_STATUS(take(completions, array, -1, &count), MEMPOOL_CLOSED);
    api.completions_close(completions);
    api.release(pool);
    host_end(host, 1);
}

static void a_place_is_reserved_or_refused(void) {
    Host *host = host_new();
    mempool *pool = start_pool(host, "16");
    mempool *other = open_pool(NULL);
    mempool_completions *completions = NULL;
    mempool_completion array[MOST];
    size_t count = 0;
    CHECK_STATUS(api.completions_open(pool, 0, &completions), MEMPOOL_INVALID);
    CHECK_STATUS(api.completions_open(pool, 2, &completions), MEMPOOL_OK);
    CHECK_STATUS(submit_to(other, completions, "pay", 0), MEMPOOL_INVALID);
    CHECK_STATUS(submit_to(pool, completions, "pay", 0), MEMPOOL_OK);
    CHECK_STATUS(submit_to(pool, completions, "", 0), MEMPOOL_INVALID); /* reserves nothing */
    CHECK_STATUS(submit_to(pool, completions, "pay", 0), MEMPOOL_OK);
    CHECK_STATUS(submit_to(pool, completions, "pay", 0), MEMPOOL_FULL);
    CHECK_TEXT(api.error_detail(), "completion queue");
    tally_add(&host->gate, 1);
    CHECK_STATUS(api.flush(pool, PATIENCE_MS), MEMPOOL_OK);
    CHECK_STATUS(submit_to(pool, completions, "pay", 0), MEMPOOL_FULL); /* settled, but not taken yet */
    for (size_t heard = 0; heard < 2; heard += count)
        CHECK_STATUS(take(completions, array, PATIENCE_MS, &count), MEMPOOL_OK);
    CHECK_STATUS(submit_to(pool, completions, "pay", 0), MEMPOOL_OK);
    api.completions_close(completions); /* with one under way: it is applied all the same */
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK(tally_value(&host->seen) == 3);
    api.release(other);
    api.release(pool);
    host_end(host, 1);
}

static void its_descriptor_is_level_triggered(void) {
    Host *host = host_new();
    mempool *pool = start_pool(host, "16");
    mempool_completions *completions = NULL;
    mempool_completion array[MOST];
    struct pollfd readable = {-1, POLLIN, 0};
    size_t count = 0;
    int32_t fd = -1;
    CHECK_STATUS(api.completions_open(pool, 4, &completions), MEMPOOL_OK);
    CHECK_STATUS(api.completions_fd(completions, &fd), MEMPOOL_OK);
    readable.fd = fd;
    CHECK_STATUS(submit_to(pool, completions, "pay", 0), MEMPOOL_OK);
    CHECK(poll(&readable, 1, 0) == 0);
    tally_add(&host->gate, 1);
    CHECK(poll(&readable, 1, PATIENCE_MS) == 1);
    CHECK(poll(&readable, 1, 0) == 1); /* still */
    CHECK_STATUS(take(completions, array, 0, &count), MEMPOOL_OK);
    CHECK(poll(&readable, 1, 0) == 0);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK(poll(&readable, 1, 0) == 1); /* the end */
    api.completions_close(completions);
    api.release(pool);
    host_end(host, 1);
}

static void word_of_room_comes_once(void) {
    Host *host = host_new();
    mempool *pool = start_pool(host, "1");
    mempool_completions *completions = NULL;
    mempool_completion array[MOST];
    size_t count = 0;
    CHECK_STATUS(api.completions_open(pool, 4, &completions), MEMPOOL_OK);
    CHECK_STATUS(api.completions_arm_room(completions), MEMPOOL_OK);
    CHECK_STATUS(take(completions, array, 0, &count), MEMPOOL_OK); /* there is room now */
    CHECK(count == 1 && array[0].kind == MEMPOOL_COMPLETION_ROOM && array[0].id == 0);
    submit(pool, "pay");
    CHECK(tally_reaches(&host->entered, 1));
    submit(pool, "pay");
    CHECK_STATUS(api.submit(pool, "pay", 3, NULL, NULL), MEMPOOL_FULL);
    CHECK_STATUS(api.completions_arm_room(completions), MEMPOOL_OK);
    CHECK_STATUS(take(completions, array, 0, &count), MEMPOOL_TIMEOUT);
    tally_add(&host->gate, 1);
    CHECK_STATUS(take(completions, array, PATIENCE_MS, &count), MEMPOOL_OK);
    CHECK(count == 1 && array[0].kind == MEMPOOL_COMPLETION_ROOM);
    CHECK_STATUS(take(completions, array, 0, &count), MEMPOOL_TIMEOUT);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    api.completions_close(completions);
    api.release(pool);
    host_end(host, 1);
}

typedef struct Reader {
    mempool_completions *completions;
    mempool_status waiting, looking;
} Reader;

static int32_t reading_apply(void *user, mempool_batch *batch) {
    Reader *reader = user;
    mempool_completion array[MOST];
    size_t count = 0;
    (void)batch;
    reader->waiting = take(reader->completions, array, -1, &count);
    reader->looking = take(reader->completions, array, 0, &count);
    return 0;
}

static void apply_may_look_and_not_wait(void) {
    Reader reader = {NULL, MEMPOOL_OK, MEMPOOL_OK};
    mempool *pool = open_pool("batch_interval_ms", "0", NULL);
    CHECK_STATUS(api.completions_open(pool, 1, &reader.completions), MEMPOOL_OK);
    CHECK_STATUS(api.set_apply(pool, reading_apply, &reader, NULL), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    CHECK(wait_for(pool, submit(pool, "pay")).status == MEMPOOL_TX_APPLIED);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK_STATUS(reader.waiting, MEMPOOL_REENTRANT);
    CHECK_STATUS(reader.looking, MEMPOOL_TIMEOUT);
    api.completions_close(reader.completions);
    api.release(pool);
}

const Test completion_tests[] = {
    {"each outcome arrives once, with what it was submitted with", each_outcome_arrives_once},
    {"a place is reserved for each outcome, or the submission is refused", a_place_is_reserved_or_refused},
    {"a completion queue's descriptor is readable while there is something to take", its_descriptor_is_level_triggered},
    {"apply may look for outcomes, but not wait for them", apply_may_look_and_not_wait},
    {"word of room comes once for each time it is asked for", word_of_room_comes_once},
    {NULL, NULL},
};
