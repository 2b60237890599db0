/* SPDX-License-Identifier: MIT
 *
 * Chapters 9 and 10 of mempool.h: events, publishing, listening.
 */
#include "host.h"

#include <stdio.h>

static mempool *start_with_receiver(mempool *pool, mempool_receiver **receiver) {
    CHECK_STATUS(api.subscribe(pool, NULL, receiver), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    return pool;
}

static void publish_numbers(mempool *pool, int first, int last) {
    char text[16];
    for (int i = first; i <= last; ++i) {
        snprintf(text, sizeof text, "%d", i);
        CHECK_STATUS(publish(pool, text), MEMPOOL_OK);
    }
}

static void lag_is_counted_exactly(void) {
    mempool_receiver *receiver = NULL;
    mempool *pool = start_with_receiver(open_pool("ring_capacity", "4", NULL), &receiver);
    mempool_event *event = NULL;
    mempool_event_view view;
    memset(&view, 0, sizeof view);
    view.struct_size = sizeof view;
    publish_numbers(pool, 1, 4); /* exactly full is no lag */
    CHECK(next_is(receiver, MEMPOOL_OK, "1"));
    publish_numbers(pool, 5, 10); /* 7 to 10 are retained; 2 to 6 are missed */
    CHECK_STATUS(api.receiver_next(receiver, 0, &event), MEMPOOL_LAGGED);
    CHECK_STATUS(api.event_read(event, &view), MEMPOOL_OK);
    CHECK(view.kind == MEMPOOL_EVENT_LAGGED && view.missed == 5 && view.offset == 6);
    api.event_free(event);
    CHECK(next_is(receiver, MEMPOOL_OK, "7"));
    publish_numbers(pool, 11, 13); /* 8 and 9 are missed: only the new gap is counted */
    CHECK(next_is(receiver, MEMPOOL_LAGGED, "lagged 2"));
    for (int i = 10; i <= 13; ++i) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        CHECK(next_is(receiver, MEMPOOL_OK, text));
    }
    CHECK_STATUS(api.receiver_next(receiver, 0, &event), MEMPOOL_TIMEOUT);
    CHECK(event == NULL);
    publish_numbers(pool, 14, 18);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK(next_is(receiver, MEMPOOL_LAGGED, "lagged 1")); /* lag, the rest, and only then the end */
    for (int i = 15; i <= 18; ++i) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        CHECK(next_is(receiver, MEMPOOL_OK, text));
    }
    CHECK(next_is(receiver, MEMPOOL_CLOSED, NULL));
    CHECK(next_is(receiver, MEMPOOL_CLOSED, NULL));
    api.receiver_close(receiver);
    api.release(pool);
}

static void what_is_published_is_heard_as_it_is(void) {
    mempool_receiver *receiver = NULL;
    mempool *pool = start_with_receiver(open_pool("message_max_bytes", "125", NULL), &receiver);
    mempool_publish_options options = {sizeof options, 1, NULL};
    mempool_event *event = NULL;
    mempool_event_view view;
    char large[126];
    size_t listeners = 99;
    memset(&view, 0, sizeof view);
    view.struct_size = sizeof view;
    memset(large, 'x', sizeof large);
    CHECK_STATUS(api.publish(pool, "a\0b\xff", 4, &options, &listeners), MEMPOOL_OK);
    CHECK(listeners == 1);
    CHECK_STATUS(api.receiver_next(receiver, PATIENCE_MS, &event), MEMPOOL_OK);
    CHECK_STATUS(api.event_read(event, &view), MEMPOOL_OK);
    CHECK(view.kind == MEMPOOL_EVENT_MESSAGE && view.binary == 1 && view.size == 4);
    CHECK(memcmp(view.data, "a\0b\xff", 4) == 0 && view.offset == 1);
    api.event_free(event);
    CHECK_STATUS(api.publish(pool, large, 125, NULL, NULL), MEMPOOL_OK);
    CHECK_STATUS(api.publish(pool, large, 126, NULL, NULL), MEMPOOL_TOO_LARGE);
    CHECK_TEXT(api.error_detail(), "message_max_bytes");
    CHECK_STATUS(api.publish(pool, "\xff", 1, NULL, NULL), MEMPOOL_INVALID);
    options.topic = "other";
    CHECK_STATUS(api.publish(pool, "x", 1, &options, NULL), MEMPOOL_UNSUPPORTED);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK_STATUS(publish(pool, "late"), MEMPOOL_CLOSED);
    api.receiver_close(receiver);
    CHECK_STATUS(api.subscribe(pool, NULL, &receiver), MEMPOOL_OK); /* after stop: closed at once */
    CHECK(next_is(receiver, MEMPOOL_CLOSED, NULL));
    api.receiver_close(receiver);
    api.receiver_close(NULL);
    api.event_free(NULL);
    api.release(pool);
}

