// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <array>
#include <coroutine>
#include <cstddef>
#include <string>
#include <utility>

/// Allows several buffers to be passed as separate arguments, as in `recv(head, body)`. The operation stores
/// the buffers in its own array, so the caller does not need to keep an array alive.

namespace coil::COIL_ABI::detail {

class environment;

/// An operation together with the array of buffers that it uses.
template <class Operation, class Buffer, std::size_t N>
class [[nodiscard("co_await it")]] gathered_operation {
public:
    template <class Make>
    gathered_operation(const std::array<Buffer, N>& buffers, Make&& make)
        : buffers_(buffers), operation_(make(buffers_)) {}
    gathered_operation(const gathered_operation&) = delete;
    gathered_operation& operator=(const gathered_operation&) = delete;

    bool await_ready() { return operation_.await_ready(); }
    void await_suspend(std::coroutine_handle<> caller) { operation_.await_suspend(caller); }
    auto await_outcome() { return operation_.await_outcome(); }
    auto await_resume() { return operation_.await_resume(); }
    [[nodiscard]] std::string describe() const { return operation_.describe(); }

private:
    std::array<Buffer, N> buffers_;
    Operation operation_;
};

/// A description together with the array of buffers that its operation uses.
template <class Description, class Buffer, std::size_t N>
struct [[nodiscard("co_await it")]] gathered : Description {
    std::array<Buffer, N> held;

    auto operation_in(environment& task) const {
        using gathering = decltype(Description::operation_in(task));
        return gathered_operation<gathering, Buffer, N>(held, [&](const std::array<Buffer, N>& inside) {
            Description what = *this;
            what.buffers = inside;
            return what.operation_in(task);
        });
    }
};

/// Adds `buffers` to a description that was made without buffers.
template <class Buffer, class Description, class... Buffers>
gathered<Description, Buffer, sizeof...(Buffers)> gather(const Description& what, Buffers&&... buffers) {
    return {what, {Buffer(std::forward<Buffers>(buffers))...}};
}

}  // namespace coil::COIL_ABI::detail
