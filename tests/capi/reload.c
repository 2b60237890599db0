/* SPDX-License-Identifier: MIT
 *
 * reload LIBRARY: a host that opens and closes the library itself again and again, also while a pool runs, and one that has two
 * copies of it at once. Prints TAP; exit 1 when a check failed. One thread, but for the pools' own.
 */
#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mempool.h"

enum { WARM_UP = 20, CYCLES = 200, PATIENCE_S = 20, SLACK_BYTES = 64 * 1024 };

static int failed;

static int check(int holds, const char *what, int line) {
    if (!holds) {
        ++failed;
        printf("# reload.c:%d: does not hold: %s\n", line, what);
    }
    return holds;
}
#define CHECK(condition) check((condition) ? 1 : 0, #condition, __LINE__)

/* What one instance of the library has of the functions used here. */
typedef struct Library {
    void *handle;
    __typeof__(mempool_config_new) *config_new;
    __typeof__(mempool_config_set_int) *config_set_int;
    __typeof__(mempool_config_free) *config_free;
    __typeof__(mempool_open) *open;
    __typeof__(mempool_start) *start;
    __typeof__(mempool_set_apply) *set_apply;
    __typeof__(mempool_submit) *submit;
    __typeof__(mempool_tx_wait) *tx_wait;
    __typeof__(mempool_stop) *stop;
    __typeof__(mempool_release) *release;
    __typeof__(mempool_error_detail) *error_detail;
} Library;

static Library load(const char *path) {
    Library library;
    library.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library.handle == NULL) {
        printf("Bail out! %s\n", dlerror());
        exit(1);
    }
    /* POSIX's way to turn dlsym's pointer into one to a function. */
#define RESOLVE(name) *(void **)(&library.name) = dlsym(library.handle, "mempool_" #name)
    RESOLVE(config_new);
    RESOLVE(config_set_int);
    RESOLVE(config_free);
    RESOLVE(open);
    RESOLVE(start);
    RESOLVE(set_apply);
    RESOLVE(submit);
    RESOLVE(tx_wait);
    RESOLVE(stop);
    RESOLVE(release);
    RESOLVE(error_detail);
#undef RESOLVE
    return library;
}

static mempool *start_pool(const Library *library, int64_t interval_ms, mempool_apply_fn apply,
                           mempool_destroy_fn destroy, void *user) {
    mempool_config *config = NULL;
    mempool *pool = NULL;
    CHECK(library->config_new(&config) == MEMPOOL_OK);
    CHECK(library->config_set_int(config, "listen_port", 0) == MEMPOOL_OK);
    CHECK(library->config_set_int(config, "batch_interval_ms", interval_ms) == MEMPOOL_OK);
    CHECK(library->open(config, &pool) == MEMPOOL_OK);
    library->config_free(config);
    if (apply != NULL) CHECK(library->set_apply(pool, apply, user, destroy) == MEMPOOL_OK);
    CHECK(library->start(pool) == MEMPOOL_OK);
    return pool;
}

static void use(const Library *library, mempool *pool) {
    uint64_t id = 0;
    mempool_outcome outcome;
    memset(&outcome, 0, sizeof outcome);
    outcome.struct_size = sizeof outcome;
    CHECK(library->submit(pool, "pay", 3, NULL, &id) == MEMPOOL_OK);
    CHECK(library->tx_wait(pool, id, PATIENCE_S * 1000, &outcome) == MEMPOOL_OK);
    CHECK(outcome.status == MEMPOOL_TX_APPLIED);
}

static void end_pool(const Library *library, mempool *pool) {
    CHECK(library->stop(pool, PATIENCE_S * 1000) == MEMPOOL_OK);
    library->release(pool);
}

/* ---- what is left behind ---- */

static int entries(const char *folder) {
    int count = 0;
    DIR *open = opendir(folder);
    while (readdir(open) != NULL) ++count;
    closedir(open);
    return count;
}

static int threads_are(int expected) { /* one that was joined is gone from /proc a moment later only */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    for (const time_t deadline = now.tv_sec + PATIENCE_S; now.tv_sec <= deadline;
         clock_gettime(CLOCK_MONOTONIC, &now)) {
        if (entries("/proc/self/task") == expected) return 1;
        sched_yield();
    }
    return 0;
}

static void cycle(const char *path) {
    const Library library = load(path);
    mempool *pool = start_pool(&library, 0, NULL, NULL, NULL);
    use(&library, pool);
    end_pool(&library, pool);
    CHECK(dlclose(library.handle) == 0);
}

