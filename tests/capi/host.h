/* SPDX-License-Identifier: MIT
 *
 * What the files of the C host share: the library's functions as dlsym found them, checks that count, and a number that
 * threads wait for. A host is one C99 program that knows mempool.h, libc and POSIX threads, and nothing else of ours.
 */
#ifndef MEMPOOL_TESTS_CAPI_HOST_H
#define MEMPOOL_TESTS_CAPI_HOST_H

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mempool.h"

#define PATIENCE_MS 20000 /* no wait is longer: what has not come by then does not come */

/* Every function of mempool.h, once. */
/* clang-format off */
#define FUNCTIONS(X) \
    X(version) X(version_text) X(abi_check) X(has_feature) \
    X(status_name) X(status_text) X(error_detail) \
    X(config_new) X(config_free) X(config_set_int) X(config_set_text) X(config_get_int) X(config_get_text) \
    X(config_load_env) X(option_count) X(option_at) \
    X(open) X(start) X(port) X(state) X(stop) X(request_stop) X(retain) X(release) \
    X(submit) X(submit_wait) X(submit_many) X(flush) X(tx_wait) X(tx_status) \
    X(completions_open) X(completions_next) X(completions_fd) X(completions_arm_room) X(completions_close) \
    X(set_apply) X(batch_count) X(batch_at) X(batch_reject) X(batch_fail) \
    X(event_read) X(event_rejected) X(event_text) X(event_free) X(publish) \
    X(on_event) X(off_event) X(subscribe) X(receiver_next) X(receiver_fd) X(receiver_lag) X(receiver_resubscribe) X(receiver_close) \
    X(listener_count) X(stats_read) X(counter_count) X(counter_at) X(metrics_text) X(set_log) X(log_level)
/* clang-format on */

/* __typeof__ so that a pointer can't differ from the header's prototype. */
#define MEMBER(name) __typeof__(mempool_##name) *name;
typedef struct Api {
    FUNCTIONS(MEMBER)
} Api;
#undef MEMBER
extern Api api;

/* A check that fails is printed and counted; the test goes on. */
#define CHECK(condition) check((condition) ? 1 : 0, #condition, __FILE__, __LINE__)
#define CHECK_STATUS(call, expected) check_status((call), (expected), #call, __FILE__, __LINE__)
#define CHECK_TEXT(given, part) check_text((given), (part), #given, __FILE__, __LINE__)
int check(int holds, const char *what, const char *file, int line);
int check_status(mempool_status given, mempool_status expected, const char *what, const char *file, int line);
int check_text(const char *given, const char *part, const char *what, const char *file, int line);
int failed_checks(void);

/* A number that only grows and that threads wait for. */
typedef struct Tally {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    long value;
} Tally;
void tally_init(Tally *tally);
void tally_end(Tally *tally);
void tally_add(Tally *tally, long count);
long tally_value(Tally *tally);
int tally_reaches(Tally *tally, long value); /* 1; 0 when it has not within PATIENCE_MS */

/* What the callbacks of a test see: given to the library as `user`, on the heap, so that a late destroy would show. */
enum { HEARD_MAX = 64, HEARD_SIZE = 96 };
typedef struct Host {
    Tally entered;   /* calls of apply begun */
    Tally gate;      /* blocking_apply goes on once this is 1 */
    Tally seen;      /* transactions that apply has decided on */
    Tally destroyed; /* calls of host_destroy */
    Tally events;    /* events that hear has been given */
    char heard[HEARD_MAX][HEARD_SIZE];
    mempool *pool;
    uint64_t registration;
    mempool_status answers[8]; /* what calls made inside a callback returned */
} Host;
Host *host_new(void);
void host_end(Host *host, long destroys); /* waits for that many destroys, then frees */

void host_destroy(void *user);
int32_t pay_apply(void *user, mempool_batch *batch);      /* rejects what does not begin with "pay": "unknown verb" */
int32_t blocking_apply(void *user, mempool_batch *batch); /* the same, once the gate is open */
void hear(void *user, const mempool_event *event);        /* keeps the event's text */

/* A pool on a free port with these options ("batch_max", "3", ..., NULL); NULL where that failed, which is a failed
 * check. */
mempool *open_pool(const char *option, ...);
uint64_t submit(mempool *pool, const char *text); /* 0 where that failed, which is a failed check */
mempool_outcome wait_for(mempool *pool, uint64_t id);
mempool_status publish(mempool *pool, const char *text);

/* Takes the next event within PATIENCE_MS and says whether its text is that one. */
int next_is(mempool_receiver *receiver, mempool_status status, const char *text);

/* One row of the table of tests: a sentence that is true when `run` fails no check. */
typedef struct Test {
    const char *sentence;
    void (*run)(void);
} Test;
extern const Test config_tests[], life_tests[], stop_tests[], race_tests[], apply_tests[], queue_tests[],
    completion_tests[], event_tests[], log_tests[]; /* each ends with {NULL, NULL} */

#endif
