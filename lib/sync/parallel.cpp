// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/parallel.hpp>

#include <coil/coro/frame_allocator.hpp>

namespace coil::COIL_ABI {

class branch_waker::promise_type {
public:
    explicit promise_type(branch_base& branch) noexcept : branch_(&branch) {}

    static void* operator new(std::size_t size) { return frame_allocate(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { frame_deallocate(frame, size); }

    branch_waker get_return_object() noexcept {
        return branch_waker(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }

    struct final_awaiter {
        branch_base* branch;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<>) const noexcept { branch->end(); }
        void await_resume() const noexcept {}
    };
    final_awaiter final_suspend() const noexcept { return {branch_}; }

    void return_void() const noexcept {}
    void unhandled_exception() const noexcept {}  // never called, because the body is empty

private:
    branch_base* branch_;
};

namespace {

constexpr std::size_t named_max = 4;  // maximum number of branches in an error text

branch_waker wake(branch_base&) { co_return; }

}  // namespace

branch_base::branch_base(parallel_operation& owner, std::size_t index) noexcept
    : owner_(&owner), scope_(owner.env().scheduler()), index_(index) {}

void branch_base::start() {
    if (owner_->stops_all_ || owner_->env().stop_requested())
        request_stop();
    scope_.at(owner_->env().where());
    waker_ = wake(*this);
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
    // Hold one extra count while starting, so that the waiter cannot resume in the middle of the loop.
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

// Visits the branches only once, so n branches that fail because of the stop cost n steps instead of n * n.
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

}  // namespace coil::COIL_ABI
