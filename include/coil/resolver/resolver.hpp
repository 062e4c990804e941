// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include <coil/base/endpoint.hpp>
#include <coil/base/outcome.hpp>
#include <coil/coro/environment.hpp>
#include <coil/loop/io_context.hpp>
#include <coil/resolver/error.hpp>
#include <coil/resolver/resolve.hpp>

namespace coil::COIL_ABI::detail {
struct write_the_port_as_a_text {};  // the compiler prints this name in its error
}  // namespace coil::COIL_ABI::detail

namespace coil::COIL_ABI::ip {

/// What a name stands for: a range of endpoints, in the order in which they are to be tried (RFC 6724).
template <class Protocol>
class [[nodiscard("look at it")]] resolver_results {
public:
    using value_type = typename Protocol::endpoint;
    using const_iterator = typename std::vector<value_type>::const_iterator;
    using iterator = const_iterator;

    resolver_results() noexcept = default;
    resolver_results(const std::vector<endpoint>& endpoints, std::string host, std::string service,
                     std::string canonical)
        : host_name_(std::move(host)),
          service_name_(std::move(service)),
          canonical_name_(std::move(canonical)) {
        endpoints_.reserve(endpoints.size());
        for (const endpoint& each: endpoints)
            endpoints_.emplace_back(each);
    }

    [[nodiscard]] const_iterator begin() const noexcept { return endpoints_.begin(); }
    [[nodiscard]] const_iterator end() const noexcept { return endpoints_.end(); }
    [[nodiscard]] std::size_t size() const noexcept { return endpoints_.size(); }
    [[nodiscard]] bool empty() const noexcept { return endpoints_.empty(); }
    [[nodiscard]] const value_type& front() const noexcept { return endpoints_.front(); }
    [[nodiscard]] const value_type& operator[](std::size_t i) const noexcept { return endpoints_[i]; }

    /// What was asked for.
    [[nodiscard]] const std::string& host_name() const noexcept { return host_name_; }
    [[nodiscard]] const std::string& service_name() const noexcept { return service_name_; }
    /// What the host is called where its addresses are: with AI_CANONNAME, else empty.
    [[nodiscard]] const std::string& canonical_name() const noexcept { return canonical_name_; }

private:
    std::vector<value_type> endpoints_;
    std::string host_name_;
    std::string service_name_;
    std::string canonical_name_;
};

/// What an endpoint is called.
class [[nodiscard("look at it")]] endpoint_name {
public:
    endpoint_name() noexcept = default;
    endpoint_name(std::string host, std::string service) noexcept
        : host_name_(std::move(host)), service_name_(std::move(service)) {}

    [[nodiscard]] const std::string& host_name() const noexcept { return host_name_; }
    [[nodiscard]] const std::string& service_name() const noexcept { return service_name_; }

private:
    std::string host_name_;
    std::string service_name_;
};

/// What all resolvers have in common. Users hold a `tcp::resolver` or a `udp::resolver`.
class resolver_base {
public:
    // getaddrinfo(3)'s flags, by Asio's names. Those of <netdb.h> will do as well.
    static constexpr int passive = 0x01;         ///< AI_PASSIVE: to listen on; without a host, any address
    static constexpr int canonical_name = 0x02;  ///< AI_CANONNAME
    static constexpr int numeric_host = 0x04;    ///< AI_NUMERICHOST: it is an address, and nobody is asked
    static constexpr int v4_mapped = 0x08;       ///< AI_V4MAPPED: where IPv6 is wanted, and there is none
    static constexpr int all_matching = 0x10;    ///< AI_ALL: with v4_mapped, these as well
    static constexpr int address_configured = 0x20;  ///< AI_ADDRCONFIG: only families that this machine has
    static constexpr int numeric_service = 0x400;    ///< AI_NUMERICSERV: it is a port's number

