// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

#include <coil/base/io_engine.hpp>

namespace coil::COIL_ABI {

/// The options of an io_context. Programs use the name `io_context::options`.
struct context_options {
    /// The maximum number of operations that one system call submits. The kernel allows at most 32768.
    unsigned entries = 256;
    /// The size of the completion ring. When the ring is full, completions are delivered later, but none
    /// is lost.
    unsigned completions = 4096;
    /// The size in bytes of the pool of buffers that the kernel fills.
    std::size_t pool_size = 4 << 20;
    /// When a stream has this number of unread bytes, it stops receiving. The value is limited to a quarter
    /// of the pool.
    std::size_t ahead_max = 256 << 10;
    /// A limit on the bytes that all streams together hold in copies outside the pool. When this limit is
    /// reached, a stream that has an unread byte does not receive, so each stream receives one chunk at a
    /// time. A separate limit of the same size applies to all `recvfrom_stream`s together. When the separate
    /// limit is reached, a `recvfrom_stream` that has an unread datagram does not receive.
    std::size_t held_max = 16 << 20;
    /// The size in bytes of the largest datagram that a `recvfrom_stream` receives without truncation.
    std::size_t datagram_max = 2048;
    /// The kernel interface to use. With `automatic`, the environment variable COIL_ENGINE decides. It may be
    /// `io_uring`, `epoll` or `auto`. If the variable is not set or `auto`, the engine is io_uring if this
    /// system allows it, otherwise epoll. The decision is made once per process, by the first such context.
    /// That context tries io_uring, which takes about 0.3 ms and a short-lived thread. Programs with raised
    /// privileges (set-user-ID, file capabilities) ignore the variable.
    io_engine engine = io_engine::automatic;
    /// If true, the loop never sleeps. This lowers the latency but keeps a core busy, so set this option only
    /// if the loop's thread has its own core.
    bool spin = false;
};

/// The counters of an io_context. They start at 0 when the context is constructed. Programs use the name
/// `io_context::counters`. The counters are always enabled. Each costs one plain increment.
struct context_counters {
    // The loop.
    unsigned long long enters = 0;  ///< calls of io_uring_enter(2), or on epoll the rounds of system calls
    /// The system calls that transfer data or wait for it: the enters and the direct sends, and on epoll also
    /// each receive, send, accept, connect, read, write, epoll_ctl(2) and epoll_pwait(2).
    unsigned long long system_calls = 0;
    unsigned long long submissions = 0;  ///< SQEs, including cancels
    unsigned long long completions = 0;  ///< CQEs collected
    unsigned long long overflows = 0;    ///< calls that left completions in the kernel: the CQ was full
    unsigned long long resumptions = 0;  ///< tasks resumed and posted functions called
    unsigned long long ready_max = 0;    ///< maximum number of resumptions in one iteration
    unsigned long long busy_max = 0;     ///< longest time that one iteration spent on tasks, in ns
    unsigned long long cancels = 0;      ///< cancels submitted to the kernel, including repetitions
    // Sends.
    unsigned long long sends_direct = 0;  ///< sends by a direct system call
    unsigned long long sends_ring = 0;    ///< sends through the ring
    unsigned long long sends_short = 0;   ///< partial writes, direct or through the ring
    // Unread bytes and the pools.
    unsigned long long ahead_stops = 0;  ///< how often a stream stopped at `options::ahead_max`
    unsigned long long starved = 0;      ///< receives that found the pool empty (ENOBUFS)
    unsigned long long copied = 0;       ///< chunks copied out of a pool
    unsigned long long held = 0;         ///< bytes of memory that copied chunks occupy now
    unsigned long long pinned = 0;       ///< pool entries that chunks hold now
    unsigned long long pinned_max = 0;   ///< the sum of the pools' maximum values of `pinned`
};

}  // namespace coil::COIL_ABI
