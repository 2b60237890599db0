/* SPDX-License-Identifier: MIT
 *
 * Chapter 5 and 10 of mempool.h: calls that meet. Whichever comes first, each answers what its block says, every destroy runs
 * once, and nothing accepted is lost.
 */
#include "host.h"

enum { ROUNDS = 300, THREADS = 4 };

/* ---- a meeting of threads: all begin at once ---- */

typedef struct Meeting {
    pthread_barrier_t barrier;
    mempool *pool;
    Host *host;
    mempool_status answers[THREADS];
    uint64_t id;
} Meeting;

typedef struct Guest {
    Meeting *meeting;
    int index;
    mempool_status (*call)(Meeting *meeting);
    pthread_t thread;
} Guest;

static void *attend(void *user) {
    Guest *guest = user;
    pthread_barrier_wait(&guest->meeting->barrier);
    guest->meeting->answers[guest->index] = guest->call(guest->meeting);
    return NULL;
}

static void meet(Meeting *meeting, int count, mempool_status (*const calls[])(Meeting *)) {
    Guest guests[THREADS];
    pthread_barrier_init(&meeting->barrier, NULL, (unsigned)count);
    for (int i = 0; i < count; ++i) {
        guests[i] = (Guest){meeting, i, calls[i], pthread_self()};
        CHECK(pthread_create(&guests[i].thread, NULL, attend, &guests[i]) == 0);
    }
    for (int i = 0; i < count; ++i) pthread_join(guests[i].thread, NULL);
    pthread_barrier_destroy(&meeting->barrier);
}

static mempool_status do_start(Meeting *meeting) {
    return api.start(meeting->pool);
}

static mempool_status do_stop(Meeting *meeting) {
    return api.stop(meeting->pool, PATIENCE_MS);
}

static mempool_status do_request_stop(Meeting *meeting) {
    return api.request_stop(meeting->pool);
}

static mempool_status do_submit(Meeting *meeting) {
    return api.submit(meeting->pool, "pay bob 5", 9, NULL, &meeting->id);
}

static mempool_status do_set_apply(Meeting *meeting) {
    return api.set_apply(meeting->pool, pay_apply, meeting->host, host_destroy);
}

static mempool_status do_on_event(Meeting *meeting) {
    return api.on_event(meeting->pool, NULL, hear, meeting->host, host_destroy, &meeting->host->registration);
}

/* With a reference of its own, as every thread that uses a pool has. */
static mempool_status do_stop_and_release(Meeting *meeting) {
    const mempool_status status = api.stop(meeting->pool, PATIENCE_MS);
    api.release(meeting->pool);
    return status;
}

static mempool_status do_release(Meeting *meeting) {
    api.release(meeting->pool);
    return MEMPOOL_OK;
}

static int state_is(mempool *pool, int32_t expected) {
    int32_t state = -1;
    CHECK_STATUS(api.state(pool, &state), MEMPOOL_OK);
    return state == expected;
}

static mempool *open_quiet(int round) {
    return open_pool("listen_host", round % 8 == 0 ? "127.0.0.1" : "", "batch_interval_ms", "0", NULL);
}

/* ---- the sentences ---- */

static void many_stops_at_once(void) {
    mempool_status (*const calls[])(Meeting *) = {do_stop, do_stop, do_stop, do_submit};
    for (int round = 0; round < ROUNDS; ++round) {
        Meeting meeting = {.pool = open_quiet(round), .host = host_new()};
        CHECK_STATUS(do_set_apply(&meeting), MEMPOOL_OK);
        CHECK_STATUS(api.start(meeting.pool), MEMPOOL_OK);
        meet(&meeting, THREADS, calls);
        for (int i = 0; i < 3; ++i) CHECK_STATUS(meeting.answers[i], MEMPOOL_OK);
        CHECK(state_is(meeting.pool, MEMPOOL_STOPPED));
        CHECK(meeting.answers[3] == MEMPOOL_OK || meeting.answers[3] == MEMPOOL_CLOSED);
        CHECK(tally_value(&meeting.host->seen) == (meeting.answers[3] == MEMPOOL_OK));
        api.release(meeting.pool);
        host_end(meeting.host, 1);
    }
}

