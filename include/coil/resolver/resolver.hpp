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
struct write_the_port_as_a_text {};  // this name appears in the compiler's error message
}  // namespace coil::COIL_ABI::detail

namespace coil::COIL_ABI::ip {

/// The endpoints of a name, in the order in which a client should try them (RFC 6724).
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

    /// The host and the service that were looked up.
    [[nodiscard]] const std::string& host_name() const noexcept { return host_name_; }
    [[nodiscard]] const std::string& service_name() const noexcept { return service_name_; }
    /// The host's canonical name if AI_CANONNAME was set, otherwise empty.
    [[nodiscard]] const std::string& canonical_name() const noexcept { return canonical_name_; }

private:
    std::vector<value_type> endpoints_;
    std::string host_name_;
    std::string service_name_;
    std::string canonical_name_;
};

/// The host name and the service name of an endpoint.
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

/// The base class of all resolvers. Programs use `tcp::resolver` or `udp::resolver`.
class resolver_base {
public:
    // The flags of getaddrinfo(3), with Asio's names. The names from <netdb.h> also work.
    static constexpr int passive = 0x01;             ///< AI_PASSIVE: an empty host means any local address
    static constexpr int canonical_name = 0x02;      ///< AI_CANONNAME
    static constexpr int numeric_host = 0x04;        ///< AI_NUMERICHOST: the host is an address; no lookup
    static constexpr int v4_mapped = 0x08;           ///< AI_V4MAPPED: mapped IPv4 if there is no IPv6 address
    static constexpr int all_matching = 0x10;        ///< AI_ALL: with v4_mapped, both IPv6 and mapped IPv4
    static constexpr int address_configured = 0x20;  ///< AI_ADDRCONFIG: only families with a local address
    static constexpr int numeric_service = 0x400;    ///< AI_NUMERICSERV: the service is a port number

    /// Options of the lookup threads. The process has one pool of these threads.
    struct options {
        unsigned threads = 4;  ///< maximum number of threads that serve pending lookups
        /// Maximum number of additional threads. The C library cannot be interrupted, so an abandoned lookup
        /// occupies its thread until the C library returns. An additional thread replaces such a thread. At
        /// most threads + extra_threads threads exist, and abandoned lookups can occupy all of them.
        unsigned extra_threads = 16;
        std::size_t queue_max = 1024;  ///< lookups that may wait for a thread; further ones fail
    };
    /// Sets the options, which take effect immediately. Thread-safe.
    static void set_options(const options& chosen);

    /// A snapshot of the pool's counters.
    struct counters {
        unsigned threads = 0;    ///< all threads; 0 before the first lookup
        unsigned running = 0;    ///< threads serving a pending lookup
        unsigned abandoned = 0;  ///< threads stuck in an abandoned lookup
        std::size_t queued = 0;  ///< lookups waiting for a thread
    };
    [[nodiscard]] static counters metrics();

    [[nodiscard]] io_context& context() const noexcept { return *context_; }

    /// Immediately ends all pending lookups with operation_aborted. The resolver stays usable.
    void cancel() noexcept;

protected:
    explicit resolver_base(io_context& context) noexcept : context_(context), affinity_(context) {}
    resolver_base(resolver_base&& other) noexcept
        // The moved-from resolver stays usable. NOLINTNEXTLINE(performance-move-constructor-init)
        : context_(other.context_), affinity_(other.affinity_), waits_(std::move(other.waits_)) {}
    resolver_base& operator=(resolver_base&& other) noexcept;
    ~resolver_base() { end(); }

    /// Returns the state that descriptions share with this resolver. The first lookup allocates this state.
    [[nodiscard]] const std::shared_ptr<coil::detail::resolver_waits>& waits() {
        if (!waits_)
            waits_ = std::make_shared<coil::detail::resolver_waits>(context_, affinity_);
        return waits_;
    }

private:
    void end() noexcept;

    detail::context_ref context_;
    detail::affinity affinity_;
    std::shared_ptr<coil::detail::resolver_waits> waits_;
};

template <class Protocol>
class [[nodiscard("co_await it")]] resolve_operation final : public detail::resolve_operation_base {
public:
    using results = resolver_results<Protocol>;

    resolve_operation(std::shared_ptr<detail::resolver_waits> waits, detail::unsubmitted_look_up query,
                      detail::environment& task) noexcept
        : resolve_operation_base(std::move(waits), std::move(query), task) {}

    outcome<results> await_outcome() {
        if (const std::error_code error = finish())
            return error;
        return take();
    }
    results await_resume() {
        if (const std::error_code error = finish())
            detail::throw_failure(error, describe());
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
                               detail::unsubmitted_look_up query, detail::environment& task) noexcept
        : resolve_operation_base(std::move(waits), std::move(query), task) {}

    outcome<endpoint_name> await_outcome() {
        if (const std::error_code error = finish())
            return error;
        return take();
    }
    endpoint_name await_resume() {
        if (const std::error_code error = finish())
            detail::throw_failure(error, describe());
        return take();
    }

private:
    endpoint_name take() {
        return endpoint_name(std::move(found().host_name), std::move(found().service_name));
    }
};

