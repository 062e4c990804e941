// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// expect: types in a std::unique_ptr

#include <memory>

#include <coil/coro/task.hpp>
#include <coil/sync/channel.hpp>

struct fragile {
    fragile() = default;
    fragile(fragile&&) {}
};

coil::task<> pass() {
#ifdef COIL_MUST_NOT_COMPILE
    coil::channel<fragile> parcels(1);
    co_await parcels.send(fragile());
#else
    coil::channel<std::unique_ptr<fragile>> parcels(1);
    co_await parcels.send(std::make_unique<fragile>());
#endif
    co_return;
}
