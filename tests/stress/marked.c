/* SPDX-License-Identifier: MIT */
#include "marked.h"

#include <stddef.h>
#include <string.h>

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

mempool_status marked_record(mempool *pool, Record *seen) {
    return mempool_set_apply(pool, record, seen, NULL);
}

mempool_status marked_submit_wait(mempool *pool, uint32_t producer, uint32_t number, uint64_t *id) {
    const Mark mark = {producer, number};
    return mempool_submit_wait(pool, &mark, sizeof mark, NULL, PATIENCE_MS, id);
}

static void *produce(void *user) {
    Producer *self = user;
    uint64_t last = 0;
    for (uint32_t number = 0; number < self->count; ++number) {
        const Mark mark = {self->index, number};
        uint64_t id = 0;
        mempool_status status = MEMPOOL_FULL;
        if (self->eager) {
            status = mempool_submit(self->pool, &mark, sizeof mark, NULL, &id);
            if (status == MEMPOOL_FULL) ++self->full;
        }
        if (status == MEMPOOL_FULL) status = marked_submit_wait(self->pool, self->index, number, &id);
        if (status != MEMPOOL_OK || id <= last) ++self->failed;
        last = id;
    }
    return NULL;
}

int marked_begin(Producer *producer) {
    return pthread_create(&producer->thread, NULL, produce, producer);
}

int marked_end(Producer *producer) {
    return pthread_join(producer->thread, NULL);
}
