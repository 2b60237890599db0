/* SPDX-License-Identifier: MIT
 *
 * host LIBRARY: a C host that loads the library with dlopen and walks through mempool.h. Prints TAP; exit 1 when a
 * check failed.
 */
#include "host.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

Api api;

/* ---- checks ---- */

static pthread_mutex_t checks_mutex = PTHREAD_MUTEX_INITIALIZER; /* guards failed */
static int failed;

static void count_failure(void) {
    pthread_mutex_lock(&checks_mutex);
    ++failed;
    pthread_mutex_unlock(&checks_mutex);
}

int failed_checks(void) {
    pthread_mutex_lock(&checks_mutex);
    const int now = failed;
    pthread_mutex_unlock(&checks_mutex);
    return now;
}

int check(int holds, const char *what, const char *file, int line) {
    if (!holds) {
        count_failure();
        printf("# %s:%d: does not hold: %s\n", file, line, what);
    }
    return holds;
}

int check_status(mempool_status given, mempool_status expected, const char *what, const char *file, int line) {
    if (given != expected) {
        count_failure();
        printf("# %s:%d: %s is %s, not %s; detail: %s\n", file, line, what, api.status_name(given),
               api.status_name(expected), api.error_detail());
    }
    return given == expected;
}

int check_text(const char *given, const char *part, const char *what, const char *file, int line) {
    const int holds = given != NULL && strstr(given, part) != NULL;
    if (!holds) {
        count_failure();
        printf("# %s:%d: %s is \"%s\", which lacks \"%s\"\n", file, line, what, given ? given : "(null)", part);
    }
    return holds;
}

/* ---- a number that threads wait for ---- */

void tally_init(Tally *tally) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&tally->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&tally->mutex, NULL);
    tally->value = 0;
}

void tally_end(Tally *tally) {
    pthread_cond_destroy(&tally->changed);
    pthread_mutex_destroy(&tally->mutex);
}

void tally_add(Tally *tally, long count) {
    pthread_mutex_lock(&tally->mutex);
    tally->value += count;
    pthread_cond_broadcast(&tally->changed);
    pthread_mutex_unlock(&tally->mutex);
}

long tally_value(Tally *tally) {
    pthread_mutex_lock(&tally->mutex);
    const long value = tally->value;
    pthread_mutex_unlock(&tally->mutex);
    return value;
}

int tally_reaches(Tally *tally, long value) {
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += PATIENCE_MS / 1000;
    pthread_mutex_lock(&tally->mutex);
    int timed_out = 0;
    while (tally->value < value && !timed_out)
        timed_out = pthread_cond_timedwait(&tally->changed, &tally->mutex, &deadline) != 0;
    const int reached = tally->value >= value;
    pthread_mutex_unlock(&tally->mutex);
    return reached;
}

/* ---- the host that callbacks see ---- */

Host *host_new(void) {
    Host *host = calloc(1, sizeof *host);
    if (host == NULL) abort();
    tally_init(&host->entered);
    tally_init(&host->gate);
    tally_init(&host->seen);
    tally_init(&host->destroyed);
    tally_init(&host->events);
    return host;
}

void host_end(Host *host, long destroys) {
    if (!CHECK(tally_reaches(&host->destroyed, destroys))) return; /* leaked: the library may still use it */
    CHECK(tally_value(&host->destroyed) == destroys);
    tally_end(&host->entered);
    tally_end(&host->gate);
    tally_end(&host->seen);
    tally_end(&host->destroyed);
    tally_end(&host->events);
    free(host);
}

void host_destroy(void *user) {
    tally_add(&((Host *)user)->destroyed, 1);
}

int32_t pay_apply(void *user, mempool_batch *batch) {
    Host *host = user;
    size_t count = 0;
    tally_add(&host->entered, 1);
    CHECK_STATUS(api.batch_count(batch, &count), MEMPOOL_OK);
    CHECK(count > 0);
    for (size_t index = 0; index < count; ++index) {
        mempool_tx_view tx = {sizeof tx, 0, 0, NULL, 0};
        CHECK_STATUS(api.batch_at(batch, index, &tx), MEMPOOL_OK);
        if (tx.size < 3 || memcmp(tx.data, "pay", 3) != 0)
            CHECK_STATUS(api.batch_reject(batch, index, "unknown verb"), MEMPOOL_OK);
    }
    tally_add(&host->seen, (long)count);
    return 0;
}

