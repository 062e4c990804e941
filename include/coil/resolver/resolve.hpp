// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coroutine>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <coil/base/endpoint.hpp>
#include <coil/base/intrusive_list.hpp>
#include <coil/coro/affinity.hpp>
#include <coil/coro/environment.hpp>
#include <coil/loop/context_ref.hpp>

/// What the resolvers of all protocols have in common: a question for the C library, and whoever waits for its answer.

namespace coil::COIL_ABI::detail {

class look_up;

/// What the C library has found.
struct names_found {
    std::vector<ip::endpoint> endpoints;
    std::string canonical_name;
    std::string host_name;
    std::string service_name;
};

/// What is to be looked up, as long as nobody has asked.
struct look_up_discard {
    void operator()(look_up* question) const noexcept;
};
using unasked_look_up = std::unique_ptr<look_up, look_up_discard>;

/// Which endpoints are wanted: getaddrinfo(3)'s hints.
struct look_up_hints {
    int flags;
    int family;  // AF_UNSPEC: any
    int type;
    int protocol;
};
[[nodiscard]] unasked_look_up make_look_up(std::string_view host, std::string_view service,
                                           const look_up_hints& hints);
[[nodiscard]] unasked_look_up make_look_up(const ip::endpoint& endpoint, int type, int flags);

class resolve_operation_base;

/// A resolver's list of those who wait with it. Their own links are the scheduler's.
class resolve_place : public list_hook {
public:
    explicit resolve_place(resolve_operation_base& waiter) noexcept : waiter_(&waiter) {}
    [[nodiscard]] resolve_operation_base& waiter() const noexcept { return *waiter_; }

private:
    resolve_operation_base* waiter_;
};

/// What a resolver shares with its questions, also with those that are not awaited yet: it stays where it is when the resolver
/// moves.
struct resolver_waits {
    resolver_waits(context_ref of, const affinity& owned_by) noexcept
        : context(std::move(of)), owner(owned_by) {}

    context_ref context;
    affinity owner;
    intrusive_list<resolve_place> waiting;
    bool is_over = false;  // the resolver is gone, so what is awaited now ends with operation_aborted
};

/// Throws operation_aborted if the context has ended.
[[nodiscard]] environment& foreign_environment_of(const resolver_waits& waits);

/// A question's way to the threads that ask the C library, and back.
///
///     new --await--> answered at once (a number, or plainly wrong)
///     new --await--> queued --a thread takes it--> asked --answer--> over
///                    queued --stop, cancel, destroyed--> over, never asked
///                    asked  --stop, cancel, destroyed--> over; the thread frees what it finds
///
/// What the thread works on is a block of its own, which both sides hold: it never touches this.
class resolve_operation_base : public awaited {
public:
    [[nodiscard]] bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<> waiter);
    void stop() noexcept override { abort(); }
    /// Ends the wait. Whoever looks for the answer is let go.
    void abort() noexcept;
    std::string describe() const override;

protected:
    resolve_operation_base(std::shared_ptr<resolver_waits> waits, unasked_look_up question,
                           environment& task) noexcept;
    ~resolve_operation_base();

    /// First in await_resume and await_outcome.
    [[nodiscard]] std::error_code finish() noexcept;
    /// What was found, where finish() has told of no error.
    [[nodiscard]] names_found& found() const noexcept;
    [[nodiscard]] const std::string& host() const noexcept;
    [[nodiscard]] const std::string& service() const noexcept;

private:
    void give_up(std::error_code why) noexcept;
    void let_go() noexcept;

    look_up* question_;
    std::shared_ptr<resolver_waits> waits_;
    resolve_place place_;
    std::error_code error_;
    bool answers_later_ = false;  // the budget of inline completions is spent
    bool given_ = false;          // the threads have a reference to the question, and answer it
};

}  // namespace coil::COIL_ABI::detail
