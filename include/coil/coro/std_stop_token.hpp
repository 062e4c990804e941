// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <stop_token>

#include <coil/coro/stop_token.hpp>
#include <coil/coro/stop_when.hpp>

/// Bridges between coil's stop tokens and those of the standard library. This is a separate header because
/// <stop_token> is large.

namespace coil::COIL_ABI {

/// Makes `stop_when(what, token)` accept a `std::stop_token`.
///
///     coil::task<> serve_until(std::stop_token token) { co_await coil::stop_when(serve(), token); }
///
///     std::jthread worker([](std::stop_token token) { coil::sync_wait(serve_until(token)); });
template <class F>
struct stop_callback_for<std::stop_token, F> {
    using type = std::stop_callback<F>;
};

/// Forwards a stop request to code that uses the standard library. The bridge owns a `std::stop_source`. When
/// the inplace_stop_token passed to the constructor is stopped, the bridge requests a stop from this source.
///
///     coil::std_stop_bridge bridge(co_await coil::this_coro::stop_token);
///     start_something_standard(bridge.get_token());
///
/// Lifetime: a stop is forwarded only while the bridge exists. The bridge's tokens stay valid afterwards.
/// Cost:     one allocation, made by the std::stop_source.
class std_stop_bridge {
public:
    explicit std_stop_bridge(inplace_stop_token from) : callback_(from, forward{&source_}) {}

    [[nodiscard]] std::stop_token get_token() const noexcept { return source_.get_token(); }

private:
    struct forward {
        std::stop_source* source;
        void operator()() const noexcept { source->request_stop(); }
    };

    std::stop_source source_;
    inplace_stop_callback<forward> callback_;
};

}  // namespace coil::COIL_ABI
