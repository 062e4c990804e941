// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/offload.hpp>

#include <new>

#include <coil/coro/frame_allocator.hpp>

#include "sync/worker_threads.hpp"

namespace coil::COIL_ABI::detail {

/// The part of an offload that the worker thread uses. It is a separate heap block, because it may outlive
/// the operation, which is in the frame of the waiting coroutine.
class offload_call_block final : public blocking_call {
public:
    static offload_call_block* make(offload_operation_base& operation) {
        return new (frame_allocate(sizeof(offload_call_block))) offload_call_block(operation);
    }

    void perform() noexcept override { operation_.call_(operation_); }
    void refuse() noexcept override { operation_.error_ = make_error_code(error::operation_aborted); }

private:
    explicit offload_call_block(offload_operation_base& operation) noexcept : operation_(operation) {}
    ~offload_call_block() override = default;

    void discard() noexcept override {
        this->~offload_call_block();
        frame_deallocate(this, sizeof(offload_call_block));
    }

    offload_operation_base& operation_;  // exists until the handover is complete
};

offload_operation_base::offload_operation_base(thread_pool& pool, entry* call, environment& task)
    : awaited(task), threads_(pool.threads_), block_(offload_call_block::make(*this)), call_(call) {}

offload_operation_base::~offload_operation_base() {
    if (!given_)
        block_->release();  // the completer's reference
    block_->release();
}

void offload_operation_base::await_suspend(std::coroutine_handle<> waiter) noexcept {
    suspend(waiter);
    if (is_refused())
        return give_up(make_error_code(error::operation_aborted));
    static_cast<void>(block_->expect(*this));
    given_ = true;
    if (const std::error_code refused = threads_->submit(*block_)) {
        given_ = false;
        block_->withdraw();
        give_up(refused);
    }
}

void offload_operation_base::stop() noexcept {
    if (take_back())
        give_up(make_error_code(error::operation_aborted));
    else if (given_)
        request_token_stop();
}

bool offload_operation_base::take_back() noexcept {
    if (!given_ || !threads_->withdraw(*block_) || !block_->withdraw())
        return false;
    given_ = false;
    return true;
}

void offload_operation_base::give_up(std::error_code why) noexcept {
    error_ = why;
    env().scheduler().schedule(*this);
}

void offload_operation_base::retire() noexcept {
    if (given_ && block_->waiter() && !take_back()) {
        request_token_stop();
        block_->wait();
    }
    block_->leave();
}

std::error_code offload_operation_base::finish() noexcept {
    block_->leave();
    return error_;
}

}  // namespace coil::COIL_ABI::detail
