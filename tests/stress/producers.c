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

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "marked.h"

static mempool *open_pool(Record *seen, const char *queue_capacity) {
    mempool_config *config = NULL;
    mempool *pool = NULL;
    const int opened = mempool_config_new(&config) == MEMPOOL_OK &&
                       mempool_config_set_text(config, "listen_host", "") == MEMPOOL_OK &&
                       mempool_config_set_text(config, "batch_interval_ms", "0") == MEMPOOL_OK &&
                       mempool_config_set_text(config, "queue_capacity", queue_capacity) == MEMPOOL_OK &&
                       mempool_open(config, &pool) == MEMPOOL_OK;
    mempool_config_free(config);
    if (opened && marked_record(pool, seen) == MEMPOOL_OK && mempool_start(pool) == MEMPOOL_OK) return pool;
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
        producers[index].eager = index % 2 == 0;
        if (marked_begin(&producers[index]) != 0) return 1;
    }
    for (int index = 0; index < PRODUCERS; ++index) marked_end(&producers[index]);
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
        "%lu submissions of %d producers, queue of %s: %.2f s, %.0f a second; %llu batches, the largest %llu; %llu "
        "found it full; "
        "%llu out of order, %llu calls failed: %s\n",
        count, PRODUCERS, argv[2], took, (double)count / took, (unsigned long long)seen.batches,
        (unsigned long long)seen.largest, (unsigned long long)full, (unsigned long long)seen.wrong,
        (unsigned long long)failed, wrong ? "WRONG" : "none lost, none twice, order kept");
    return wrong;
}
