// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/resolver/resolver.hpp>

#include <algorithm>
#include <netdb.h>
#include <sys/socket.h>

#include "resolver/look_up.hpp"

namespace coil::COIL_ABI {
namespace detail {
namespace {

worker_threads::limits limits_of(const ip::resolver_base::options& chosen) noexcept {
    return {std::max(1u, chosen.threads), chosen.extra_threads, chosen.queue_max};
}

// The threads that call the C library. The process has a single set of these threads. The set is never
// destroyed, so process exit does not wait for a name server.
worker_threads& look_up_threads() {
    static worker_threads* const threads =
        new worker_threads("coil resolver", limits_of({}), make_error_code(error::resolver_busy));
    return *threads;
}

}  // namespace

// ---- the query -------------------------------------------------------------------------------------------

unsubmitted_look_up make_look_up(std::string_view host, std::string_view service,
                                 const look_up_hints& hints) {
    return unsubmitted_look_up(new look_up(host, service, hints));
}

unsubmitted_look_up make_look_up(const ip::endpoint& endpoint, int type, int flags) {
    return unsubmitted_look_up(new look_up(endpoint, flags | (type == SOCK_DGRAM ? NI_DGRAM : 0)));
}

void look_up_discard::operator()(look_up* query) const noexcept {
    query->release();  // the reference that was meant for a lookup thread
    query->release();
}

environment& foreign_environment_of(const resolver_waits& waits) {
    io_context* context = waits.context.get();
    if (!context)
        throw_failure(error::operation_aborted, "a resolver whose io_context has ended");
    return context->foreign_environment();
}

// ---- the waiter ------------------------------------------------------------------------------------------

resolve_operation_base::resolve_operation_base(std::shared_ptr<resolver_waits> waits,
                                               unsubmitted_look_up query, environment& task) noexcept
    : awaited(task), query_(query.release()), waits_(std::move(waits)), place_(*this) {
    COIL_PRECONDITION(query_, "resolver: one resolve() awaited twice; call resolve() again");
}

resolve_operation_base::~resolve_operation_base() {
    query_->leave();
    if (is_submitted_ && !query_->is_complete())
        abandon_query();
    if (!is_submitted_)
        query_->release();  // the reference that was meant for a lookup thread
    query_->release();
}

bool resolve_operation_base::await_ready() noexcept {
    if (env().stop_requested() || !waits_->owner.admits(env().scheduler()))
        return false;
    completes_later_ = !env().scheduler().may_complete_inline();
    return !completes_later_ && query_->answer_inline();
}

void resolve_operation_base::await_suspend(std::coroutine_handle<> waiter) {
    if (!waits_->owner.admits(env().scheduler()))
        waits_->owner.refuse(*this);
    io_context::of(env()).check_thread(*this);
    suspend(waiter);
    if (is_refused() || waits_->is_over)
        return give_up(make_error_code(error::operation_aborted));
    if (completes_later_ && query_->answer_inline())
        return env().scheduler().schedule(*this);
    static_cast<void>(query_->expect(*this));
    is_submitted_ = true;
    if (const std::error_code refused = look_up_threads().submit(*query_)) {
        is_submitted_ = false;
        query_->withdraw();
        return give_up(refused);
    }
    waits_->waiting.push_back(place_);
}

void resolve_operation_base::abort() noexcept {
    if (!is_submitted_ || !query_->withdraw())
        return;  // not submitted, or complete and about to resume the waiter
    abandon_query();
    give_up(make_error_code(error::operation_aborted));
}

// Withdraws the query if it has not begun. If the query is running, its thread frees the result.
void resolve_operation_base::abandon_query() noexcept {
    if (look_up_threads().abandon(*query_))
        is_submitted_ = false;
}

void resolve_operation_base::give_up(std::error_code why) noexcept {
    place_.unlink();
    error_ = why;
    env().scheduler().schedule(*this);
}

std::error_code resolve_operation_base::finish() noexcept {
    place_.unlink();
    query_->leave();
    if (!error_)
        error_ = query_->error();
    return error_;
}

std::string resolve_operation_base::describe() const { return query_->describe(); }

names_found& resolve_operation_base::found() const noexcept { return query_->found; }
const std::string& resolve_operation_base::host() const noexcept { return query_->host; }
const std::string& resolve_operation_base::service() const noexcept { return query_->service; }

}  // namespace detail

// ---- the resolver ----------------------------------------------------------------------------------------

namespace ip {

static_assert(resolver_base::passive == AI_PASSIVE && resolver_base::canonical_name == AI_CANONNAME &&
              resolver_base::numeric_host == AI_NUMERICHOST && resolver_base::v4_mapped == AI_V4MAPPED &&
              resolver_base::all_matching == AI_ALL && resolver_base::address_configured == AI_ADDRCONFIG &&
              resolver_base::numeric_service == AI_NUMERICSERV);

void resolver_base::set_options(const options& chosen) {
    detail::look_up_threads().set_limits(detail::limits_of(chosen));
}

resolver_base::counters resolver_base::metrics() {
    const auto now = detail::look_up_threads().metrics();
    return {now.threads, now.running, now.abandoned, now.queued};
}

resolver_base& resolver_base::operator=(resolver_base&& other) noexcept {
    if (this != &other) {
        end();
        affinity_ = other.affinity_;
        context_ = other.context_;
        waits_ = std::move(other.waits_);
    }
    return *this;
}

// Begins with the newest lookup, so that queued queries are cancelled before running queries are abandoned.
// Abandoning a running query may start a replacement thread, and that thread would otherwise begin a queued
// query that is about to be cancelled.
void resolver_base::cancel() noexcept {
    affinity_.require_thread("resolver: cancelled or destroyed");
    while (waits_ && !waits_->waiting.empty()) {
        coil::detail::resolve_place& place = waits_->waiting.back();
        place.unlink();  // even if the query has completed
        if (!affinity_.has_ended())
            place.waiter().abort();
    }
}

void resolver_base::end() noexcept {
    cancel();
    if (waits_)
        waits_->is_over = true;
}

}  // namespace ip
}  // namespace coil::COIL_ABI
