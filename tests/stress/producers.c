/* SPDX-License-Identifier: MIT
 *
 * Eight producers against the batch thread: no transaction is lost, none comes twice, each producer's order is kept, ids have no holes.
 * Half of them call mempool_submit and wait in line only where the queue was full; the others always call mempool_submit_wait.
 *
 *     producers COUNT QUEUE_CAPACITY
 *
 * The full size, of a release build: build/release/tests/stress/producers 1000000 65536 && ... producers 1000000 64
 * ctest runs a small one of each. Prints one line with the figures; exits 1 at the first thing that is wrong.
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mempool.h"

enum { PRODUCERS = 8, PATIENCE_MS = 120000 };

typedef struct Mark {
    uint32_t producer;
    uint32_t number; /* 0, 1, 2 ... of this producer */
} Mark;

/* What apply saw. The batch thread's alone until stop has returned. */
typedef struct Record {
    uint32_t next[PRODUCERS];
    uint64_t last_id;
    uint64_t wrong;
    uint64_t batches;
    size_t largest;
} Record;

typedef struct Producer {
    pthread_t thread;
    mempool *pool;
    uint32_t index;
    uint32_t count;
    uint64_t full;   /* times that mempool_submit found no room */
    uint64_t failed; /* calls that answered what they must not */
} Producer;

static int32_t record(void *user, mempool_batch *batch) {
    Record *seen = user;
    size_t count = 0;
    mempool_batch_count(batch, &count);
    for (size_t index = 0; index < count; ++index) {
        mempool_tx_view tx = {sizeof tx, 0, 0, NULL, 0};
        Mark mark = {PRODUCERS, 0};
        if (mempool_batch_at(batch, index, &tx) == MEMPOOL_OK && tx.size == sizeof mark)
            memcpy(&mark, tx.data, sizeof mark);
        if (mark.producer >= PRODUCERS || mark.number != seen->next[mark.producer] || tx.id != seen->last_id + 1)
            ++seen->wrong;
        else
            ++seen->next[mark.producer];
        seen->last_id = tx.id;
    }
    ++seen->batches;
    if (count > seen->largest) seen->largest = count;
    return 0;
}

static void *produce(void *user) {
    Producer *self = user;
    uint64_t last = 0;
    for (uint32_t number = 0; number < self->count; ++number) {
        const Mark mark = {self->index, number};
        uint64_t id = 0;
        mempool_status status = MEMPOOL_FULL;
        if (self->index % 2 == 0) {
            status = mempool_submit(self->pool, &mark, sizeof mark, NULL, &id);
            if (status == MEMPOOL_FULL) ++self->full;
        }
        if (status == MEMPOOL_FULL)
            status = mempool_submit_wait(self->pool, &mark, sizeof mark, NULL, PATIENCE_MS, &id);
        if (status != MEMPOOL_OK || id <= last) ++self->failed;
        last = id;
    }
    return NULL;
}

static mempool *open_pool(Record *seen, const char *queue_capacity) {
    mempool_config *config = NULL;
    mempool *pool = NULL;
    const int opened = mempool_config_new(&config) == MEMPOOL_OK &&
                       mempool_config_set_text(config, "listen_host", "") == MEMPOOL_OK &&
                       mempool_config_set_text(config, "batch_interval_ms", "0") == MEMPOOL_OK &&
                       mempool_config_set_text(config, "queue_capacity", queue_capacity) == MEMPOOL_OK &&
                       mempool_open(config, &pool) == MEMPOOL_OK;
    mempool_config_free(config);
    if (opened && mempool_set_apply(pool, record, seen, NULL) == MEMPOOL_OK && mempool_start(pool) == MEMPOOL_OK)
        return pool;
    fprintf(stderr, "no pool: %s\n", mempool_error_detail());
    exit(1);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    static Record seen;
    static Producer producers[PRODUCERS];
    const unsigned long count = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
    if (count < PRODUCERS || count % PRODUCERS != 0 || count > UINT32_MAX) {
        fprintf(stderr, "usage: producers COUNT QUEUE_CAPACITY (COUNT a multiple of %d)\n", PRODUCERS);
        return 2;
    }
    mempool *pool = open_pool(&seen, argv[2]);
    const double begun = seconds();
    for (uint32_t index = 0; index < PRODUCERS; ++index) {
        producers[index].pool = pool;
        producers[index].index = index;
        producers[index].count = (uint32_t)(count / PRODUCERS);
        if (pthread_create(&producers[index].thread, NULL, produce, &producers[index]) != 0) return 1;
    }
    for (int index = 0; index < PRODUCERS; ++index) pthread_join(producers[index].thread, NULL);
    const mempool_status flushed = mempool_flush(pool, PATIENCE_MS);
    const double took = seconds() - begun;

    mempool_stats stats = {0};
    stats.struct_size = sizeof stats;
    const mempool_status stopped = mempool_stop(pool, PATIENCE_MS);
    int wrong = flushed != MEMPOOL_OK || stopped != MEMPOOL_OK || mempool_stats_read(pool, &stats) != MEMPOOL_OK;
    mempool_release(pool);

    uint64_t full = 0;
    uint64_t failed = 0;
    for (int index = 0; index < PRODUCERS; ++index) {
        full += producers[index].full;
        failed += producers[index].failed;
        if (seen.next[index] != producers[index].count) {
            fprintf(stderr, "producer %d: %u of %u applied in order\n", index, seen.next[index],
                    producers[index].count);
            wrong = 1;
        }
    }
    if (seen.wrong != 0 || failed != 0 || seen.last_id != count) wrong = 1;
    if (stats.accepted != count || stats.applied != count || stats.rejected != 0 || stats.pending != 0) wrong = 1;
    if (stats.batches != seen.batches || stats.events != seen.batches || stats.queue_length != 0) wrong = 1;
    printf(
        "%lu submissions of %d producers, queue of %s: %.2f s, %.0f a second; %llu batches, the largest %zu; %llu "
        "found it full; "
        "%llu out of order, %llu calls failed: %s\n",
        count, PRODUCERS, argv[2], took, (double)count / took, (unsigned long long)seen.batches, seen.largest,
        (unsigned long long)full, (unsigned long long)seen.wrong, (unsigned long long)failed,
        wrong ? "WRONG" : "none lost, none twice, order kept");
    return wrong;
}
