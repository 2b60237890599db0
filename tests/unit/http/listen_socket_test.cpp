// SPDX-License-Identifier: MIT
#include "http/listen_socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "base/fork.hpp"

using namespace mempool;
using namespace mempool::http;

namespace {

namespace fs = std::filesystem;

/// A folder of its own, gone at the end.
class Folder {
public:
    Folder() {
        watch_forks();  // as Pool::open does
        std::string name = (fs::temp_directory_path() / "listen.XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        path_ = name;
    }
    ~Folder() {
        fs::permissions(path_, fs::perms::owner_all);
        fs::remove_all(path_);
    }
    Folder(const Folder &) = delete;
    Folder &operator=(const Folder &) = delete;

    std::string operator/(const std::string &name) const { return (path_ / name).string(); }
    const fs::path &path() const { return path_; }

private:
    fs::path path_;
};

/// A plain socket bound to that path; of that type, and listening or not.
int bound_to(const std::string &path, int type = SOCK_STREAM) {
    const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr *>(&address), sizeof address), 0) << strerror(errno);
    return fd;
}

bool can_connect(const std::string &path) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    const bool connected = connect(fd, reinterpret_cast<const sockaddr *>(&address), sizeof address) == 0;
    close(fd);
    return connected;
}

/// A TCP socket on a free port of that address; it listens, if told to.
int tcp(const char *host, bool listens) {
    const bool v6 = std::strchr(host, ':') != nullptr;
    const int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in v4_address{};
    v4_address.sin_family = AF_INET;
    inet_pton(AF_INET, host, &v4_address.sin_addr);
    sockaddr_in6 v6_address{};
    v6_address.sin6_family = AF_INET6;
    inet_pton(AF_INET6, host, &v6_address.sin6_addr);
    EXPECT_EQ(v6 ? bind(fd, reinterpret_cast<const sockaddr *>(&v6_address), sizeof v6_address)
                 : bind(fd, reinterpret_cast<const sockaddr *>(&v4_address), sizeof v4_address),
              0)
        << host;
    if (listens && listen(fd, 5) != 0) throw std::runtime_error("listen failed");
    return fd;
}

/// The refusal's sentence; it must be of that code, and nothing may listen then.
std::string refusal(Code code, const Status &status, const ListenSocket &place) {
    EXPECT_EQ(status.code(), code) << status.detail();
    EXPECT_FALSE(place.listens());
    return status.detail();
}

std::string refused_at(Code code, const std::string &path) {
    ListenSocket place;
    const Status status = place.listen_at(path);
    return refusal(code, status, place);
}

std::string refused_fd(int fd) {
    ListenSocket place;
    const Status status = place.take_over(fd);
    return refusal(Code::invalid, status, place);
}

/// How often this process has that folder open.
std::size_t opened(const fs::path &folder) {
    std::size_t count = 0;
    std::error_code gone;  // a descriptor that was closed meanwhile
    for (const auto &entry : fs::directory_iterator("/proc/self/fd"))
        if (fs::read_symlink(entry.path(), gone) == folder) ++count;
    return count;
}

