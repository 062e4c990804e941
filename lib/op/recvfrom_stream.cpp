// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/op/recvfrom_stream.hpp>

#include <utility>

#include <coil/loop/io_context.hpp>

#include "op/recvfrom_queue.hpp"

namespace coil::COIL_ABI {

// ---- the stream -------------------------------------------------------------------------------------------

recvfrom_stream::recvfrom_stream(const descriptor_use& from) : from_(from) {
    if (!from_.record)
        return;
    if (!from_.record->context().is_mine())
        throw_wrong_thread("recvfrom_stream", from_.record->context().owner());
    op::recvfrom_queue::of(*from_.record).begin(*this);
}

recvfrom_stream::recvfrom_stream(recvfrom_stream&& other) noexcept { take(other); }

recvfrom_stream& recvfrom_stream::operator=(recvfrom_stream&& other) noexcept {
    if (this != &other) {
        drop();
        take(other);
    }
    return *this;
}

recvfrom_stream::~recvfrom_stream() { drop(); }

void recvfrom_stream::take(recvfrom_stream& other) noexcept {
    from_ = other.from_;
    if (!other.is_linked())
        return;
    other.unlink();
    op::recvfrom_queue::of(*from_.record).add(*this);
}

// The queue unlinks its streams when it is destroyed: a stream that isn't linked no longer has a queue.
void recvfrom_stream::drop() noexcept {
    if (!is_linked())
        return;
    from_.record->context().require_thread("recvfrom_stream: destroyed or assigned to");
    unlink();
    op::recvfrom_queue::of(*from_.record).stream_gone();
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
