// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstdint>
#include <memory>
#include <vector>

#include <pthread.h>

#include <coil/base/intrusive_list.hpp>

#include "base/mapping.hpp"
#include "ring/linux_kernel.hpp"

namespace coil::COIL_ABI::ring {

class transfer;

/// The implementation for systems that refuse io_uring: epoll, on Linux 4.18 or newer. The rings are in
/// ordinary memory. enter() performs each SQE with a system call that does not block, and writes the CQE.
///
///     SQE --> try it now ----------------------------------------------> CQE
///                 |  ^                                                    ^
///          EAGAIN |  | epoll reports an event                             | cancelled, or its descriptor
///                 v  |                                                    | is closed
///              waits in its descriptor's list ----------------------------+
///
/// A descriptor is registered with epoll when one of its operations has to wait for the first time. The
/// registration is edge-triggered. `file` therefore stores whether the next read or write may succeed, and an
/// operation that cannot succeed is not tried. If a read from a TCP socket returns fewer bytes than
/// requested, the socket is empty, so no second read is needed to find that out.
///
/// An operation that waits uses a `request` from a free list, so in a steady state nothing is allocated.
class epoll_kernel final : public linux_kernel {
public:
    epoll_kernel() noexcept;
    ~epoll_kernel() override;

    io_engine engine() const noexcept override { return io_engine::epoll; }
    bool is_batched() const noexcept override { return false; }
    const char* wait_call() const noexcept override { return "epoll_pwait"; }
    std::uint64_t system_calls() const noexcept override { return system_calls_; }

    int set_up(io_uring& memory, const parameters& wanted) override;
    int enable(io_uring& memory) override;
    void set_in_run(io_uring&, bool) override {}
    int enter(io_uring& memory, unsigned to_submit, unsigned wait, time_point deadline) override;
    int register_buffers(io_uring& memory, const buffer_ring& buffers, std::uint16_t group,
                         bool incremental) override;
    bool tear_down(io_uring& memory, bool operations, time_point deadline) override;
    void forget() noexcept override;

    int socket(int family, int type, int protocol) override;
    int socketpair(int family, int type, int protocol, int (&descriptors)[2]) override;
    int shutdown(int descriptor, int how) override;
    int close(int descriptor) override;
    void adopt(int descriptor) noexcept override;
    void share(int descriptor) noexcept override;
    void release(int descriptor) noexcept override;
    int sendto(int descriptor, const void* data, std::size_t size, int flags, const sockaddr* address,
               unsigned address_size) override;
    int sendmsg(int descriptor, const msghdr& message, int flags) override;
    int setsockopt(int descriptor, int level, int name, const void* value, unsigned size) override;
    int fcntl(int descriptor, int command, int argument) override;

private:
    struct request;
    struct file;

    /// The result of trying an operation.
    struct attempt {
        enum class state : std::uint8_t {
            done,     // `result` and `flags` are those of the CQE
            blocked,  // it has to wait for an event
            paused,   // a multishot operation continues in the next enter, so that others get a share
            refused,  // a connect to a listener whose backlog is full; it is tried again after a pause
        };
        state is = state::done;
        std::int32_t result = 0;
        std::uint32_t flags = 0;
    };

    /// A group of buffers from which a receive takes one when data arrives.
    struct buffer_group {
        io_uring_buf* buffers = nullptr;
        unsigned mask = 0;
        std::uint16_t head = 0;  // the next buffer
        bool is_incremental = false;

        /// Returns the next buffer, or the one that is `after` buffers behind it. Returns null if there is
        /// none.
        [[nodiscard]] io_uring_buf* next(unsigned after = 0) const noexcept;
        /// Marks the first `size` bytes of the next buffer as used. Returns the flags of the CQE.
        std::uint32_t use(std::size_t size) noexcept;
    };

    /// A CQE that did not fit into the completion ring.
    struct completion {
        std::uint64_t user_data;
        std::int32_t result;
        std::uint32_t flags;
    };

    // ---- one enter ----------------------------------------------------------------------------------------

    int enter_now(unsigned to_submit, unsigned wait, time_point deadline);
    unsigned submit(unsigned count) noexcept;
    [[nodiscard]] bool has_memory_for(const io_uring_sqe& sqe) noexcept;
    void start(const io_uring_sqe& sqe) noexcept;
    void wait_for_event(file& target, const io_uring_sqe& sqe, std::uint32_t moved,
                        attempt::state is) noexcept;
    void cancel(const io_uring_sqe& sqe) noexcept;
    int collect_events(unsigned wait, time_point deadline) noexcept;
    int wait_for_epoll(time_point deadline) noexcept;
    void prefetch_file(std::uint64_t event) const noexcept;
    void prefetch_request(std::uint64_t event) const noexcept;
    void serve(file& target) noexcept;
    void serve_paused() noexcept;
    void serve_refused() noexcept;

