// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/loop/descriptor.hpp>

#include <atomic>
#include <fcntl.h>
#include <memory>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <coil/loop/io_context.hpp>
#include <coil/loop/operation.hpp>

#include "base/process.hpp"
#include "loop/descriptor_table.hpp"
#include "ring/kernel.hpp"

namespace coil::COIL_ABI::detail {
namespace {

// connect(2) to 0.0.0.0 or :: connects to this machine.
bool stands_for_this_machine(const ip::address& address) noexcept {
    return address.unmapped().is_unspecified();
}

}  // namespace

descriptor& descriptor_table::allocate() {
    if (free_.empty()) {
        if (free_.capacity() == records_.size())
            free_.reserve(2 * records_.size() + 1);  // so that recycle() cannot fail
        records_.push_back(std::make_unique<descriptor>(*context_));
        return *records_.back();
    }
    descriptor& record = *free_.back();
    free_.pop_back();
    return record;
}

void descriptor_table::recycle(descriptor& record) noexcept {
    COIL_ASSERT(!record.is_open() && !record.handle_ && record.operations_ == 0 && record.in_flight_ == 0);
    COIL_ASSERT(!record.reader_ && !record.writer_ && record.in_kernel_.empty() && record.waiting_.empty());
    record.source_.reset();
    record.clear_peer();
    record.is_watched_ = false;
    ++record.generation_;
    free_.push_back(&record);
}

void descriptor_table::leave(owned<descriptor_table> table) noexcept {
    static constinit std::atomic<descriptor_table*> latest{nullptr};
    descriptor_table* left = table.release();
    left->left_before_ = latest.exchange(left, std::memory_order_relaxed);
}

void descriptor::cancel_operations() noexcept {
    if (may_need_cancel_) {
        ++cancels_;
        may_need_cancel_ = false;
    }
    while (!waiting_.empty())
        waiting_.front().stop();
    context_->submissions().cancel_deferred(*this);
    in_kernel_.for_each([this](operation& each) { context_->submissions().cancel(each); });
}

void descriptor::set_connected(const sockaddr* peer, socklen_t size) noexcept {
    clear_peer();
    if (peer->sa_family != AF_INET && peer->sa_family != AF_INET6)
        return;
    peer_ = ip::endpoint::from_sockaddr(peer, size);
    knows_peer_ = true;
    if (stands_for_this_machine(peer_.address())) [[unlikely]] {
        ip::socket_address actual;
        unsigned room = sizeof actual;
        knows_peer_ = context_->kernel().getpeername(number_, &actual.any, &room) >= 0;
        if (knows_peer_)
            peer_ = ip::endpoint::from_sockaddr(&actual, room);
    }
}

void descriptor::set_number(int number) noexcept {
    number_ = number;
    process_ = this_process::number();
    may_linger_ = is_borrowed_ = false;
    clear_peer();
}

int descriptor::open_number(int family, int type, int protocol) noexcept {
    COIL_ASSERT(!is_open() && in_flight_ == 0);
    ring::kernel& kernel = context_->kernel();
    const int number = kernel.socket(family, type, protocol);
    if (number < 0)
        return number;
    // Raw sockets and ICMPv6 sockets are never dual-stack.
    const int only = 0;
    const bool is_dual_stack = family == AF_INET6 && type != SOCK_RAW && protocol != IPPROTO_ICMPV6;
    const int result =
        is_dual_stack ? kernel.setsockopt(number, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) : 0;
    if (result < 0) {
        kernel.close(number);
        return result;
    }
    set_number(number);
    return number;
}

void descriptor::reset_number() noexcept {
    if (!is_open())
        return;
    retire_operations();
    if (in_flight_ == 0)
        source_.reset();
    close_number();
    if (in_flight_ > 0)
        handle_->leave();  // operations that are still in the kernel keep the record
}

void descriptor::notify_watchers() noexcept {
    is_watched_ = false;
    in_kernel_.for_each([](operation& each) { each.source_has_data(); });
}

void descriptor::retire_operations() noexcept {
    if (source_)
        source_->close();
    cancel_operations();
    if (in_flight_ > 0)
        context_->submissions().retire(*this);
}

void descriptor::interrupt_readers() noexcept {
    for (intrusive_list<operation>* list: {&in_kernel_, &waiting_})
        list->for_each([](operation& each) { each.interrupt(); });
    context_->submissions().interrupt(*this);
    if (source_)
        source_->interrupt();
}

void descriptor::close_number() noexcept {
    if (number_ < 0 || number_ == none)
        return;
    const int number = std::exchange(number_, -1);
    if (is_borrowed_) {
        context_->kernel().release(number);
        return;
    }
    // If SO_LINGER would make close(2) block, clear the option. The kernel then sends the remaining bytes in
    // the background, so no thread waits and the peer sees no difference. A child of fork(2) must not clear
    // the option, because this would also affect the parent's socket.
    if (may_linger_ && process_ == this_process::number() && lingers(number)) {
        const linger off{};
        context_->kernel().setsockopt(number, SOL_SOCKET, SO_LINGER, &off, sizeof off);
    }
    context_->kernel().close(number);
}

// Returns true if close(2) would linger. A linger time of zero does not count, because close(2) then resets
// the connection immediately.
bool descriptor::lingers(int number) const noexcept {
    linger lingering{};
    unsigned size = sizeof lingering;
    return context_->kernel().getsockopt(number, SOL_SOCKET, SO_LINGER, &lingering, &size) >= 0 &&
           lingering.l_onoff != 0 && lingering.l_linger > 0;
}

environment& descriptor_use::foreign_environment() const {
    if (!record)
        throw_failure(std::make_error_code(std::errc::bad_file_descriptor),
                      "an operation on a socket without a context");
    return record->context().foreign_environment();
}

descriptor_handle::descriptor_handle(descriptor_handle&& other) noexcept
    // Copies the context, so that `other` stays usable. NOLINTNEXTLINE(performance-move-constructor-init)
    : context_(other.context_), record_(std::exchange(other.record_, nullptr)) {
    if (record_)
        record_->handle_ = this;
}

descriptor_handle& descriptor_handle::operator=(descriptor_handle&& other) noexcept {
    if (this == &other)
        return *this;
    close();
    context_ = other.context_;
    record_ = std::exchange(other.record_, nullptr);
    if (record_)
        record_->handle_ = this;
    return *this;
}

void descriptor_handle::check_thread(const char* call) const {
    const io_context* context = context_.get();
    if (context && !context->is_mine())
        throw_wrong_thread(call, context->owner());
}

void descriptor_handle::require_thread(const char* call) const noexcept {
    if (record_)
        record_->context().require_thread(call);
}

descriptor& descriptor_handle::record() {
    if (!record_) {
        io_context* context = context_.get();
        if (!context)
            throw_failure(std::make_error_code(std::errc::bad_file_descriptor),
                          context_ ? "a socket whose io_context has ended" : "a socket without a context");
        check_thread("the first use of a socket");
        record_ = &context->descriptors().allocate();
        record_->handle_ = this;
    }
    return *record_;
}

descriptor_use descriptor_handle::use(int flags) {
    if (!context_.get())
        return {nullptr, 0, flags};
    descriptor& used = record();
    return {&used, used.generation(), flags};
}

void descriptor_handle::adopt(int number) {
    check_thread("open or assign");
    COIL_ASSERT(record().in_flight_ == 0);
    record().set_number(number);
}

void descriptor_handle::adopt_foreign(int number) {
    adopt(number);
    record_->set_may_linger();
    record_->context().kernel().adopt(number);
}

void descriptor_handle::borrow(int number) {
    check_thread("borrow");
    record().set_borrowed(number);
    record_->context().kernel().adopt(number);
}

int descriptor_handle::lend_number() const noexcept {
    if (is_open()) {
        record_->set_may_linger();
        record_->context().kernel().share(number());
    }
    return number();
}

void descriptor_handle::adopt_accepted(int number, const descriptor& acceptor, const ip::socket_address& peer,
                                       socklen_t size) noexcept {
    // If the program has closed descriptor 0, 1 or 2 (stdin, stdout or stderr), the kernel may reuse this
    // number for the connection. Move the connection to a higher number, so that the program's output cannot
    // go to a peer.
    if (number <= STDERR_FILENO) [[unlikely]] {
        ring::kernel& kernel = record_->context().kernel();
        if (const int moved = kernel.fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1); moved >= 0) {
            kernel.close(number);
            number = moved;
        }
    }
    record_->set_accepted(number, acceptor, peer, size);
}

int descriptor_handle::release() noexcept {
    if (!record_)
        return -1;
    require_thread("socket: release()");
    record_->retire_operations();
    const int number = std::exchange(record_->number_, -1);
    if (number >= 0)
        record_->context().kernel().release(number);
    leave();
    return number;
}

void descriptor_handle::close() noexcept {
    if (!record_)
        return;
    require_thread("socket: closed or destroyed");
    record_->retire_operations();
    record_->close_number();
    leave();
}

void descriptor_handle::cancel() noexcept {
    require_thread("socket: cancel()");
    if (record_)
        record_->cancel_operations();
}

// The record stays allocated without a handle until its operations have been destroyed.
void descriptor_handle::leave() noexcept {
    descriptor& record = *std::exchange(record_, nullptr);
    record.handle_ = nullptr;
    if (record.operations_ == 0 && record.in_flight_ == 0)
        record.context_->descriptors().recycle(record);
    else
        ++record.generation_;
}

}  // namespace coil::COIL_ABI::detail