    /// Of the threads that look names up: one pool for the process.
    struct limits {
        unsigned threads = 4;  ///< at most so many look for what somebody waits for
        /// And so many for what nobody waits for any more: the C library can't be interrupted.
        unsigned abandoned_max = 16;
        std::size_t queue_max = 1024;  ///< so many may wait for a thread: one more is refused
    };
    /// From now on, from any thread.
    static void set_limits(const limits& chosen);

    /// At this moment.
    struct counters {
        unsigned threads = 0;    ///< that there are: none before the first name
        unsigned running = 0;    ///< of these, at work for somebody who waits
        unsigned abandoned = 0;  ///< at work for nobody
        std::size_t queued = 0;  ///< questions that wait for a thread
    };
    [[nodiscard]] static counters metrics();

    [[nodiscard]] io_context& context() const noexcept { return *context_; }

    /// Ends all that is being looked up with operation_aborted, at once. The resolver stays usable.
    void cancel() noexcept;

protected:
    explicit resolver_base(io_context& context) noexcept : context_(context), affinity_(context) {}
    resolver_base(resolver_base&& other) noexcept
        // The other resolver stays usable. NOLINTNEXTLINE(performance-move-constructor-init)
        : context_(other.context_), affinity_(other.affinity_), waits_(std::move(other.waits_)) {}
    resolver_base& operator=(resolver_base&& other) noexcept;
    ~resolver_base() { end(); }

    /// For a description. The block exists from the first question on.
    [[nodiscard]] const std::shared_ptr<coil::detail::resolver_waits>& waits() {
        if (!waits_)
            waits_ = std::make_shared<coil::detail::resolver_waits>(context_, affinity_);
        return waits_;
    }

private:
    void end() noexcept;

    context_ref context_;
    affinity affinity_;
    std::shared_ptr<coil::detail::resolver_waits> waits_;
};

template <class Protocol>
class [[nodiscard("co_await it")]] resolve_operation final : public detail::resolve_operation_base {
public:
    using results = resolver_results<Protocol>;

    resolve_operation(std::shared_ptr<detail::resolver_waits> waits, detail::unasked_look_up question,
                      environment& task) noexcept
        : resolve_operation_base(std::move(waits), std::move(question), task) {}

    outcome<results> await_outcome() {
        if (const std::error_code error = finish())
            return error;
        return take();
    }
    results await_resume() {
        if (const std::error_code error = finish())
            throw_failure(error, describe());
        return take();
    }

private:
    results take() {
        return results(found().endpoints, host(), service(), std::move(found().canonical_name));
    }
};

class [[nodiscard("co_await it")]] resolve_endpoint_operation final : public detail::resolve_operation_base {
public:
    resolve_endpoint_operation(std::shared_ptr<detail::resolver_waits> waits,
                               detail::unasked_look_up question, environment& task) noexcept
        : resolve_operation_base(std::move(waits), std::move(question), task) {}

    outcome<endpoint_name> await_outcome() {
        if (const std::error_code error = finish())
            return error;
        return take();
    }
    endpoint_name await_resume() {
        if (const std::error_code error = finish())
            throw_failure(error, describe());
        return take();
    }

private:
    endpoint_name take() {
        return endpoint_name(std::move(found().host_name), std::move(found().service_name));
    }
};

/// It holds the names, and what it shares with its resolver. So it is awaited once, need not be at once, and the resolver may move
/// before. If the resolver is destroyed before, the await ends with operation_aborted.
template <class Operation>
class [[nodiscard("co_await it")]] resolve_description {
public:
    resolve_description(std::shared_ptr<detail::resolver_waits> waits,
                        detail::unasked_look_up question) noexcept
        : waits_(std::move(waits)), question_(std::move(question)) {}

