// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coil/base/outcome.hpp>
#include <coil/loop/operation.hpp>

namespace coil::COIL_ABI::op {

/// One accept(2). It gives the next connection from the queue of the acceptor's record, at once if there is one: a
/// descriptor, which is the receiver's to close. The record fills the queue by one multishot IORING_OP_ACCEPT, from the
/// first wait until the queue is full.
/// Several may wait: they are served in order. A cancel never loses a connection: it stays in the queue for the next.
/// What goes wrong with one connection (ECONNABORTED and its like) is passed over. Out of descriptors or memory, it tries
/// again ten times a second; the connection stays in the backlog.
class [[nodiscard]] accept : public operation {
public:
    accept(const descriptor_use& target, environment& task) noexcept : operation(target, task, lane::any) {}
    ~accept();

    bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<> caller);
    outcome<int> await_outcome() noexcept;
    int await_resume();

protected:
    void prepare(io_uring_sqe& sqe) noexcept override;
    const char* name() const noexcept override { return "accept"; }

private:
    friend class accept_queue;
};

struct [[nodiscard]] accept_description : descriptor_use {
    accept operation_in(environment& task) const noexcept { return {*this, task}; }
};

static_assert(sizeof(accept) <= 96 && sizeof(accept_description) <= 40);

}  // namespace coil::COIL_ABI::op
