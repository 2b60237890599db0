/* SPDX-License-Identifier: MIT
 *
 * C code that is handed somebody else's pool (Python's, by pool.handle): it submits, and hears events by a callback. Built as a
 * shared library by tests/python/test_job.py.
 */
#include <mempool.h>
#include <pthread.h>
#include <string.h>

enum { HEARD_MAX = 256, HEARD_SIZE = 256 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards heard and count */
static char heard[HEARD_MAX][HEARD_SIZE];
static size_t count;
static mempool *joined;

int32_t producer_join(mempool *pool);
uint64_t producer_submit(const char *text);
int producer_heard(size_t index, char *text, size_t size);

static void hear(void *user, const mempool_event *event) {
    const char *text = NULL;
    size_t size = 0;
    (void)user;
    if (mempool_event_text(event, &text, &size) != MEMPOOL_OK) return;
    pthread_mutex_lock(&mutex);
    if (count < HEARD_MAX) strncpy(heard[count++], text, HEARD_SIZE - 1);
    pthread_mutex_unlock(&mutex);
}

static void leave(void *user) {
    mempool_release(user);
}

/* Keeps a reference to the pool for as long as the callback is registered. */
int32_t producer_join(mempool *pool) {
    uint64_t registration = 0;
    mempool_status status = mempool_retain(pool);
    if (status != MEMPOOL_OK) return status;
    status = mempool_on_event(pool, NULL, hear, pool, leave, &registration);
    if (status != MEMPOOL_OK) mempool_release(pool);
    joined = pool;
    return status;
}

/* The transaction's id; 0 where it was refused. */
uint64_t producer_submit(const char *text) {
    uint64_t id = 0;
    mempool_submit(joined, text, strlen(text), NULL, &id);
    return id;
}

/* 1 and the text where so many events were heard, else 0. */
int producer_heard(size_t index, char *text, size_t size) {
    pthread_mutex_lock(&mutex);
    const int known = index < count && size > 0;
    if (known) {
        strncpy(text, heard[index], size - 1);
        text[size - 1] = '\0';
    }
    pthread_mutex_unlock(&mutex);
    return known;
}