int32_t blocking_apply(void *user, mempool_batch *batch) {
    Host *host = user;
    tally_add(&host->entered, 1);
    CHECK(tally_reaches(&host->gate, 1));
    return pay_apply(user, batch);
}

void hear(void *user, const mempool_event *event) {
    Host *host = user;
    const char *text = NULL;
    size_t size = 0;
    CHECK_STATUS(api.event_text(event, &text, &size), MEMPOOL_OK);
    CHECK(strlen(text) == size);
    const long index = tally_value(&host->events); /* callbacks are never two at once */
    if (index < HEARD_MAX) snprintf(host->heard[index], HEARD_SIZE, "%s", text);
    tally_add(&host->events, 1);
}

/* ---- short forms ---- */

mempool *open_pool(const char *option, ...) {
    mempool_config *config = NULL;
    mempool *pool = NULL;
    if (!CHECK_STATUS(api.config_new(&config), MEMPOOL_OK)) return NULL;
    CHECK_STATUS(api.config_set_int(config, "listen_port", 0), MEMPOOL_OK);
    va_list rest;
    va_start(rest, option);
    for (; option != NULL; option = va_arg(rest, const char *))
        CHECK_STATUS(api.config_set_text(config, option, va_arg(rest, const char *)), MEMPOOL_OK);
    va_end(rest);
    CHECK_STATUS(api.open(config, &pool), MEMPOOL_OK);
    api.config_free(config); /* open has copied it */
    return pool;
}

uint64_t submit(mempool *pool, const char *text) {
    uint64_t id = 0;
    CHECK_STATUS(api.submit(pool, text, strlen(text), NULL, &id), MEMPOOL_OK);
    return id;
}

mempool_outcome wait_for(mempool *pool, uint64_t id) {
    mempool_outcome outcome;
    memset(&outcome, 0, sizeof outcome);
    outcome.struct_size = sizeof outcome;
    CHECK_STATUS(api.tx_wait(pool, id, PATIENCE_MS, &outcome), MEMPOOL_OK);
    CHECK(outcome.id == id);
    return outcome;
}

mempool_status publish(mempool *pool, const char *text) {
    return api.publish(pool, text, strlen(text), NULL, NULL);
}

int next_is(mempool_receiver *receiver, mempool_status status, const char *text) {
    mempool_event *event = NULL;
    const char *given = NULL;
    size_t size = 0;
    const mempool_status answer = api.receiver_next(receiver, PATIENCE_MS, &event);
    if (answer != status || (event == NULL) != (text == NULL)) {
        printf("# next gives %s, %s an event\n", api.status_name(answer), event ? "with" : "without");
        api.event_free(event);
        return 0;
    }
    if (event == NULL) return 1;
    api.event_text(event, &given, &size);
    const int equal = strcmp(given, text) == 0;
    if (!equal) printf("# next gives \"%s\", not \"%s\"\n", given, text);
    api.event_free(event);
    return equal;
}

/* ---- main ---- */

static int load(const char *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        printf("Bail out! %s\n", dlerror());
        return 0;
    }
    /* POSIX's way to turn dlsym's pointer into one to a function, which ISO C has no cast for. */
#define RESOLVE(name)                                         \
    *(void **)(&api.name) = dlsym(library, "mempool_" #name); \
    if (api.name == NULL) {                                   \
        printf("Bail out! no mempool_" #name "\n");           \
        return 0;                                             \
    }
    FUNCTIONS(RESOLVE)
#undef RESOLVE
    return 1;
}

int main(int argc, char **argv) {
    static const Test *const chapters[] = {config_tests, life_tests,       stop_tests,  race_tests, apply_tests,
                                           queue_tests,  completion_tests, event_tests, log_tests};
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc != 2) {
        fprintf(stderr, "usage: host LIBRARY\n");
        return 2;
    }
    if (!load(argv[1])) return 1;
    int number = 0;
    for (size_t chapter = 0; chapter < sizeof chapters / sizeof *chapters; ++chapter) {
        for (const Test *test = chapters[chapter]; test->run != NULL; ++test) {
            const int before = failed_checks();
            test->run();
            printf("%s %d - %s\n", failed_checks() == before ? "ok" : "not ok", ++number, test->sentence);
        }
    }
    printf("1..%d\n", number);
    return failed_checks() != 0;
}
