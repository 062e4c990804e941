// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/recvfrom_stream.hpp>

#include <utility>

#include <coil/loop/io_context.hpp>

#include "op/recvfrom_queue.hpp"

namespace coil::COIL_ABI {

recvfrom_stream::recvfrom_stream(const descriptor_use& from) : ahead_stream(from, "recvfrom_stream") {
    if (!from.record)
        return;
    auto& queue = op::recvfrom_queue::of(*from.record);
    queue.detect_trains();
    join(queue);
}

namespace op {

// ---- readers ----------------------------------------------------------------------------------------------

template <class What>
next_arrival<What>::~next_arrival() {
    if (!received_ || !source())
        return;
    static_cast<recvfrom_queue*>(source())->put_back(std::move(what_), place_);
}

template <class What>
std::int32_t next_arrival<What>::take_from(descriptor_source& source) noexcept {
    place_ = static_cast<recvfrom_queue&>(source).take(what_);
    received_ = true;
    return static_cast<std::int32_t>(what_.size());
}

template <class What>
outcome<std::optional<What>> next_arrival<What>::await_outcome() noexcept {
    if (const auto error = failure())
        return error;
    if (std::exchange(received_, false))
        return std::optional<What>(std::move(what_));
    if (was_interrupted())
        return error::operation_aborted;
    return std::optional<What>();
}

template <class What>
std::optional<What> next_arrival<What>::await_resume() {
    auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error());
    return *std::move(outcome);
}

template class next_arrival<datagram>;
template class next_arrival<datagram_train>;

}  // namespace op
}  // namespace coil::COIL_ABI
