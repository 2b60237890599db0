/* SPDX-License-Identifier: MIT
 *
 * Three transactions, one of which the host rejects: what became of each, and what every listener hears.
 */
#include <stdio.h>
#include <string.h>

#include "mempool.h"

/* On the batch thread. What is not rejected is applied. */
static int32_t apply(void *user, mempool_batch *batch) {
    size_t count = 0;
    (void)user;
    mempool_batch_count(batch, &count);
    for (size_t i = 0; i < count; ++i) {
        mempool_tx_view tx = {sizeof tx, 0, 0, NULL, 0};
        mempool_batch_at(batch, i, &tx);
        if (tx.size < 3 || memcmp(tx.data, "pay", 3) != 0) mempool_batch_reject(batch, i, "unknown verb");
    }
    return 0;
}

/* On the callback thread. */
static void heard(void *user, const mempool_event *event) {
    const char *text = "";
    size_t size = 0;
    (void)user;
    mempool_event_text(event, &text, &size);
    printf("heard: %s\n", text);
}

int main(void) {
    static const char *const txs[] = {"pay bob 5", "rob bob 5", "pay eve 1"};
    mempool_config *config = NULL;
    mempool *pool = NULL;
    uint64_t ids[3], registration = 0;
    int32_t port = 0;

    if (mempool_config_new(&config) || mempool_config_set_int(config, "listen_port", 0) ||
        mempool_open(config, &pool) || mempool_set_apply(pool, apply, NULL, NULL) ||
        mempool_on_event(pool, NULL, heard, NULL, NULL, &registration) || mempool_start(pool) ||
        mempool_port(pool, &port)) {
        fprintf(stderr, "%s\n", mempool_error_detail());
        return 1;
    }
    printf("listening on http://127.0.0.1:%d\n", (int)port);
    for (int i = 0; i < 3; ++i)
        if (mempool_submit(pool, txs[i], strlen(txs[i]), NULL, &ids[i])) return 1;
    for (int i = 0; i < 3; ++i) {
        mempool_outcome outcome = {sizeof outcome, 0, 0, 0, ""};
        if (mempool_tx_wait(pool, ids[i], 1000, &outcome)) return 1;
        printf("%s: %s\n", txs[i], outcome.status == MEMPOOL_TX_APPLIED ? "applied" : outcome.reason);
    }
    mempool_stop(pool, -1);
    mempool_release(pool);
    mempool_config_free(config);
    return 0;
}
