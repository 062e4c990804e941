// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/recv_stream.hpp>

#include <utility>

#include <coil/loop/io_context.hpp>

#include "op/recv_queue.hpp"

namespace coil::COIL_ABI {

recv_stream::recv_stream(const detail::descriptor_use& from) : ahead_stream(from, "recv_stream") {
    if (!from.record)
        return;
    auto& queue = op::recv_queue::of(*from.record);
    join(queue);
}

namespace op {

// ---- readers ----------------------------------------------------------------------------------------------

recv_chunk::~recv_chunk() {
    if (chunk_.empty() || !source())
        return;
    static_cast<recv_queue*>(source())->put_back(std::move(chunk_));
}

// Creates the record's queue if it does not exist yet. The queue then serves this operation. May throw.
std::optional<std::int32_t> recv_chunk::before_submit() {
    recv_queue::of(target());
    return std::nullopt;
}

std::int32_t recv_chunk::take_from(detail::descriptor_source& source) noexcept {
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
