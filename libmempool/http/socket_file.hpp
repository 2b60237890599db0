// SPDX-License-Identifier: MIT
/// The file of a unix socket that we listen on. It is there from claim() to remove(), with the mode that the process's umask leaves
/// (0777 & ~umask; who may write to it may connect). Owned by its ListenSocket; one thread at a time.
///
/// What is removed is ours: the very file that was bound here, and not by a forked child, whose copy of the socket is none of its own.
/// What is replaced is the file of a server that is dead. A live one's is in use, and anything but a socket is left alone.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/status.hpp"

namespace mempool::http {

/// sockaddr_un has 108 bytes for the path and its end.
inline constexpr std::size_t socket_path_max_bytes = 107;

class SocketFile {
public:
    SocketFile() = default;
    ~SocketFile() { remove(); }
    SocketFile(SocketFile &&other) noexcept;
    SocketFile &operator=(SocketFile &&) = delete;

    /// Binds the socket (AF_UNIX, not yet bound) to the path and listens. Fails with ADDRESS_IN_USE, INVALID, SYSTEM; nothing has
    /// changed then, but that a dead server's file may be gone; remove() lets go of the folder.
    Status claim(int socket, const std::string &path);
    /// To be called while the socket is open: it keeps the file's number from being given to another. Never fails, and only once.
    void remove() noexcept;

private:
    int folder_ = -1;  // so that neither chdir nor a renamed folder leads to another file
    std::string name_;
    dev_t device_ = 0;
    ino_t number_ = 0;
    std::uint32_t generation_ = 0;
    bool ours_ = false;  // the file is there, and was made here
};

}  // namespace mempool::http
