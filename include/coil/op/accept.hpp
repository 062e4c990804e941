// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <coil/base/endpoint.hpp>
#include <coil/base/outcome.hpp>
#include <coil/loop/operation.hpp>

namespace coil::op {

/// A connection taken from a listening socket: its descriptor, which is the receiver's to close, and its peer, which is
/// unspecified where the connection was reset so early that nobody knows it any more.
struct accepted {
    int number = -1;
    ip::endpoint peer;

    [[nodiscard]] bool knows_peer() const noexcept { return peer.port() != 0; }
};

/// One accept(2). It takes the next connection from the queue of the acceptor's record, at once if there is one. The record
/// fills the queue by one multishot IORING_OP_ACCEPT, from the first wait until the queue is full.
/// Several may wait: they are served in order. A cancel never loses a connection: it stays in the queue for the next.
/// What goes wrong with one connection (ECONNABORTED and its like) is passed over. Out of descriptors or memory, it tries
/// again ten times a second; the connection stays in the backlog.
class [[nodiscard]] accept : public operation {
public:
    accept(const descriptor_use& target, environment& task) noexcept : operation(target, task, lane::any) {}
    ~accept();

    bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<> caller);
    outcome<accepted> await_outcome() noexcept;
    accepted await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;
    const char* name() const noexcept override { return "accept"; }

private:
    friend class accept_queue;

    /// Ends the wait with a connection, or an error.
    void serve(std::int32_t result, const ip::endpoint& peer) noexcept;

    ip::endpoint peer_;
};

struct [[nodiscard]] accept_description : descriptor_use {
    accept operation_in(environment& task) const noexcept { return {*this, task}; }
};

static_assert(sizeof(accept) <= 96 && sizeof(accept_description) <= 40);

}  // namespace coil::op
