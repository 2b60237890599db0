/* SPDX-License-Identifier: MIT
 *
 * Marked transactions: each says which producer it is of and its number there, so that apply can tell whether one is lost, comes twice or
 * out of its producer's order, and whether the ids have holes.
 *
 * Used by producers.c (C alone) and, as a shared library, by tests/python/test_producers.py (C, Python and HTTP together). The record is the
 * batch thread's until stop has returned.
 */
#ifndef MARKED_H
#define MARKED_H

#include <pthread.h>
#include <stdint.h>

#include "mempool.h"

enum { PRODUCERS = 8, PATIENCE_MS = 120000 };

typedef struct Mark {
    uint32_t producer;
    uint32_t number; /* 0, 1, 2 ... of this producer */
} Mark;

/* What apply saw. */
typedef struct Record {
    uint32_t next[PRODUCERS]; /* how many of each came, in order */
    uint64_t last_id;
    uint64_t wrong; /* out of order, or beside the ids' sequence */
    uint64_t batches;
    uint64_t largest;
} Record;

/* A thread that submits `count` of them. With `eager` it tries mempool_submit first and waits in line only where the queue is full. */
typedef struct Producer {
    pthread_t thread;
    mempool *pool;
    uint32_t index;
    uint32_t count;
    uint32_t eager;
    uint32_t reserved;
    uint64_t full;   /* times that mempool_submit found no room */
    uint64_t failed; /* calls that answered what they must not */
} Producer;

/* Makes `record` what apply fills; before mempool_start. */
mempool_status marked_record(mempool *pool, Record *record);

/* One of them, waiting in line for room. */
mempool_status marked_submit_wait(mempool *pool, uint32_t producer, uint32_t number, uint64_t *id);

/* 0 unless the thread could not be made. The producer stays where it is until marked_end has joined it. */
int marked_begin(Producer *producer);
int marked_end(Producer *producer);

#endif
