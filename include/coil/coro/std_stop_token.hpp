// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <stop_token>

#include <coil/coro/stop_token.hpp>
#include <coil/coro/stop_when.hpp>

/// Bridges between coil's stops and the standard's. In a header of its own: <stop_token> is a large one.

namespace coil::COIL_ABI {

/// From: `stop_when(what, token)` takes a `std::stop_token` as well.
///
///     coil::task<> serve_until(std::stop_token token) { co_await coil::stop_when(serve(), token); }
///
///     std::jthread worker([](std::stop_token token) { coil::sync_wait(serve_until(token)); });
template <class F>
struct stop_callback_for<std::stop_token, F> {
    using type = std::stop_callback<F>;
};

/// To: a `std::stop_source` that is asked to stop when an inplace_stop_token is.
///
///     coil::std_stop_bridge bridge(co_await coil::this_coro::stop_token);
///     start_something_standard(bridge.get_token());
///
/// Lifetime: while it lives, it forwards; the tokens that it gave stay good for ever.
/// Cost:     one allocation, the std::stop_source's.
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
