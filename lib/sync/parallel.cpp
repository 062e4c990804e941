// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/parallel.hpp>

namespace coil::COIL_ABI::detail {

namespace {

constexpr std::size_t named_max = 4;  // maximum number of branches in an error text

}  // namespace

branch_base::branch_base(parallel_operation& owner, std::size_t index) noexcept
    : owner_(&owner), scope_(owner.env().scheduler()), index_(index) {}

void branch_base::start() {
    if (owner_->stops_all_ || owner_->env().stop_requested())
        request_stop();
    scope_.at(owner_->env().where());
    waker_ =
        detail::waker::make(this, [](void* branch) noexcept { static_cast<branch_base*>(branch)->end(); });
    if (is_ready())
        return end();
    start_inner(waker_.handle());
    first_ = scope_.scheduler().take_transfer();
    if (first_)
        scope_.scheduler().schedule(*this);
}

void branch_base::end() noexcept {
    collect();
    owner_->branch_ended(index_);
}

void parallel_operation::await_suspend(std::coroutine_handle<> waiter) {
    suspend(waiter);
    // The + 1 is removed after all branches have started, so that the waiter cannot resume earlier.
    running_ += count() + 1;
    for (std::size_t i = 0; i < count(); ++i)
        at(i).start();
    if (--running_ == 0)
        env().scheduler().schedule(*this);
}

void parallel_operation::branch_ended(std::size_t index) noexcept {
    ended(index);
    if (const auto waiter = remove_running())
        env().scheduler().transfer(waiter);
}

std::coroutine_handle<> parallel_operation::remove_running() noexcept {
    return --running_ == 0 ? wake() : nullptr;
}

// Only the first call visits the branches, so that n branches that fail because of the stop cost n steps
// instead of n * n.
void parallel_operation::stop_all() noexcept {
    if (std::exchange(stops_all_, true) || !is_suspended())
        return;
    for (std::size_t i = 0; i < count(); ++i)
        at(i).request_stop();
}

void parallel_operation::rethrow_bug() const {
    for (std::size_t i = 0; i < count(); ++i)
        if (at(i).has_bug())
            at(i).rethrow();
}

std::string parallel_operation::describe() const {
    const std::size_t named = count() <= named_max ? count() : named_max;
    std::string text;
    for (std::size_t i = 0; i < named; ++i)
        text += (i == 0 ? "" : ", ") + at(i).describe();
    if (named < count())
        text += " and " + std::to_string(count() - named) + " more";
    return text;
}

}  // namespace coil::COIL_ABI::detail