/// The awaitable that resolve() returns. It holds the query and the state shared with the resolver. It can be
/// awaited once, at any later time, even after the resolver has been moved. If the resolver has been
/// destroyed, the await ends with operation_aborted.
template <class Operation>
class [[nodiscard("co_await it")]] resolve_description
    : public coil::detail::co_await_is_missing<coil::detail::await_result<Operation>,
                                               resolve_description<Operation>> {
public:
    resolve_description(std::shared_ptr<detail::resolver_waits> waits,
                        detail::unsubmitted_look_up query) noexcept
        : waits_(std::move(waits)), query_(std::move(query)) {}

    Operation operation_in(detail::environment& task) && {
        return {std::move(waits_), std::move(query_), task};
    }
    detail::environment& foreign_environment() const { return detail::foreign_environment_of(*waits_); }

private:
    std::shared_ptr<detail::resolver_waits> waits_;
    detail::unsubmitted_look_up query_;
};

/// Looks up the addresses of a name with getaddrinfo(3), and the name of an address with getnameinfo(3). The
/// interface follows Asio's resolver. Programs use this class as `tcp::resolver` or `udp::resolver`.
///
///     tcp::resolver resolver(context);
///     auto found = co_await resolver.resolve("www.example.org", "https");
///     tcp::socket socket = co_await coil::connect(context, found);
///
/// The C library does the lookup, so the machine's whole configuration applies (/etc/hosts, nsswitch.conf,
/// resolv.conf). Because the C library blocks, lookups run on a few threads, which the whole process shares
/// (see `options`). These threads start on demand, and block all signals except SIGPROF and signals raised by
/// a fault in the thread. A lookup of a numeric address and a numeric port completes inline, without a
/// thread.
///
/// The C library cannot be interrupted. If a wait is cancelled, the thread that runs the lookup therefore
/// continues until the name servers answer or the timeout in resolv.conf has passed. Up to `extra_threads`
/// such threads do not count against `threads`, so new threads can replace them. Lookups that find no free
/// thread are queued. If `queue_max` lookups are already queued, further ones fail with error::resolver_busy.
///
/// Threads:  the context's thread only.
/// Moves:    allowed, even during a lookup, and between resolve() and its await.
/// Lifetime: the destructor ends all pending lookups with operation_aborted. The resolver's destructor, the
///           context's destructor and process exit never wait for a name server.
template <class Protocol>
class basic_resolver : public resolver_base {
public:
    using protocol_type = Protocol;
    using endpoint_type = typename Protocol::endpoint;
    using results_type = resolver_results<Protocol>;

    explicit basic_resolver(io_context& context) noexcept : resolver_base(context) {}

    /// Looks up the endpoints of a service on a host. The host is a name or an address. The service is a name
    /// such as "http" or a port number; an empty service means port 0. Both strings are copied. With
    /// AI_PASSIVE and an empty host, returns the addresses to listen on.
    /// Completes: with at least one endpoint.
    /// Errors:    in error::resolver_category(): host_not_found, host_not_found_try_again, service_not_found,
    ///            no_host, no_port, resolver_busy and others. If a system call fails or the first thread
    ///            cannot be started, the error is an errno (std::system_category or std::generic_category).
    /// Cancel:    operation_aborted, immediately, without waiting for the name servers.
    /// Flags:     the AI_... flags of getaddrinfo(3).
    /// Cost:      two or three allocations, two hand-overs between threads, and the cost of the C library.
    [[nodiscard("co_await it")]] auto resolve(std::string_view host, std::string_view service,
                                              int flags = 0) {
        return forward(host, service, flags, AF_UNSPEC);
    }
    /// Looks up endpoints of one address family only.
    [[nodiscard("co_await it")]] auto resolve(const Protocol& protocol, std::string_view host,
                                              std::string_view service, int flags = 0) {
        return forward(host, service, flags, protocol.family());
    }

    // These overloads reject a number as the service. Without them, a literal 0 would convert to a null
    // pointer, and the null pointer to a string.
    template <std::integral Port>
    void resolve(std::string_view host, Port, coil::detail::write_the_port_as_a_text = {}) = delete;
    template <std::integral Port>
    void resolve(const Protocol&, std::string_view, Port,
                 coil::detail::write_the_port_as_a_text = {}) = delete;

    /// Looks up an endpoint's host name and service name. If there is no host name or no service name, the
    /// result contains the address or the port as text instead.
    /// Completes: with an `endpoint_name`.
    /// Errors:    host_not_found (only with NI_NAMEREQD), host_not_found_try_again. Without NI_NAMEREQD, a
    ///            lookup may complete with the numeric address instead of host_not_found_try_again.
    /// Cancel:    operation_aborted, immediately.
    /// Flags:     the NI_... flags of getnameinfo(3). With NI_NUMERICHOST and NI_NUMERICSERV, the lookup
    ///            completes inline. A udp::resolver adds NI_DGRAM.
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

// Lets argument-dependent lookup find operator co_await in coroutines that are not tasks.
using coil::operator co_await;

static_assert(!std::is_aggregate_v<endpoint_name>);

}  // namespace coil::COIL_ABI::ip
