// SPDX-License-Identifier: MIT
#include "fanout/uring.hpp"

#include <cerrno>

#include "fanout/kernel.hpp"

#if __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#endif

#ifdef IORING_FEAT_FAST_POLL  // headers of Linux 5.7 or later

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

namespace mempool {
namespace {

/// What the kernel reads or writes too (io_uring(7)).
unsigned acquire(unsigned &shared) {
    return std::atomic_ref(shared).load(std::memory_order_acquire);
}
void release(unsigned &shared, unsigned value) {
    std::atomic_ref(shared).store(value, std::memory_order_release);
}

[[noreturn]] void fail(const char *what) {
    throw NoUring(errno, std::generic_category(), what);
}

}  // namespace

Uring::Uring() {
    io_uring_params parameters{};
    ring_ = static_cast<int>(syscall(SYS_io_uring_setup, static_cast<unsigned>(at_once), &parameters));
    if (ring_ < 0) fail("io_uring_setup");
    try {
        constexpr unsigned needed = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_FAST_POLL;
        if ((parameters.features & needed) != needed) {
            errno = ENOSYS;
            fail("io_uring of this kernel");
        }
        const io_sqring_offsets &submit = parameters.sq_off;
        const io_cqring_offsets &complete = parameters.cq_off;
        mappings_[0] = map(std::max(submit.array + parameters.sq_entries * sizeof(unsigned),
                                    complete.cqes + parameters.cq_entries * sizeof(io_uring_cqe)),
                           IORING_OFF_SQ_RING);
        mappings_[1] = map(parameters.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES);
        char *const queues = static_cast<char *>(mappings_[0].at);
        const auto at = [queues](unsigned offset) { return reinterpret_cast<unsigned *>(queues + offset); };
        submit_head_ = at(submit.head);
        submit_tail_ = at(submit.tail);
        submit_mask_ = *at(submit.ring_mask);
        complete_head_ = at(complete.head);
        complete_tail_ = at(complete.tail);
        complete_mask_ = *at(complete.ring_mask);
        completions_ = reinterpret_cast<io_uring_cqe *>(queues + complete.cqes);
        entries_ = static_cast<io_uring_sqe *>(mappings_[1].at);
        for (unsigned index = 0; index < parameters.sq_entries; ++index) at(submit.array)[index] = index;
    } catch (...) {
        unmap();
        throw;
    }
}

Uring::~Uring() {
    unmap();
}

Uring::Mapping Uring::map(std::size_t bytes, std::int64_t offset) {
    void *const at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring_, offset);
    if (at == MAP_FAILED) fail("mmap of io_uring");
    madvise(at, bytes, MADV_DONTFORK);
    return {at, bytes};
}

void Uring::unmap() noexcept {
    for (const Mapping &mapping : mappings_)
        if (mapping.at != nullptr) munmap(mapping.at, mapping.bytes);
    close(ring_);
}

std::size_t Uring::send(std::span<const Offer> offers, std::span<int> results) {
    const unsigned first = *submit_tail_;
    for (unsigned index = 0; index < offers.size(); ++index) {
        io_uring_sqe &entry = entries_[(first + index) & submit_mask_];
        entry = {};
        entry.opcode = IORING_OP_SEND;
        entry.fd = offers[index].socket;
        entry.addr = reinterpret_cast<std::uintptr_t>(offers[index].from.iov_base);
        entry.len = static_cast<unsigned>(std::min<std::size_t>(offers[index].from.iov_len, 1U << 30));
        entry.msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL;
        entry.user_data = index;
        // Of what is never told of it is not known how much went out.
        results[index] = -EIO;
    }
    release(*submit_tail_, first + static_cast<unsigned>(offers.size()));

    std::size_t taken = 0;
    while (taken < offers.size()) {
        const long more = syscall(SYS_io_uring_enter, ring_, offers.size() - taken, 0U, 0U, nullptr, 0U);
        if (more < 0 && errno == EINTR) continue;
        if (more <= 0) break;
        taken += static_cast<std::size_t>(more);
    }
    // What the kernel did not take is ours again.
    if (taken < offers.size()) release(*submit_tail_, acquire(*submit_head_));

    for (std::size_t told = 0; told < taken;) {
        unsigned at = *complete_head_;
        const unsigned end = acquire(*complete_tail_);
        if (at == end) {  // by the flag above it never is
            if (syscall(SYS_io_uring_enter, ring_, 0U, 1U, IORING_ENTER_GETEVENTS, nullptr, 0U) < 0 && errno != EINTR)
                break;
            continue;
        }
        for (; at != end; ++at, ++told) {
            const io_uring_cqe &completion = completions_[at & complete_mask_];
            results[static_cast<std::size_t>(completion.user_data)] = completion.res;
        }
        release(*complete_head_, end);
    }
    return taken;
}

}  // namespace mempool

#else

namespace mempool {

Uring::Uring() {
    throw NoUring(ENOSYS, std::generic_category(), "io_uring was not known where this library was built");
}
Uring::~Uring() = default;
std::size_t Uring::send(std::span<const Offer>, std::span<int>) {
    return 0;
}

}  // namespace mempool

#endif
