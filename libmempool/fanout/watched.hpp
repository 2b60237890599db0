// SPDX-License-Identifier: MIT
/// A descriptor of somebody else's on an io_context: tells once that it is readable, and is asked again. Network thread only, but for the
/// constructor and a first once(), which may come before that thread runs. The owner outlives it, and closes the descriptor.
///
/// Where Asio has no memory for it, once() throws and nothing is awaited: who catches std::bad_alloc anywhere on the thread calls it again,
/// and as it does nothing while something is awaited, nobody has to know whether that was lost.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace mempool {

class Watched {
public:
    /// Throws Asio's own where there is no place in its epoll.
    Watched(boost::asio::io_context &context, int fd) : descriptor_(context, fd) {}
    ~Watched() { let_go(); }
    Watched(const Watched &) = delete;
    Watched &operator=(const Watched &) = delete;

    /// Calls readable() when it is, unless that is awaited already.
    template <class Readable>
    void once(Readable readable) {
        if (awaited_) return;
        descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                               [this, readable](const boost::system::error_code &error) {
                                   awaited_ = false;
                                   if (!error) readable();
                               });
        awaited_ = true;
    }
    /// For good: what is awaited comes to nothing.
    void let_go() { descriptor_.release(); }

private:
    boost::asio::posix::stream_descriptor descriptor_;
    bool awaited_ = false;
};

}  // namespace mempool
