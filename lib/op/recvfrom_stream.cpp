// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/recvfrom_stream.hpp>

#include <utility>

#include <coil/loop/io_context.hpp>

#include "op/recvfrom_queue.hpp"

namespace coil::COIL_ABI::op {

datagram_stream::datagram_stream(const detail::descriptor_use& from) : ahead_stream(from, "recvfrom_stream") {
    if (!from.record)
        return;
    auto& queue = recvfrom_queue::of(*from.record);
    queue.detect_trains();
    join(queue);
}

// ---- readers ----------------------------------------------------------------------------------------------

template <class Received>
next_received<Received>::~next_received() {
    if (!received_ || !source())
        return;
    static_cast<recvfrom_queue*>(source())->put_back(std::move(what_), place_);
}

template <class Received>
std::int32_t next_received<Received>::take_from(detail::descriptor_source& source) noexcept {
    place_ = static_cast<recvfrom_queue&>(source).take(what_);
    received_ = true;
    return static_cast<std::int32_t>(what_.size());
}

template <class Received>
std::error_code next_received<Received>::ended() noexcept {
    if (const auto error = failure())
        return error;
    if (!received_ && was_interrupted())
        return error::operation_aborted;
    return {};
}

template class next_received<received_datagram>;
template class next_received<received_train>;

}  // namespace coil::COIL_ABI::op
