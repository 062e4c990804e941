// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/base/error.hpp>

#include <string_view>

#include <coil/base/outcome.hpp>

#include "base/usual_cause.hpp"

namespace coil::COIL_ABI {
namespace {

class coil_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "coil"; }

    std::string message(int value) const override {
        switch (static_cast<error::code>(value)) {
        case error::operation_aborted: return "operation aborted";
        case error::eof: return "end of stream before all was read";
        case error::timed_out: return "the deadline passed";
        case error::wrong_thread:
            return "an io_context belongs to the thread that first ran it (from other threads use post())";
        case error::operation_in_progress:
            return "another operation of this direction is in progress (one reader and one writer at a time)";
        case error::already_open: return "already open";
        case error::not_found: return "not found";
        case error::broken_promise: return "broken promise (its completer was destroyed)";
        case error::channel_closed: return "the channel is closed";
        case error::unread_bytes: return "received bytes are still unread: recv() them first";
        case error::limit_exceeded: return "longer than the limit";
        case error::already_running:
            return "called inside a task or posted function of the same io_context (co_await there, or use "
                   "sync_wait())";
        case error::wrong_context:
            return "the object belongs to another io_context (hand a socket over with release(), post() and "
                   "assign(); use anything else by post())";
        case error::wrong_process:
            return "an io_context that has run belongs to the process that ran it (after fork(), make a new one)";
        case error::already_locked:
            return "this task holds it already and would wait for itself (unlock() the first lock before, or lock in "
                   "the caller only)";
        case error::joins_itself:
            return "a task joins itself and would wait for its own end (join() it in another task)";
        case error::joins_own_group:
            return "a child joins its own group and would wait for its own end (join() in the body of with_group, or "
                   "in a task outside the group)";
        case error::nothing_sent:
            return "send() of the stream returned 0 for a buffer that is not empty (it must send at least 1 byte, or "
                   "throw an error)";
        }
        return "unknown error " + std::to_string(value);
    }

    std::error_condition default_error_condition(int value) const noexcept override {
        switch (static_cast<error::code>(value)) {
        case error::operation_aborted: return std::errc::operation_canceled;
        case error::timed_out: return std::errc::timed_out;
        case error::operation_in_progress: return std::errc::device_or_resource_busy;
        case error::already_open: return std::errc::already_connected;
        case error::already_locked:
        case error::joins_itself:
        case error::joins_own_group: return std::errc::resource_deadlock_would_occur;
        default: return {value, *this};
        }
    }
};

// Appends the usual cause of the error to `what`, which begins with the name of the call. Examples of `what`
// are "connect to 127.0.0.1:7777" and "recv (peer 127.0.0.1:7777)".
std::string with_cause(std::error_code code, const std::string& what) {
    if (code.category() != std::system_category() && code.category() != std::generic_category())
        return what;
    const std::string_view call = std::string_view(what).substr(0, what.find_first_of(" ("));
    const std::string_view cause = usual_cause(call, code.value());
    return what.empty() && !cause.empty() ? std::string(cause.substr(1)) : what + std::string(cause);
}

// Makes an exception whose text begins with `what`. An empty `what` is not passed on, because the text of the
// std::system_error would then begin with ": ".
std::system_error make_error(std::error_code code, const std::string& what) {
    return what.empty() ? std::system_error(code) : std::system_error(code, what);
}

}  // namespace

const std::error_category& error::category() noexcept {
    static const coil_category instance;
    return instance;
}

transfer_error::transfer_error(std::error_code code, const std::string& what, std::size_t bytes_transferred)
    : std::system_error(make_error(code, what)), bytes_transferred_(bytes_transferred) {}

namespace detail {

void throw_failure(std::error_code code, const std::string& what, bool is_transfer,
                   std::size_t bytes_transferred) {
    if (is_transfer || bytes_transferred > 0)
        throw transfer_error(code, with_cause(code, what), bytes_transferred);
    throw make_error(code, with_cause(code, what));
}

}  // namespace detail

void detail::throw_outcome(std::error_code error, const std::exception_ptr& exception, bool is_transfer,
                           std::size_t bytes_transferred) {
    if (exception)
        std::rethrow_exception(exception);
    detail::throw_failure(error, {}, is_transfer, bytes_transferred);
}

namespace detail {

std::exception_ptr make_failure(std::error_code code, const std::string& what, bool is_transfer,
                                std::size_t bytes_transferred) noexcept {
    try {
        if (is_transfer || bytes_transferred > 0)
            return std::make_exception_ptr(transfer_error(code, with_cause(code, what), bytes_transferred));
        return std::make_exception_ptr(make_error(code, with_cause(code, what)));
    } catch (...) {
        return nullptr;
    }
}

}  // namespace detail

}  // namespace coil::COIL_ABI