static void stop_meets_start(void) {
    mempool_status (*const calls[])(Meeting *) = {do_start, do_stop, do_request_stop};
    for (int round = 0; round < ROUNDS; ++round) {
        Meeting meeting = {.pool = open_quiet(round)};
        meet(&meeting, 2 + round % 2, calls);
        CHECK(meeting.answers[0] == MEMPOOL_OK || meeting.answers[0] == MEMPOOL_STATE); /* or it was stopped before */
        CHECK_STATUS(meeting.answers[1], MEMPOOL_OK);
        CHECK(state_is(meeting.pool, MEMPOOL_STOPPED));
        api.release(meeting.pool);
    }
}

static void release_meets_stop(void) {
    mempool_status (*const calls[])(Meeting *) = {do_stop_and_release, do_release, do_stop_and_release};
    for (int round = 0; round < ROUNDS; ++round) {
        Meeting meeting = {.pool = open_quiet(round), .host = host_new()};
        CHECK_STATUS(do_set_apply(&meeting), MEMPOOL_OK);
        CHECK_STATUS(api.start(meeting.pool), MEMPOOL_OK);
        submit(meeting.pool, "pay bob 5");
        for (int i = 0; i < 2; ++i) CHECK_STATUS(api.retain(meeting.pool), MEMPOOL_OK);
        meet(&meeting, 3, calls);
        CHECK(meeting.answers[0] == MEMPOOL_OK && meeting.answers[2] == MEMPOOL_OK);
        CHECK(tally_value(&meeting.host->seen) == 1);
        host_end(meeting.host, 1);
    }
}

static void set_apply_meets_start(void) {
    mempool_status (*const calls[])(Meeting *) = {do_start, do_set_apply, do_set_apply};
    for (int round = 0; round < ROUNDS; ++round) {
        Meeting meeting = {.pool = open_quiet(round), .host = host_new()};
        meet(&meeting, 3, calls);
        CHECK_STATUS(meeting.answers[0], MEMPOOL_OK);
        int set = 0;
        for (int i = 1; i < 3; ++i) {
            CHECK(meeting.answers[i] == MEMPOOL_OK || meeting.answers[i] == MEMPOOL_STATE);
            set += meeting.answers[i] == MEMPOOL_OK;
        }
        CHECK(wait_for(meeting.pool, submit(meeting.pool, "pay bob 5")).status == MEMPOOL_TX_APPLIED);
        CHECK_STATUS(api.stop(meeting.pool, -1), MEMPOOL_OK);
        CHECK(tally_value(&meeting.host->seen) == (set > 0));
        api.release(meeting.pool);
        host_end(meeting.host, set);
    }
}

static void on_event_meets_start(void) {
    mempool_status (*const calls[])(Meeting *) = {do_start, do_on_event};
    for (int round = 0; round < ROUNDS; ++round) {
        Meeting meeting = {.pool = open_quiet(round), .host = host_new()};
        meet(&meeting, 2, calls);
        CHECK(meeting.answers[0] == MEMPOOL_OK && meeting.answers[1] == MEMPOOL_OK);
        CHECK_STATUS(publish(meeting.pool, "news"), MEMPOOL_OK);
        CHECK(tally_reaches(&meeting.host->events, 1));
        CHECK_STATUS(api.stop(meeting.pool, -1), MEMPOOL_OK);
        CHECK(tally_value(&meeting.host->events) == 1);
        api.release(meeting.pool);
        host_end(meeting.host, 1);
    }
}

static void on_event_meets_stop(void) {
    mempool_status (*const calls[])(Meeting *) = {do_stop, do_on_event};
    for (int round = 0; round < ROUNDS; ++round) {
        Host *other = host_new();
        Meeting meeting = {.pool = open_quiet(round), .host = host_new()};
        if (round % 2 == 0) /* with a callback thread that ends meanwhile, or without */
            CHECK_STATUS(api.on_event(meeting.pool, NULL, hear, other, host_destroy, &other->registration), MEMPOOL_OK);
        CHECK_STATUS(api.start(meeting.pool), MEMPOOL_OK);
        meet(&meeting, 2, calls);
        CHECK_STATUS(meeting.answers[0], MEMPOOL_OK);
        CHECK(meeting.answers[1] == MEMPOOL_OK || meeting.answers[1] == MEMPOOL_CLOSED);
        CHECK_STATUS(api.stop(meeting.pool, PATIENCE_MS), MEMPOOL_OK);
        host_end(other, round % 2 == 0);
        host_end(meeting.host, meeting.answers[1] == MEMPOOL_OK); /* before the release: nothing waits for that */
        api.release(meeting.pool);
    }
}

