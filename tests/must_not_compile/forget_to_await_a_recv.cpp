// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The deleted conversions do not make a description or a task convertible.
// first: co_await is missing

#include <array>
#include <concepts>
#include <cstddef>

#include <coil/coro/task.hpp>
#include <coil/net/tcp.hpp>

using coil::ip::tcp;

using receive = decltype(std::declval<tcp::socket&>().recv(coil::mutable_buffer()));
static_assert(!std::convertible_to<receive, std::size_t> && !std::constructible_from<bool, receive> &&
              !std::convertible_to<coil::task<int>, int> && !std::convertible_to<coil::task<bool>, bool>);

coil::task<std::size_t> receive_some(tcp::socket& socket) {
    std::array<char, 10> buffer;
#ifdef COIL_MUST_NOT_COMPILE
    std::size_t n = socket.recv(buffer);
#else
    std::size_t n = co_await socket.recv(buffer);
#endif
    co_return n;
}
