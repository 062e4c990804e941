// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/connect.hpp>

#include <cerrno>

#include <liburing.h>
#include <sys/socket.h>

#include <coil/loop/io_context.hpp>

#include "ring/kernel.hpp"

namespace coil::COIL_ABI::op {

connect::connect(const connect_request& what, environment& task) noexcept
    : operation({what.record, what.generation, 0}, task, lane::write),
      type_(what.type),
      protocol_(what.protocol),
      size_(what.to.to_sockaddr(to_)) {}

void connect::await_suspend(std::coroutine_handle<> caller) {
    if (!begin(caller))
        return;
    descriptor& record = target();
    if (!record.is_open()) {
        const int number = record.context().kernel().socket(to_.any.sa_family, type_, protocol_);
        if (number < 0) {
            finish(number);
            return;
        }
        record.set_number(number);
    }
    submit();
}

void connect::prepare(io_uring_sqe& sqe) noexcept {
    io_uring_prep_connect(&sqe, target().number(), &to_.any, size_);
}

outcome<void> connect::await_outcome() noexcept {
    settle();
    return failure();
}

void connect::await_resume() {
    if (const auto outcome = await_outcome(); !outcome)
        fail(outcome.error());
}

std::string connect::describe() const {
    return "connect to " + ip::endpoint::from_sockaddr(to_, size_).to_string();
}

// What becomes of the descriptor, also when nobody is left to ask.
void connect::settle() noexcept {
    retire();
    if (settled_ || !is_done() || !has_begun())
        return;
    settled_ = true;
    descriptor& record = target();
    if (record.generation() != generation())
        return;  // closed meanwhile
    if (answer().result == 0)
        record.set_peer(ip::endpoint::from_sockaddr(to_, size_));
    else if (type_ == SOCK_STREAM && answer().result != -EISCONN && answer().result != -EALREADY &&
             answer().result != refused_second && answer().result != -EBADF)
        record.close_number();
}

}  // namespace coil::COIL_ABI::op