static void loading_again_and_again_leaves_nothing(const char *path) {
    for (int count = 0; count < WARM_UP; ++count) cycle(path);
    const int threads = entries("/proc/self/task"), descriptors = entries("/proc/self/fd");
    const size_t memory = mallinfo2().uordblks;
    for (int count = 0; count < CYCLES; ++count) cycle(path);
    const size_t then = mallinfo2().uordblks;
    CHECK(threads_are(threads));
    CHECK(entries("/proc/self/fd") == descriptors);
    if (!CHECK(then < memory + SLACK_BYTES)) printf("# %zu bytes, then %zu\n", memory, then);
    printf("# memory: %zu bytes before, %zu after %d cycles\n", memory, then, CYCLES);
}

/* ---- closed while a pool runs ---- */

typedef struct Seen {
    size_t applied; /* batch thread; then after `destroyed` */
    sem_t destroyed;
} Seen;

/* The functions that a callback needs must outlive dlclose as the library's own do. */
static __typeof__(mempool_batch_count) *batch_count;

static int32_t count_apply(void *user, mempool_batch *batch) {
    size_t count = 0;
    batch_count(batch, &count);
    ((Seen *)user)->applied += count;
    return 0;
}

static void tell_destroyed(void *user) {
    sem_post(&((Seen *)user)->destroyed);
}

static void closing_it_while_a_pool_runs_harms_nothing(const char *path) {
    for (int round = 0; round < 20; ++round) {
        const Library library = load(path);
        *(void **)(&batch_count) = dlsym(library.handle, "mempool_batch_count");
        Seen seen = {0};
        struct timespec deadline;
        sem_init(&seen.destroyed, 0, 0);
        mempool *pool = start_pool(&library, 60000, count_apply, tell_destroyed, &seen);
        for (int count = 0; count < 3; ++count) CHECK(library.submit(pool, "pay", 3, NULL, NULL) == MEMPOOL_OK);
        CHECK(dlclose(library.handle) == 0);
        library.release(pool); /* still there; and it ends by itself */
        clock_gettime(CLOCK_REALTIME, &deadline);
        deadline.tv_sec += PATIENCE_S;
        CHECK(sem_timedwait(&seen.destroyed, &deadline) == 0);
        CHECK(seen.applied == 3);
        sem_destroy(&seen.destroyed);
    }
}

/* ---- two of it ---- */

static void copy_file(const char *from, const char *to) {
    char bytes[65536];
    const int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    CHECK(in >= 0 && out >= 0);
    for (ssize_t count; (count = read(in, bytes, sizeof bytes)) > 0;) CHECK(write(out, bytes, (size_t)count) == count);
    close(in);
    close(out);
}

static void two_instances_live_side_by_side(const char *path) {
    char folder[] = "/tmp/mempool-reload-XXXXXX", copy[sizeof folder + 16];
    if (!CHECK(mkdtemp(folder) != NULL)) return;
    snprintf(copy, sizeof copy, "%s/copy.so", folder);
    copy_file(path, copy);
    const Library first = load(path), second = load(copy);
    CHECK(first.open != second.open);
    mempool *pools[2] = {start_pool(&first, 0, NULL, NULL, NULL), start_pool(&second, 0, NULL, NULL, NULL)};
    for (int count = 0; count < 100; ++count) {
        use(&first, pools[0]);
        use(&second, pools[1]);
    }
    CHECK(first.submit(pools[0], "", 0, NULL, NULL) == MEMPOOL_INVALID);
    CHECK(strlen(first.error_detail()) > 0 && strlen(second.error_detail()) == 0); /* each has its own */
    end_pool(&first, pools[0]);
    use(&second, pools[1]);
    end_pool(&second, pools[1]);
    CHECK(dlclose(first.handle) == 0 && dlclose(second.handle) == 0);
    CHECK(unlink(copy) == 0 && rmdir(folder) == 0);
}

int main(int argc, char **argv) {
    static const struct {
        const char *sentence;
        void (*run)(const char *path);
    } tests[] = {
        {"loading, using and closing the library again and again leaves no thread, descriptor or memory",
         loading_again_and_again_leaves_nothing},
        {"closing the library while a pool runs harms neither", closing_it_while_a_pool_runs_harms_nothing},
        {"two instances live side by side in one process", two_instances_live_side_by_side},
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc != 2) {
        fprintf(stderr, "usage: reload LIBRARY\n");
        return 2;
    }
    const size_t count = sizeof tests / sizeof *tests;
    for (size_t index = 0; index < count; ++index) {
        const int before = failed;
        tests[index].run(argv[1]);
        printf("%s %zu - %s\n", failed == before ? "ok" : "not ok", index + 1, tests[index].sentence);
    }
    printf("1..%zu\n", count);
    return failed != 0;
}