bool contains(const std::string &text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST(ListenSocket, a_port_in_use_is_refused_with_its_number) {
    ListenSocket first;
    ASSERT_TRUE(first.listen_on("127.0.0.1", 0).ok());
    ASSERT_GT(first.port(), 0);
    ListenSocket second;
    const Status status = second.listen_on("127.0.0.1", first.port());
    EXPECT_EQ(
        refusal(Code::address_in_use, status, second),
        "listen_port " + std::to_string(first.port()) + " is in use on 127.0.0.1; choose another, or 0 for a free one");
    first.stop();
    ListenSocket third;
    EXPECT_TRUE(third.listen_on("127.0.0.1", static_cast<std::uint16_t>(first.port())).ok()) << "free after stop";
}

TEST(ListenSocket, knows_from_where_it_can_be_reached) {
    const std::pair<const char *, Reach> rows[] = {
        {"127.0.0.1", Reach::loopback},        {"127.1.2.3", Reach::loopback}, {"::1", Reach::loopback},
        {"::ffff:127.0.0.1", Reach::loopback}, {"0.0.0.0", Reach::network},    {"::", Reach::network}};
    for (const auto &[host, reach] : rows) {
        const int fd = tcp(host, true);
        ListenSocket place;
        ASSERT_TRUE(place.take_over(fd).ok()) << host;
        EXPECT_EQ(place.reach(), reach) << host;
        close(fd);
    }
    Folder folder;
    ListenSocket place;
    ASSERT_TRUE(place.listen_at(folder / "s").ok());
    EXPECT_EQ(place.reach(), Reach::unix_socket);
    EXPECT_EQ(place.port(), 0);
}

TEST(UnixSocket, its_file_is_there_while_it_listens_and_gone_after) {
    Folder folder;
    {
        ListenSocket place;
        ASSERT_TRUE(place.listen_at(folder / "s").ok());
        EXPECT_TRUE(can_connect(folder / "s"));
        ListenSocket moved(std::move(place));
        place.stop();
        EXPECT_TRUE(can_connect(folder / "s")) << "what was moved from owns nothing";
    }
    EXPECT_TRUE(fs::is_empty(folder.path())) << "the socket's file, and no other";
}

TEST(UnixSocket, its_mode_is_what_the_umask_leaves) {
    Folder folder;
    const mode_t before = umask(0027);
    ListenSocket place;
    const bool listens = place.listen_at(folder / "s").ok();
    umask(before);
    ASSERT_TRUE(listens);
    EXPECT_EQ(fs::status(folder / "s").permissions(), fs::perms(0750));
}

TEST(UnixSocket, a_live_one_is_in_use_and_stays) {
    Folder folder;
    ListenSocket first;
    ASSERT_TRUE(first.listen_at(folder / "s").ok());
    EXPECT_EQ(refused_at(Code::address_in_use, folder / "s"),
              "listen_unix " + folder / "s" + " is in use: a server listens there; stop it, or choose another path");
    EXPECT_TRUE(can_connect(folder / "s"));
}

TEST(UnixSocket, one_whose_backlog_is_full_is_in_use_too) {
    Folder folder;
    const int other = bound_to(folder / "s");
    ASSERT_EQ(listen(other, 0), 0);
    const int waiting = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, (folder / "s").c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(connect(waiting, reinterpret_cast<const sockaddr *>(&address), sizeof address), 0);
    ASSERT_FALSE(can_connect(folder / "s"));
    EXPECT_TRUE(contains(refused_at(Code::address_in_use, folder / "s"), "is in use"));
    EXPECT_TRUE(fs::is_socket(folder / "s"));
    close(waiting);
    close(other);
}

TEST(UnixSocket, the_file_of_a_dead_server_is_replaced) {
    Folder folder;
    close(bound_to(folder / "s"));
    ASSERT_TRUE(fs::is_socket(folder / "s"));
    ListenSocket place;
    const Status status = place.listen_at(folder / "s");
    ASSERT_TRUE(status.ok()) << status.detail();
    EXPECT_TRUE(can_connect(folder / "s"));
}

TEST(UnixSocket, a_server_that_is_bound_and_about_to_listen_is_not_taken_for_dead) {
    Folder folder;
    const int its_folder = open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_EQ(flock(its_folder, LOCK_EX), 0);  // as whoever claims a path does
    const int other = bound_to(folder / "s");
    auto claim = std::async(std::launch::async, [&] { return refused_at(Code::address_in_use, folder / "s"); });
    while (opened(folder.path()) < 2) std::this_thread::yield();  // until it is at it
    ASSERT_EQ(listen(other, 5), 0);
    flock(its_folder, LOCK_UN);
    EXPECT_TRUE(contains(claim.get(), "is in use"));
    EXPECT_TRUE(can_connect(folder / "s"));
    close(other);
    close(its_folder);
}

TEST(UnixSocket, what_is_no_socket_is_left_alone) {
    Folder folder;
    std::ofstream(folder / "file") << "precious";
    fs::create_directory(folder / "folder");
    fs::create_symlink("nowhere", folder / "link");
    ListenSocket alive;
    ASSERT_TRUE(alive.listen_at(folder / "alive").ok());
    fs::create_symlink("alive", folder / "link to alive");
    for (const char *name : {"file", "folder", "link", "link to alive"}) {
        EXPECT_EQ(
            refused_at(Code::address_in_use, folder / name),
            "listen_unix " + folder / name + " is there and is no socket, so it is left alone; choose another path");
        EXPECT_TRUE(fs::exists(fs::symlink_status(folder / name))) << name;
    }
    std::string word;
    std::ifstream(folder / "file") >> word;
    EXPECT_EQ(word, "precious");
}

TEST(UnixSocket, the_file_of_another_that_took_its_place_is_not_removed) {
    Folder folder;
    ListenSocket place;
    ASSERT_TRUE(place.listen_at(folder / "s").ok());
    fs::remove(folder / "s");
    const int other = bound_to(folder / "s");
    place.stop();
    EXPECT_TRUE(fs::is_socket(folder / "s"));
    close(other);
}

TEST(UnixSocket, its_file_is_found_again_after_chdir_and_in_a_folder_with_another_name) {
    Folder folder;
    const fs::path before = fs::current_path();
    fs::create_directory(folder / "run");
    fs::current_path(folder / "run");
    ListenSocket place;
    const bool listens = place.listen_at("s").ok();
    fs::current_path(before);
    ASSERT_TRUE(listens);
    fs::rename(folder / "run", folder / "moved");
    EXPECT_TRUE(fs::is_socket(folder / "moved/s"));
    place.stop();
    EXPECT_TRUE(fs::is_empty(folder / "moved"));
}

TEST(UnixSocket, a_path_that_cannot_be_is_refused_with_what_to_do) {
    Folder folder;
    const std::string longest = folder / std::string(socket_path_max_bytes - (folder / "").size(), 'x');
    ASSERT_EQ(longest.size(), socket_path_max_bytes);
    ListenSocket place;
    EXPECT_TRUE(place.listen_at(longest).ok());
    EXPECT_EQ(refused_at(Code::invalid, longest + "x"),
              "listen_unix " + longest + "x has 108 bytes; the kernel allows 107: choose a shorter path");
    EXPECT_EQ(refused_at(Code::system, folder / "none/s"),
              "listen_unix " + folder / "none/s" + ": its folder does not exist; make it, or choose another path");
    std::ofstream(folder / "file") << "";
    EXPECT_TRUE(contains(refused_at(Code::system, folder / "file/s"), "is no folder"));
    for (const char *name : {"", "folder/", ".", ".."})
        EXPECT_TRUE(contains(refused_at(Code::invalid, folder / name), "names a folder")) << name;
}

TEST(UnixSocket, a_folder_that_may_not_be_written_to_is_refused) {
    Folder folder;
    fs::create_directory(folder / "shut");
    fs::permissions(folder / "shut", fs::perms(0555));
    fs::permissions(folder.path(), fs::perms(0755));
    const pid_t child = fork();  // root may write everywhere; a child is somebody else
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534) != 0) _exit(2);
        ListenSocket place;
        const Status status = place.listen_at(folder / "shut/s");
        _exit(status.code() == Code::system && contains(status.detail(), "may not make a file there") ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

TEST(UnixSocket, a_child_of_fork_removes_nothing_and_keeps_nothing) {
    Folder folder;
    auto place = std::make_unique<ListenSocket>();
    ASSERT_TRUE(place->listen_at(folder / "s").ok());
    int hold[2];
    int done[2];
    ASSERT_EQ(pipe(hold) | pipe(done), 0);
    const pid_t child = fork();
    if (child == 0) {
        close(hold[1]);
        ListenSocket copy(std::move(*place));  // its end, in the child, while a second copy of the descriptor lives on
        const int kept = dup(copy.fd());
        char byte = kept >= 0 ? 'k' : '-';
        { const ListenSocket ended(std::move(copy)); }
        [[maybe_unused]] ssize_t count = write(done[1], &byte, 1);
        count = read(hold[0], &byte, 1);
        _exit(0);
    }
    close(hold[0]);
    close(done[1]);
    char byte = 0;
    ASSERT_EQ(read(done[0], &byte, 1), 1);
    EXPECT_EQ(byte, 'k');
    EXPECT_TRUE(fs::is_socket(folder / "s")) << "the child left the file alone";
    place.reset();
    EXPECT_FALSE(fs::exists(folder / "s"));
    ListenSocket again;
    EXPECT_TRUE(again.listen_at(folder / "s").ok());
    close(hold[1]);
    close(done[0]);
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

TEST(HandedOver, it_is_copied_and_listens_on_for_others_after_stop) {
    const int fd = tcp("127.0.0.1", true);
    {
        ListenSocket place;
        const Status status = place.take_over(fd);
        ASSERT_TRUE(status.ok()) << status.detail();
        EXPECT_NE(place.fd(), fd);
        EXPECT_GT(place.port(), 0);
        EXPECT_TRUE(fcntl(place.fd(), F_GETFD) & FD_CLOEXEC);
        EXPECT_TRUE(fcntl(place.fd(), F_GETFL) & O_NONBLOCK);
    }
    int listens = 0;
    socklen_t size = sizeof listens;
    EXPECT_EQ(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size), 0);
    EXPECT_EQ(listens, 1);
    close(fd);
}

TEST(HandedOver, a_unix_socket_keeps_its_file) {
    Folder folder;
    const int fd = bound_to(folder / "s");
    ASSERT_EQ(listen(fd, 5), 0);
    {
        ListenSocket place;
        ASSERT_TRUE(place.take_over(fd).ok());
        EXPECT_EQ(place.reach(), Reach::unix_socket);
    }
    EXPECT_TRUE(can_connect(folder / "s"));
    close(fd);
}

TEST(HandedOver, what_is_no_listening_stream_socket_is_refused) {
    Folder folder;
    const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int datagrams = bound_to(folder / "d", SOCK_DGRAM);
    const int idle = tcp("127.0.0.1", false);
    const int packets = bound_to(folder / "p", SOCK_SEQPACKET);
    ASSERT_EQ(listen(packets, 5), 0);
    const auto sentence = [](int fd, const char *what) {
        return "listen_fd " + std::to_string(fd) + " " + what +
               "; hand over a stream socket (TCP or unix) that listens, or -1 for none";
    };
    EXPECT_EQ(refused_fd(file), sentence(file, "is no socket"));
    EXPECT_EQ(refused_fd(datagrams), sentence(datagrams, "is no stream socket"));
    EXPECT_EQ(refused_fd(packets), sentence(packets, "is no stream socket"));
    EXPECT_EQ(refused_fd(idle), sentence(idle, "does not listen"));
    for (const int fd : {file, datagrams, idle, packets}) close(fd);
    EXPECT_EQ(refused_fd(idle), sentence(idle, "is no open descriptor"));
}
