// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/connect.hpp>

#include <cerrno>

#include <liburing.h>
#include <sys/socket.h>

#include <coil/loop/event_loop.hpp>

#include "base/address_text.hpp"
#include "ring/kernel.hpp"

namespace coil::COIL_ABI::op {

// Opens the socket if it is closed.
std::optional<std::int32_t> connect::before_submit() {
    detail::descriptor& record = target();
    if (record.is_open())
        return std::nullopt;
    const int number = record.open_number(to().address->sa_family, type_, protocol_);
    return number < 0 ? std::optional<std::int32_t>(number) : std::nullopt;
}

void connect::prepare(io_uring_sqe& sqe) noexcept {
    io_uring_prep_connect(&sqe, target().number(), to().address, to().size);
}

outcome<void> connect::await_outcome() noexcept {
    settle();
    return failure();
}

void connect::await_resume() {
    if (const auto outcome = await_outcome(); !outcome)
        fail(outcome.error());
}

std::string connect::describe() const { return "connect to " + address_text(to().address, to().size); }

// Called when the result is read and again by the destructor. Only the first call has an effect. If the
// connect has failed, reset_number() closes the descriptor and ends the record's other operations. If those
// operations stayed in the kernel, they would keep the file and the connection attempt alive, and could
// receive bytes from a connection that the socket no longer has.
void connect::settle() noexcept {
    retire();
    if (settled_ || !is_done() || !has_begun())
        return;
    settled_ = true;
    detail::descriptor& record = target();
    if (!is_current())
        return;  // the descriptor has been closed since the connect began
    if (answer().result == 0)
        record.set_connected(to().address, to().size);
    else if (type_ != SOCK_DGRAM && answer().result != -EISCONN && answer().result != -EALREADY &&
             answer().result != refused_second && answer().result != -EBADF)
        record.reset_number();
}

}  // namespace coil::COIL_ABI::op
