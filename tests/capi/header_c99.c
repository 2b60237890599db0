/* SPDX-License-Identifier: MIT
 *
 * Compiles, alone and first: the header stands by itself in strict C99.
 */
#include "mempool.h"

mempool_status header_in_c99(mempool *pool);
mempool_status header_in_c99(mempool *pool) {
    return mempool_stop(pool, -1);
}