/* ---- a callback that is taken off, thousands of times ---- */

enum { OFFS = 4000 };

typedef struct Once {
    Tally calls, destroys;
    long calls_at_destroy;
    int off_inside;
    mempool *pool;
    uint64_t registration;
    Tally registered; /* the number above may be read */
} Once;

static void count_call(void *user, const mempool_event *event) {
    Once *once = user;
    (void)event;
    CHECK(tally_value(&once->destroys) == 0); /* no call after destroy */
    tally_add(&once->calls, 1);
    if (!once->off_inside) return;
    CHECK(tally_reaches(&once->registered, 1));
    const mempool_status status = api.off_event(once->pool, once->registration);
    CHECK(status == MEMPOOL_OK || status == MEMPOOL_NOT_FOUND);
    CHECK(tally_value(&once->destroys) == 0); /* not while it runs */
}

static void count_once(void *user) {
    Once *once = user;
    once->calls_at_destroy = tally_value(&once->calls);
    tally_add(&once->destroys, 1);
}

typedef struct Noise {
    mempool *pool;
    Tally over;
} Noise;

static void *make_noise(void *user) {
    Noise *noise = user;
    while (tally_value(&noise->over) == 0) publish(noise->pool, "noise");
    return NULL;
}

static void off_event_races_its_calls(void) {
    Noise noise = {.pool = open_pool("listen_host", "", "ring_capacity", "16", NULL)};
    tally_init(&noise.over);
    CHECK_STATUS(api.start(noise.pool), MEMPOOL_OK);
    Once *all = calloc(OFFS, sizeof *all);
    if (all == NULL) abort();
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, make_noise, &noise) == 0);
    for (int i = 0; i < OFFS; ++i) {
        Once *once = &all[i];
        tally_init(&once->calls);
        tally_init(&once->destroys);
        tally_init(&once->registered);
        once->pool = noise.pool;
        once->off_inside = i % 2;
        CHECK_STATUS(api.on_event(noise.pool, NULL, count_call, once, count_once, &once->registration), MEMPOOL_OK);
        tally_add(&once->registered, 1);
        if (i % 3 == 0) CHECK(tally_reaches(&once->calls, 1)); /* it is in the middle of hearing */
        const mempool_status status = api.off_event(noise.pool, once->registration);
        CHECK(status == MEMPOOL_OK || (once->off_inside && status == MEMPOOL_NOT_FOUND));
    }
    for (int i = 0; i < OFFS; ++i) CHECK(tally_reaches(&all[i].destroys, 1)); /* while the noise goes on */
    tally_add(&noise.over, 1);
    pthread_join(thread, NULL);
    CHECK_STATUS(api.stop(noise.pool, -1), MEMPOOL_OK);
    api.release(noise.pool);
    for (int i = 0; i < OFFS; ++i) {
        CHECK(tally_value(&all[i].destroys) == 1);
        CHECK(tally_value(&all[i].calls) == all[i].calls_at_destroy);
        tally_end(&all[i].calls);
        tally_end(&all[i].destroys);
        tally_end(&all[i].registered);
    }
    free(all);
    tally_end(&noise.over);
}

const Test race_tests[] = {
    {"many stops at once all wait for the one end", many_stops_at_once},
    {"a stop that meets start ends the pool, started or not", stop_meets_start},
    {"a release that meets stops takes nothing from them", release_meets_stop},
    {"an apply that meets start is set whole, or refused", set_apply_meets_start},
    {"a callback that meets start hears what comes after", on_event_meets_start},
    {"a callback that meets stop is let go by the end of it, or refused", on_event_meets_stop},
    {"a callback is destroyed once, after its last call, however off_event meets its calls", off_event_races_its_calls},
    {NULL, NULL},
};
