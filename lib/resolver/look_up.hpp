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
#include <coil/sync/handover.hpp>

namespace coil::COIL_ABI::detail {

/// A question for the C library, and its answer: a block of its own, which who waits and who asks hold together, so that
/// neither has to wait for the other. The question is never changed; the answer is the asking thread's, until it is complete.
class look_up final : public handover {
public:
    enum class direction : std::uint8_t { forward, reverse };

    look_up(std::string_view on, std::string_view at, const look_up_hints& wanted)
        : way(direction::forward), host(on), service(at), hints(wanted) {}
    look_up(const ip::endpoint& of, int flags)
        : way(direction::reverse), hints{flags, AF_UNSPEC, 0, 0}, endpoint(of) {}

    /// Answers what needs no file and no server, or is plainly wrong. False: it has to be asked.
    bool answer_at_once() noexcept;
    /// Asks the C library. It may take its time.
    void ask() noexcept;

    [[nodiscard]] std::error_code error() const noexcept;
    [[nodiscard]] std::string describe() const;

    const direction way;
    const std::string host;
    const std::string service;
    const look_up_hints hints;
    const ip::endpoint endpoint;

    int status = 0;        // getaddrinfo's EAI_..., or ours
    int system_error = 0;  // with EAI_SYSTEM
    names_found found;

    // The pool's, under its lock.
    enum class phase : std::uint8_t { idle, queued, running, abandoned };
    phase state = phase::idle;
    unsigned process = 0;  // the one that gave it to the pool: see this_process

    /// What ask() does. Tests put themselves in its place.
    using function = void(look_up& question);
    static std::atomic<function*> asked;

private:
    ~look_up() = default;
    void discard() noexcept override { delete this; }

    [[nodiscard]] bool is_plainly_wrong() noexcept;
    void ask_forward(int more_flags);
    void ask_reverse();
    static void ask_c_library(look_up& question);
};

}  // namespace coil::COIL_ABI::detail
