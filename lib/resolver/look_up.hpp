// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include <coil/resolver/resolve.hpp>

#include "sync/worker_threads.hpp"

namespace coil::COIL_ABI::detail {

/// A query for the C library and its result. The waiter and the lookup thread each hold a reference to this
/// object, so that neither has to wait for the other. The query is immutable. From the submission until
/// is_complete() returns true, only the lookup thread accesses the result.
class look_up final : public blocking_call {
public:
    enum class direction : std::uint8_t { forward, reverse };

    look_up(std::string_view on, std::string_view at, const look_up_hints& wanted)
        : way(direction::forward), host(on), service(at), hints(wanted) {}
    look_up(const ip::endpoint& of, int flags)
        : way(direction::reverse), hints{flags, AF_UNSPEC, 0, 0}, endpoint(of) {}

    /// Completes a query that is invalid, or that needs neither a file nor a server. Returns false if a
    /// thread must perform the query.
    bool answer_inline() noexcept;
    /// Calls the C library. May block for a long time.
    void perform() noexcept override;

    [[nodiscard]] std::error_code error() const noexcept;
    [[nodiscard]] std::string describe() const;

    const direction way;
    const std::string host;
    const std::string service;
    const look_up_hints hints;
    const ip::endpoint endpoint;

    int status = 0;        // EAI_... from getaddrinfo(3), or one of coil's resolver_code values
    int system_error = 0;  // errno, if status is EAI_SYSTEM
    names_found found;

    /// The function that perform() calls. Tests replace it.
    using function = void(look_up& query);
    static std::atomic<function*> asked;

private:
    ~look_up() override = default;
    void discard() noexcept override { delete this; }

    [[nodiscard]] bool has_invalid_arguments() noexcept;
    void call_getaddrinfo(int more_flags);
    void call_getnameinfo();
    static void call_c_library(look_up& query);
};

}  // namespace coil::COIL_ABI::detail