    Operation operation_in(environment& task) && { return {std::move(waits_), std::move(question_), task}; }
    environment& foreign_environment() const { return detail::foreign_environment_of(*waits_); }

private:
    std::shared_ptr<detail::resolver_waits> waits_;
    detail::unasked_look_up question_;
};

/// Looks up names: getaddrinfo(3), and getnameinfo(3) the other way. In the manner of Asio; users write `tcp::resolver`.
///
///     tcp::resolver resolver(context);
///     auto found = co_await resolver.resolve("www.example.org", "https");
///     tcp::socket socket = co_await coil::connect(context, found);
///
/// All that the machine is configured for counts (/etc/hosts, nsswitch.conf, resolv.conf), because it is the C library that
/// looks; it blocks, so it does on threads of its own, of which the process has a few (`limits`). A thread is started when it
/// is first needed, and blocks all signals. A numeric address with a numeric port is answered at once, without them.
///
/// The C library can't be interrupted. Whoever stops waiting leaves its thread behind, until the name servers have answered or
/// resolv.conf's timeout has passed; that thread no longer counts among `threads`, so others go on, unless there are
/// `abandoned_max` of these as well. Then look-ups wait, as long as those who asked do, up to `queue_max`; one more fails with
/// error::resolver_busy.
///
/// Threads:  its context's.
/// Moves:    also while names are looked up, and between resolve() and its await.
/// Lifetime: its destructor ends what is being looked up with operation_aborted. Neither that, nor the context's, nor the
///           process' end waits for a name server.
template <class Protocol>
class basic_resolver : public resolver_base {
public:
    using protocol_type = Protocol;
    using endpoint_type = typename Protocol::endpoint;
    using results_type = resolver_results<Protocol>;

    explicit basic_resolver(io_context& context) noexcept : resolver_base(context) {}

    /// The endpoints of a service (a name, as "http", or a port's number; empty: 0) on a host (a name or an address). Both are
    /// copied. With AI_PASSIVE, and no host, the addresses to listen on.
    /// Completes: with one endpoint or more.
    /// Errors:    of error::resolver_category(): host_not_found, host_not_found_try_again, service_not_found, no_host, no_port,
    ///            resolver_busy ...; std::system_category's where the system fails; a first thread that can't be had.
    /// Cancel:    operation_aborted, at once: nobody waits for the name servers.
    /// Flags:     getaddrinfo(3)'s AI_...
    /// Cost:      two or three allocations; two hand-overs between threads, and whatever the C library does there.
    [[nodiscard("co_await it")]] auto resolve(std::string_view host, std::string_view service,
                                              int flags = 0) {
        return forward(host, service, flags, AF_UNSPEC);
    }
    /// Of one family only.
    [[nodiscard("co_await it")]] auto resolve(const Protocol& protocol, std::string_view host,
                                              std::string_view service, int flags = 0) {
        return forward(host, service, flags, protocol.family());
    }

    // A literal 0 would be a null pointer, and so a text.
    template <std::integral Port>
    void resolve(std::string_view host, Port, coil::detail::write_the_port_as_a_text = {}) = delete;
    template <std::integral Port>
    void resolve(const Protocol&, std::string_view, Port,
                 coil::detail::write_the_port_as_a_text = {}) = delete;

    /// What an endpoint is called: an `endpoint_name`. Where nobody knows, the numbers are its name.
    /// Completes, cancel: as above.
    /// Errors:    with NI_NAMEREQD, host_not_found; host_not_found_try_again, which without it may be told as numbers, too.
    /// Flags:     getnameinfo(3)'s NI_...; with NI_NUMERICHOST and NI_NUMERICSERV nobody is asked. A udp::resolver adds
    ///            NI_DGRAM itself.
    [[nodiscard("co_await it")]] resolve_description<resolve_endpoint_operation> resolve(
        const endpoint_type& endpoint, int flags = 0) {
        return {waits(), detail::make_look_up(endpoint, endpoint.protocol().type(), flags)};
    }

private:
    resolve_description<resolve_operation<Protocol>> forward(std::string_view host, std::string_view service,
                                                             int flags, int family) {
        const Protocol any = Protocol::v4();
        return {waits(), detail::make_look_up(host, service, {flags, family, any.type(), any.protocol()})};
    }
};

// Coroutines that are not tasks look for it in the namespace of what they await.
using coil::operator co_await;

static_assert(!std::is_aggregate_v<endpoint_name>);

}  // namespace coil::COIL_ABI::ip
