// SPDX-License-Identifier: MIT
//
// Compiles, alone and first: the header stands by itself in C++, with C linkage.
#include "mempool.h"

static_assert(sizeof(mempool_status) == 4, "a status travels as int32");
mempool_status header_in_cxx(mempool *pool);
mempool_status header_in_cxx(mempool *pool) {
    return mempool_stop(pool, -1);
}
