// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/recv_stream.hpp>

#include <utility>

#include <coil/loop/io_context.hpp>

#include "op/recv_queue.hpp"

namespace coil::COIL_ABI {

// ---- the stream -------------------------------------------------------------------------------------------

recv_stream::recv_stream(const descriptor_use& from) : from_(from) {
    if (!from_.record)
        return;
    if (!from_.record->context().is_mine())
        throw_wrong_thread("recv_stream", from_.record->context().owner());
    op::recv_queue::of(*from_.record).add(*this);
}

recv_stream::recv_stream(recv_stream&& other) noexcept { take(other); }

recv_stream& recv_stream::operator=(recv_stream&& other) noexcept {
    if (this != &other) {
        drop();
        take(other);
    }
    return *this;
}

recv_stream::~recv_stream() { drop(); }

void recv_stream::take(recv_stream& other) noexcept {
    from_ = other.from_;
    if (!other.is_linked())
        return;
    other.unlink();
    op::recv_queue::of(*from_.record).add(*this);
}

// The queue unlinks its streams when it is destroyed: a stream that isn't linked no longer has a queue.
void recv_stream::drop() noexcept {
    if (!is_linked())
        return;
    from_.record->context().require_thread("recv_stream: destroyed or assigned to");
    unlink();
    op::recv_queue::of(*from_.record).stream_gone();
}

namespace op {

// ---- readers ----------------------------------------------------------------------------------------------

recv_chunk::~recv_chunk() {
    if (chunk_.empty() || !source())
        return;
    static_cast<recv_queue*>(source())->put_back(std::move(chunk_));
}

// The queue serves it. The first use creates the queue, or throws.
std::optional<std::int32_t> recv_chunk::before_submit() {
    recv_queue::of(target());
    return std::nullopt;
}

std::int32_t recv_chunk::take_from(descriptor_source& source) noexcept {
    chunk_ = static_cast<recv_queue&>(source).take();
    return static_cast<std::int32_t>(chunk_.size());
}

std::error_code recv_chunk::ended() const noexcept {
    if (answer().result > 0)
        return {};
    if (answer().result == 0)
        return was_interrupted() ? make_error_code(error::operation_aborted) : std::error_code();
    return failure();
}

outcome<chunk> recv_chunk::await_outcome() noexcept {
    if (const auto error = ended())
        return error;
    return std::move(chunk_);
}

chunk recv_chunk::await_resume() {
    if (const auto error = ended())
        fail(error, true);
    return std::move(chunk_);
}

outcome<std::optional<chunk>> next_chunk::await_outcome() noexcept {
    if (const auto error = ended())
        return error;
    if (received().empty())
        return std::optional<chunk>();
    return std::optional<chunk>(std::move(received()));
}

std::optional<chunk> next_chunk::await_resume() {
    if (const auto error = ended())
        fail(error, true);
    if (received().empty())
        return std::nullopt;
    return std::move(received());
}

}  // namespace op
}  // namespace coil::COIL_ABI
