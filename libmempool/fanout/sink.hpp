// SPDX-License-Identifier: MIT
/// How bytes leave for a client: `consumed = sink.write(socket, iov)`. Plain sockets here; TLS will be another sink, tests have one in
/// memory. No state, no ownership; shard thread only.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <span>

namespace mempool {

/// What a sink said: how many bytes it took, or that the client is gone. Taking less than was offered means that it is full, and
/// that writability will be told.
struct Written {
    std::size_t bytes = 0;
    bool gone = false;
};

struct PlainSink {
    Written write(int socket, std::span<iovec> from) const {
        msghdr message{};
        message.msg_iov = from.data();
        message.msg_iovlen = from.size();
        for (;;) {
            // MSG_NOSIGNAL: a guest must not let SIGPIPE end its host.
            const ssize_t sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (sent >= 0) return {static_cast<std::size_t>(sent), false};
            if (errno == EINTR) continue;
            return {0, errno != EAGAIN && errno != EWOULDBLOCK};
        }
    }
};

}  // namespace mempool
