// SPDX-License-Identifier: MIT
#include "http/socket_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <system_error>
#include <utility>

#include "base/fork.hpp"

namespace mempool::http {
namespace {

constexpr int lock_attempts = 200;
constexpr timespec between_attempts{0, 5'000'000};

std::string named(const std::string &path) {
    return "listen_unix " + path;
}

Status refused(const std::string &path, int error) {
    switch (error) {
        case ENOENT:
            return {Code::system, named(path) + ": its folder does not exist; make it, or choose another path"};
        case ENOTDIR:
            return {Code::system, named(path) + ": what stands before its last / is no folder; choose another path"};
        case EACCES:
        case EPERM:
        case EROFS:
            return {Code::system,
                    named(path) + ": this user may not make a file there; choose a folder that it may write to"};
        default:
            return {Code::system, "cannot listen on " + named(path) + ": " + std::generic_category().message(error)};
    }
}

/// Two servers that start at once on one path: between bind and listen of the first its file would look dead to the second. So whoever
/// claims a path holds its folder's lock meanwhile, some microseconds. A stranger who holds it for a second is not waited for.
class FolderLock {
public:
    explicit FolderLock(int folder) : folder_(folder) {
        for (int attempt = 0; attempt < lock_attempts; ++attempt) {
            if (flock(folder_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
            nanosleep(&between_attempts, nullptr);
        }
    }
    ~FolderLock() { flock(folder_, LOCK_UN); }  // not by closing: a child of fork may hold a copy
    FolderLock(const FolderLock &) = delete;
    FolderLock &operator=(const FolderLock &) = delete;

private:
    const int folder_;
};

enum class Found { nothing, dead, alive, no_socket };

/// What stands in the way, asked by connecting to it.
Found look_at(int folder, const std::string &name, const sockaddr_un &address) {
    struct stat file {};
    if (fstatat(folder, name.c_str(), &file, AT_SYMLINK_NOFOLLOW) != 0) return Found::nothing;
    if (!S_ISSOCK(file.st_mode)) return Found::no_socket;
    const int caller = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (caller < 0) return Found::alive;  // not known: then nothing is removed
    const bool nobody =
        connect(caller, reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0 && errno == ECONNREFUSED;
    close(caller);
    return nobody ? Found::dead : Found::alive;
}

}  // namespace

SocketFile::SocketFile(SocketFile &&other) noexcept
    : folder_(std::exchange(other.folder_, -1)),
      name_(std::move(other.name_)),
      device_(other.device_),
      number_(other.number_),
      generation_(other.generation_),
      ours_(std::exchange(other.ours_, false)) {}

Status SocketFile::claim(int socket, const std::string &path) {
    if (path.size() > socket_path_max_bytes)
        return {Code::invalid, named(path) + " has " + std::to_string(path.size()) + " bytes; the kernel allows " +
                                   std::to_string(socket_path_max_bytes) + ": choose a shorter path"};
    const std::size_t slash = path.rfind('/');
    const std::string folder_path = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    name_ = slash == std::string::npos ? path : path.substr(slash + 1);
    if (name_.empty() || name_ == "." || name_ == "..")
        return {Code::invalid, named(path) + " names a folder; give the path of the socket's file"};

    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size());
    folder_ = open(folder_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_ < 0 && errno == EACCES) folder_ = open(folder_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder_ < 0) return refused(path, errno);

    const FolderLock lock(folder_);
    while (bind(socket, reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0) {
        if (errno != EADDRINUSE) return refused(path, errno);
        switch (look_at(folder_, name_, address)) {
            case Found::nothing:
                break;
            case Found::dead:
                if (unlinkat(folder_, name_.c_str(), 0) != 0 && errno != ENOENT)
                    return {Code::system, named(path) +
                                              " is left from a server that is dead, and this user may not "
                                              "remove it; remove it, or choose another path"};
                break;
            case Found::alive:
                return {Code::address_in_use,
                        named(path) + " is in use: a server listens there; stop it, or choose another path"};
            case Found::no_socket:
                return {Code::address_in_use,
                        named(path) + " is there and is no socket, so it is left alone; choose another path"};
        }
    }
    struct stat file {};
    if (listen(socket, SOMAXCONN) != 0 || fstatat(folder_, name_.c_str(), &file, AT_SYMLINK_NOFOLLOW) != 0) {
        const int error = errno;
        unlinkat(folder_, name_.c_str(), 0);
        return refused(path, error);
    }
    device_ = file.st_dev;
    number_ = file.st_ino;
    generation_ = process_generation();
    ours_ = true;
    return {};
}

void SocketFile::remove() noexcept {
    if (folder_ < 0) return;
    struct stat file {};
    if (std::exchange(ours_, false) && generation_ == process_generation() &&
        fstatat(folder_, name_.c_str(), &file, AT_SYMLINK_NOFOLLOW) == 0 && file.st_dev == device_ &&
        file.st_ino == number_)
        unlinkat(folder_, name_.c_str(), 0);
    close(std::exchange(folder_, -1));
}

}  // namespace mempool::http
