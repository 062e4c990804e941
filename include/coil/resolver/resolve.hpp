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

/// Code shared by the resolvers of all protocols: a query for the C library, and the operation that waits for
/// the result of the query.

namespace coil::COIL_ABI::detail {

class look_up;

/// The result of a lookup.
struct names_found {
    std::vector<ip::endpoint> endpoints;
    std::string canonical_name;
    std::string host_name;
    std::string service_name;
};

/// Deletes a query that was never submitted, by dropping both references to it.
struct look_up_discard {
    void operator()(look_up* query) const noexcept;
};
using unsubmitted_look_up = std::unique_ptr<look_up, look_up_discard>;

/// Restricts a lookup to certain endpoints, as the hints of getaddrinfo(3) do.
struct look_up_hints {
    int flags;
    int family;  // AF_UNSPEC for any family
    int type;
    int protocol;
};
[[nodiscard]] unsubmitted_look_up make_look_up(std::string_view host, std::string_view service,
                                               const look_up_hints& hints);
[[nodiscard]] unsubmitted_look_up make_look_up(const ip::endpoint& endpoint, int type, int flags);

class resolve_operation_base;

/// Links an operation into its resolver's list of waiting operations. The operation's own links belong to the
/// scheduler.
class resolve_place : public list_hook {
public:
    explicit resolve_place(resolve_operation_base& waiter) noexcept : waiter_(&waiter) {}
    [[nodiscard]] resolve_operation_base& waiter() const noexcept { return *waiter_; }

private:
    resolve_operation_base* waiter_;
};

/// The state that a resolver shares with its operations and descriptions. The address of this state does not
/// change when the resolver is moved.
struct resolver_waits {
    resolver_waits(context_ref of, const affinity& owned_by) noexcept
        : context(std::move(of)), owner(owned_by) {}

    context_ref context;
    affinity owner;
    intrusive_list<resolve_place> waiting;
    bool is_over = false;  // the resolver has been destroyed; a later await ends with operation_aborted
};

/// Returns the environment in which coroutines that are not tasks await a lookup. Throws operation_aborted if
/// the resolver's context has ended.
[[nodiscard]] environment& foreign_environment_of(const resolver_waits& waits);

/// The base class of lookup operations. It passes a query to the threads that call the C library, and waits
/// for the result.
///
///     new --await--> completed inline (numeric, or with invalid arguments)
///     new --await--> queued --a thread takes it--> running --result--> over
///                    queued  --stop, cancel, destroyed--> over, never run
///                    running --stop, cancel, destroyed--> over; the thread frees the result
///
/// The thread works on a `look_up`, a heap block to which the thread and the operation each hold a reference.
/// The thread never accesses the operation.
class resolve_operation_base : public awaited {
public:
    [[nodiscard]] bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<> waiter);
    void stop() noexcept override { abort(); }
    /// Ends the wait. If the query is running, abandons the query.
    void abort() noexcept;
    std::string describe() const override;

protected:
    resolve_operation_base(std::shared_ptr<resolver_waits> waits, unsubmitted_look_up query,
                           environment& task) noexcept;
    ~resolve_operation_base() override;

    /// Ends the wait and returns its error, if there is one. Call this first in await_resume and
    /// await_outcome.
    [[nodiscard]] std::error_code finish() noexcept;
    /// Returns the result. Valid only if finish() has returned no error.
    [[nodiscard]] names_found& found() const noexcept;
    [[nodiscard]] const std::string& host() const noexcept;
    [[nodiscard]] const std::string& service() const noexcept;

private:
    void give_up(std::error_code why) noexcept;
    void abandon_query() noexcept;

    look_up* query_;
    std::shared_ptr<resolver_waits> waits_;
    resolve_place place_;
    std::error_code error_;
    bool completes_later_ = false;  // the budget for inline completions is used up
    bool is_submitted_ = false;     // the lookup threads hold a reference to the query, and complete it
};

}  // namespace coil::COIL_ABI::detail
