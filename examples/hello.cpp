// SPDX-License-Identifier: MIT
//
// A pool, a listener with a cursor of its own, and two transactions.
#include <iostream>

#include "mempool.hpp"

int main() try {
    mempoolpp::Config config;
    mempoolpp::Pool pool(config.set("listen_port", 0));
    pool.set_apply([](mempoolpp::Batch batch) {  // on the batch thread
        for (const mempoolpp::Tx tx : batch)
            if (tx.data() == "no") tx.reject("no means no");
    });
    mempoolpp::Receiver events = pool.subscribe();
    pool.start();
    std::cout << "listening on http://127.0.0.1:" << pool.port() << "\n";
    const auto yes = pool.submit("yes"), no = pool.submit("no");
    std::cout << "yes: " << pool.tx_wait(yes).reason << "\n"
              << "no: " << pool.tx_wait(no).reason << "\n";
    pool.stop();
    while (const auto event = events.next()) std::cout << "heard: " << event->text() << "\n";
} catch (const mempoolpp::Error &error) {
    std::cerr << error.what() << "\n";
    return 1;
}