    // ---- operations ---------------------------------------------------------------------------------------

    attempt try_now(file& target, const io_uring_sqe& sqe, std::uint32_t& moved) noexcept;
    attempt try_recv(file& target, const io_uring_sqe& sqe, std::uint32_t& moved) noexcept;
    attempt try_recv_into_group(file& target, const io_uring_sqe& sqe) noexcept;
    attempt try_datagrams(file& target, const io_uring_sqe& sqe) noexcept;
    attempt try_send(file& target, const io_uring_sqe& sqe, std::uint32_t& moved) noexcept;
    attempt try_accept(file& target, const io_uring_sqe& sqe) noexcept;
    attempt try_connect(file& target, const io_uring_sqe& sqe, std::uint32_t& has_begun) noexcept;
    static attempt continue_connect(const file& target, const io_uring_sqe& sqe) noexcept;
    attempt try_poll(file& target, const io_uring_sqe& sqe) noexcept;
    attempt try_transfer(file& target, const io_uring_sqe& sqe) noexcept;
    long transfer_now(file& target, const io_uring_sqe& sqe) noexcept;
    long write_to_pipe(const transfer& moves, int pipe) noexcept;
    void find_method(file& target, const io_uring_sqe& sqe) noexcept;
    void note_read(file& target, long result, std::size_t size, int flags) noexcept;
    void note_write(file& target, long result, std::size_t size) noexcept;

    // ---- completions and requests -------------------------------------------------------------------------

    void complete(std::uint64_t user_data, std::int32_t result, std::uint32_t flags = 0) noexcept;
    void finish(request& over, std::int32_t result, std::uint32_t flags = 0) noexcept;
    [[nodiscard]] unsigned completions() const noexcept { return cq_tail_ - cq_head_; }
    [[nodiscard]] bool is_full() const noexcept { return !overflow_.empty() || completions() > cq_mask_; }
    void flush_overflow() noexcept;
    void add_requests();
    [[nodiscard]] request** place_of(std::uint64_t user_data) noexcept;
    void remove_requests() noexcept;

    // ---- files --------------------------------------------------------------------------------------------

    [[nodiscard]] file* find(int descriptor) const noexcept;
    void add_page(int descriptor);
    file* find_or_add(int descriptor) noexcept;
    file* add_new(int descriptor) noexcept;
    int watch(file& target, std::uint32_t events) noexcept;
    void unwatch(file& target) noexcept;
    [[nodiscard]] bool is_in_use(file& target) noexcept;
    [[nodiscard]] bool waits_for_accept_or_connect(file& target) noexcept;
    void forget_registration(file& target) noexcept;
    void drop(file& target) noexcept;
    void make_non_blocking(file& target) noexcept;
    void share_sent(const msghdr& message) noexcept;

    static constexpr unsigned files_per_page = 64;

    int epoll_ = -1;
    bool is_enabled_ = false;
    pthread_t owner_{};

    // The rings, as in the memory that io_uring shares with the kernel.
    detail::mapping sqes_;
    detail::mapping cqes_;
    unsigned sq_head_ = 0, sq_tail_ = 0, sq_mask_ = 0, sq_entries_ = 0, sq_flags_ = 0, sq_dropped_ = 0;
    unsigned cq_head_ = 0, cq_tail_ = 0, cq_mask_ = 0, cq_entries_ = 0, cq_flags_ = 0, cq_overflow_ = 0;
    std::vector<completion> overflow_;

    std::vector<std::unique_ptr<file[]>> files_;  // pages, indexed by descriptor
    std::vector<buffer_group> groups_;
    std::vector<std::unique_ptr<request[]>> blocks_;  // all requests
    detail::intrusive_list<request> free_;
    std::uint64_t system_calls_ = 0;   // system calls made by enter()
    std::size_t pending_ = 0;          // requests in use
    std::size_t wake_polls_ = 0;       // requests that poll the eventfd
    std::vector<request*> by_number_;  // a hash table of the requests in use; its size is a power of two
    detail::intrusive_list<file> paused_;
    detail::intrusive_list<request> refused_;
    time_point refused_until_ = time_point::max();
};

}  // namespace coil::COIL_ABI::ring
