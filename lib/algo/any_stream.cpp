// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/algo/any_stream.hpp>

#include <exception>

namespace coil::COIL_ABI::detail {

any_stream_base::~any_stream_base() {
    for (any_operation* each: {receiver_, sender_})
        if (each)
            each->lose_stream();
}

any_operation::~any_operation() {
    if (is_made_)
        stream_->drop(receives_);
}

bool any_operation::await_ready() {
    if (!begin())
        return true;
    if (!stream_->is_ready(receives_))
        return false;
    collect();
    return true;
}

// Starts the contained stream's operation. Creates the operation first if the caller, such as
// `buffered_reader`, has not called await_ready().
void any_operation::await_suspend(std::coroutine_handle<> waiter) {
    const bool has_begun = is_made_ || begin();
    suspend(waiter);
    if (has_begun)
        stream_->start(receives_, waiter);
    else
        env().scheduler().schedule(*this);
}

// Creates the contained stream's operation. Returns false, and sets outcome_ to operation_in_progress, if an
// earlier operation has not been destroyed yet.
bool any_operation::begin() {
    is_made_ = make();
    if (!is_made_)
        outcome_ = {make_error_code(error::operation_in_progress), 0};
    return is_made_;
}

std::coroutine_handle<> any_operation::advance(std::coroutine_handle<>) noexcept {
    collect();
    return run();
}

void any_operation::collect() noexcept {
    outcome_ = stream_->take_outcome(receives_);
    was_cancelled_ = stream_->was_cancelled(receives_);
}

void any_operation::lose_stream() noexcept {
    is_made_ = false;
    if (!is_suspended())
        return;
    was_cancelled_ = true;
    outcome_ = {make_error_code(error::operation_aborted), 0};
    env().scheduler().schedule(*this);
}

std::size_t any_operation::await_resume() {
    if (outcome_.exception())
        std::rethrow_exception(outcome_.exception());
    if (!outcome_)
        throw_failure(outcome_.error(), describe(), true, outcome_.bytes_transferred());
    return *outcome_;
}

std::string any_operation::describe() const {
    return is_made_ ? stream_->describe(receives_) : receives_ ? "recv" : "send";
}

}  // namespace coil::COIL_ABI::detail
