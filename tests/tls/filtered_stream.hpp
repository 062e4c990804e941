// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <coil/coro/task.hpp>
#include <coil/sync/event.hpp>
#include <coil/test/stream_pair.hpp>

namespace coil::COIL_ABI::test {

/// A connection that a test observes and breaks.
struct line {
    static constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

    std::size_t ends_after = never;    // after this number of bytes, recv() returns 0
    std::size_t stalls_after = never;  // after this number of bytes, recv() never completes
    std::size_t received = 0;
    std::size_t recv_calls = 0;
    std::string sent{};
    std::size_t send_calls = 0;
    event stalled{};
    // For the next calls: the count that recv() or send() returns instead of its own.
    std::optional<std::size_t> false_recv{};
    std::optional<std::size_t> false_send{};
    std::optional<std::size_t> failing_send{};  // send() fails, with this count
    std::function<void()> after_recv{};         // called once, when recv() has received bytes
};

/// An in-memory stream above a `line`.
class filtered_stream {
public:
    filtered_stream() = default;
    filtered_stream(memory_stream inner, line& over) : inner_(std::move(inner)), line_(&over) {}

    task<std::size_t> recv(mutable_buffer buffer) {
        ++line_->recv_calls;
        while (line_->stalls_after <= line_->ends_after && line_->stalls_after == line_->received)
            co_await line_->stalled.wait();
        const std::size_t limit = std::min(line_->ends_after, line_->stalls_after) - line_->received;
        if (limit == 0)
            co_return 0;
        const std::size_t n = co_await inner_.recv(buffer.first(limit));
        line_->received += n;
        if (const auto call = std::exchange(line_->after_recv, nullptr))
            call();
        co_return line_->false_recv.value_or(n);
    }
    task<std::size_t> send(const_buffer buffer) {
        ++line_->send_calls;
        if (line_->failing_send)
            throw transfer_error(std::make_error_code(std::errc::broken_pipe), "send", *line_->failing_send);
        if (line_->false_send)
            co_return *line_->false_send;
        const std::size_t n = co_await inner_.send(buffer);
        line_->sent.append(static_cast<const char*>(buffer.data()), n);
        co_return n;
    }
    detail::completed close() noexcept { return inner_.close(); }
    void reset() noexcept { inner_.reset(); }
    void cancel() noexcept { inner_.cancel(); }

private:
    memory_stream inner_;
    line* line_ = nullptr;
};

}  // namespace coil::COIL_ABI::test