static void a_listener_hears_from_now_on(void) {
    mempool_receiver *early = NULL, *late = NULL;
    mempool *pool = start_with_receiver(open_pool(NULL), &early);
    mempool_subscribe_options options = {sizeof options, 0, "mempool", NULL, NULL};
    mempool_receiver *none = NULL;
    size_t listeners = 0;
    CHECK_STATUS(publish(pool, "first"), MEMPOOL_OK);
    CHECK_STATUS(api.subscribe(pool, &options, &late), MEMPOOL_OK);
    CHECK_STATUS(api.publish(pool, "second", 6, NULL, &listeners), MEMPOOL_OK);
    CHECK(listeners == 2);
    CHECK(next_is(late, MEMPOOL_OK, "second"));
    CHECK(next_is(early, MEMPOOL_OK, "first"));
    CHECK(next_is(early, MEMPOOL_OK, "second"));
    api.receiver_close(late);
    CHECK_STATUS(api.publish(pool, "third", 5, NULL, &listeners), MEMPOOL_OK);
    CHECK(listeners == 1);
    options.topic = "other";
    CHECK_STATUS(api.subscribe(pool, &options, &none), MEMPOOL_UNSUPPORTED);
    options.topic = NULL;
    options.since = "0";
    CHECK_STATUS(api.subscribe(pool, &options, &none), MEMPOOL_UNSUPPORTED);
    options.since = NULL;
    options.slow = "close";
    CHECK_STATUS(api.subscribe(pool, &options, &none), MEMPOOL_UNSUPPORTED);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    api.release(pool); /* the receiver holds a reference of its own */
    CHECK(next_is(early, MEMPOOL_OK, "third"));
    CHECK(next_is(early, MEMPOOL_CLOSED, NULL));
    api.receiver_close(early);
}

static void hear_once(void *user, const mempool_event *event) {
    Host *host = user;
    CHECK_STATUS(api.off_event(host->pool, host->registration), MEMPOOL_OK); /* its own, from inside */
    hear(user, event);
}

static void off_means_off(void) {
    Host *once = host_new(), *always = host_new();
    mempool *pool = once->pool = open_pool(NULL);
    uint64_t third = 0;
    CHECK_STATUS(api.on_event(pool, NULL, hear_once, once, host_destroy, &once->registration), MEMPOOL_OK);
    CHECK_STATUS(api.start(pool), MEMPOOL_OK);
    CHECK_STATUS(api.on_event(pool, NULL, hear, always, host_destroy, &always->registration), MEMPOOL_OK);
    CHECK(once->registration != always->registration);
    CHECK_STATUS(publish(pool, "one"), MEMPOOL_OK);
    CHECK(tally_reaches(&once->events, 1));
    CHECK(tally_reaches(&once->destroyed, 1));
    CHECK_STATUS(publish(pool, "two"), MEMPOOL_OK);
    CHECK(tally_reaches(&always->events, 2));
    CHECK(strcmp(always->heard[0], "one") == 0 && strcmp(always->heard[1], "two") == 0);
    CHECK(tally_value(&once->events) == 1);
    CHECK_STATUS(api.off_event(pool, once->registration), MEMPOOL_NOT_FOUND);
    CHECK_STATUS(api.off_event(pool, 0), MEMPOOL_NOT_FOUND);
    CHECK_STATUS(publish(pool, "last"), MEMPOOL_OK);
    CHECK_STATUS(api.stop(pool, -1), MEMPOOL_OK);
    CHECK(tally_value(&always->events) == 3); /* stop returns when the callbacks have heard the rest */
    CHECK_STATUS(api.on_event(pool, NULL, hear, always, host_destroy, &third), MEMPOOL_CLOSED);
    api.release(pool);
    host_end(once, 1);
    host_end(always, 1);
}

const Test event_tests[] = {
    {"a receiver that falls behind the ring hears exactly how many it missed", lag_is_counted_exactly},
    {"what the host publishes is heard as it is, within message_max_bytes", what_is_published_is_heard_as_it_is},
    {"a listener hears what comes after it, and counts as one until it is closed", a_listener_hears_from_now_on},
    {"a callback that was taken off hears nothing more and is destroyed once", off_means_off},
    {NULL, NULL},
};
