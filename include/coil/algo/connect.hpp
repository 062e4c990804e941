// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <chrono>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <coil/base/endpoint.hpp>
#include <coil/base/outcome.hpp>
#include <coil/base/time.hpp>
#include <coil/coro/environment.hpp>
#include <coil/coro/frame_allocator.hpp>
#include <coil/coro/safe_closure.hpp>
#include <coil/loop/io_context.hpp>
#include <coil/loop/timers.hpp>
#include <coil/op/connect.hpp>
#include <coil/sync/parallel.hpp>

namespace coil::COIL_ABI {

struct connect_options {
    /// The delay after which the next attempt begins in parallel. RFC 8305 recommends 250 ms and forbids less
    /// than 10 ms.
    steady_clock::duration attempt_delay = std::chrono::milliseconds(250);
};

namespace detail {

/// Runs connection attempts in parallel. The first attempt to succeed wins. The derived class owns the
/// sockets. A name may have thousands of addresses that do not answer, so at most eight attempts run at the
/// same time, and an error text lists at most eight endpoints.
///
///     not begun --delay--> in progress --connected--> winner: stops the others, and no more attempts begin
///                                      --failed-----> the next attempt begins immediately
class connect_race : public parallel_operation {
public:
    void await_suspend(std::coroutine_handle<> waiter);
    void stop() noexcept override;
    std::string describe() const override;

protected:
    /// Orders the endpoints so that the address families alternate (RFC 8305, section 4).
    connect_race(const std::vector<ip::endpoint>& endpoints, const connect_options& chosen,
                 environment& task);
    ~connect_race() override = default;

    /// Creates a socket for the endpoint `peer`, and the branch that connects the socket.
    virtual branch_base& make_attempt(std::size_t index, const ip::endpoint& peer) = 0;
    /// Closes the socket of attempt `index`, which connected too late to win.
    virtual void drop(std::size_t index) noexcept = 0;

    [[nodiscard]] std::size_t count() const noexcept final { return entries_.size(); }
    [[nodiscard]] branch_base& at(std::size_t index) const noexcept final { return *entries_[index].attempt; }
    /// Returns an empty error code if an attempt succeeded, otherwise the error of connect(). If starting an
    /// attempt threw an exception other than std::system_error, this function throws that exception.
    [[nodiscard]] std::error_code failure() const;
    [[nodiscard]] std::size_t winner() const noexcept { return winner_; }

private:
    class alarm final : public timer_entry {
    public:
        explicit alarm(connect_race& owner) noexcept : owner_(owner) {}
        std::coroutine_handle<> run() noexcept override {
            owner_.begin_next();
            return nullptr;
        }

    private:
        connect_race& owner_;
    };

    void begin_next() noexcept;
    [[nodiscard]] bool begin(std::size_t index) noexcept;
    void begin_no_more() noexcept;
    void ended(std::size_t index) noexcept final;
    void failed(std::size_t index, std::error_code error) noexcept;

    static constexpr std::size_t under_way_max = 8;
    static constexpr std::size_t named_max = 8;

    struct entry {
        ip::endpoint peer;
        branch_base* attempt;  // null until the attempt begins
        std::error_code failure;
    };
    std::vector<entry> entries_;  // in the order in which the attempts begin
    steady_clock::duration attempt_delay_;
    alarm alarm_;
    std::size_t next_ = 0;       // the first attempt that has not begun
    std::size_t under_way_ = 0;  // attempts in progress
    std::size_t winner_ = no_branch;
    std::error_code error_;  // the most informative failure
    std::exception_ptr bug_;
};

template <class Range>
using endpoint_in = std::remove_cvref_t<decltype(*std::declval<const Range&>().begin())>;
template <class Range>
concept range_of_endpoints = std::derived_from<endpoint_in<Range>, ip::endpoint> &&
                             requires { typename endpoint_in<Range>::protocol_type::socket; };

/// The type of connect()'s parameter `prepare` if the caller passes no function. In this case, an attempt
/// does not call open(), because the socket's own connect() opens a closed socket.
struct no_socket_options {};

template <class Protocol, class F>
class [[nodiscard("co_await it")]] connect_race_operation final : public connect_race {
    using socket_type = typename Protocol::socket;

public:
    connect_race_operation(io_context& context, const std::vector<ip::endpoint>& endpoints,
                           const connect_options& chosen, F&& prepare, environment& task)
        : connect_race(endpoints, chosen, task),
          context_(&context),
          prepare_(std::move(prepare)),
          attempts_(count()) {}
    connect_race_operation(const connect_race_operation&) = delete;
    connect_race_operation& operator=(const connect_race_operation&) = delete;

    outcome<socket_type> await_outcome() {
        if (const std::error_code error = failure())
            return error;
        return take();
    }
    socket_type await_resume() {
        if (const std::error_code error = failure())
            throw_failure(error, describe());
        return take();
    }

private:
    // A socket and the branch that connects the socket. The branch is declared last, so that it is destroyed
    // before the socket.
    class attempt {
    public:
        explicit attempt(io_context& context) noexcept : socket(context) {}

        static void* operator new(std::size_t size) { return frame_allocate(size); }
        static void operator delete(void* block, std::size_t size) noexcept { frame_deallocate(block, size); }

        socket_type socket;
        std::optional<branch<op::connect_description<typename Protocol::endpoint>>> connecting;
    };

    branch_base& make_attempt(std::size_t index, const ip::endpoint& peer) override {
        const typename Protocol::endpoint endpoint(peer);
        std::unique_ptr<attempt> made(new attempt(*context_));
        if constexpr (!std::is_same_v<F, detail::no_socket_options>) {
            made->socket.open(endpoint.protocol());
            prepare_(made->socket);
        }
        made->connecting.emplace(detail::branch_seed<op::connect_description<typename Protocol::endpoint>>{
            *this, index, made->socket.connect(endpoint)});
        attempts_[index] = std::move(made);
        return *attempts_[index]->connecting;
    }
    void drop(std::size_t index) noexcept override { attempts_[index]->socket.close(); }

    socket_type take() { return std::move(attempts_[winner()]->socket); }

    io_context* context_;
    [[no_unique_address]] F prepare_;
    std::vector<std::unique_ptr<attempt>> attempts_;
};

template <class Protocol, class F>
class [[nodiscard("co_await it")]] connect_race_description
    : public co_await_is_missing<typename Protocol::socket, connect_race_description<Protocol, F>> {
public:
    template <class Range, class G>
    connect_race_description(io_context& context, const Range& endpoints, const connect_options& chosen,
                             G&& prepare)
        : context_(&context), chosen_(chosen), prepare_(std::forward<G>(prepare)) {
        if constexpr (requires { endpoints.size(); })
            endpoints_.reserve(endpoints.size());
        for (const auto& each: endpoints)
            endpoints_.push_back(each);
    }

    connect_race_operation<Protocol, F> operation_in(environment& task) && {
        return {*context_, endpoints_, chosen_, std::move(prepare_), task};
    }
    environment& foreign_environment() const noexcept { return context_->foreign_environment(); }

private:
    io_context* context_;
    std::vector<ip::endpoint> endpoints_;
    connect_options chosen_;
    [[no_unique_address]] F prepare_;
};

}  // namespace detail

/// Tries several endpoints, such as the IPv4 and IPv6 addresses of a host name, and connects to the endpoint
/// that answers first. For a single endpoint, use `socket.connect`.
///
///     tcp::resolver resolver(context);
///     auto found = co_await resolver.resolve("www.example.org", "https");
///     tcp::socket socket = co_await coil::timeout(coil::connect(context, found), 5s);
///
/// The algorithm is "Happy Eyeballs" (RFC 8305). Address families alternate, beginning with the first
/// endpoint's family; within a family, the given order is kept. The next attempt begins when an attempt has
/// failed, or after `attempt_delay`, while earlier attempts continue. At most eight attempts run at the same
/// time. The first connection wins. The other attempts are cancelled, and their sockets are closed, before
/// connect() completes.
///
/// `prepare` is called with each socket after it has been opened and before it connects, to set options or to
/// bind the socket. If `prepare` throws a `std::system_error`, only the attempt with that socket fails. Any
/// other exception ends all attempts and propagates.
///
///     co_await coil::connect(context, found,
///                            [](tcp::socket& socket) { socket.set_option(tcp::no_delay(true)); });
///
/// Completes: with the connected socket. The socket's remote_endpoint() is the endpoint that answered.
/// Errors:    if all attempts fail, the latest failure. Local failures (network_unreachable, EADDRNOTAVAIL,
///            EAFNOSUPPORT) are less informative, so one of them is returned only if all failures are local.
///            The exception's text lists at most eight endpoints, each with the reason for its failure. If
///            the range is empty, the error is error::not_found.
/// Cancel:    operation_aborted, and all sockets are closed. If a socket has already connected, connect()
///            returns that socket instead.
/// Buffer:    the endpoints are copied, so the range need not live until the await.
/// Cost:      for each attempt, one SQE, one socket(2) call and two recycled memory blocks. In addition,
///            three allocations and one timer for the whole call.
template <detail::range_of_endpoints Range, class F = detail::no_socket_options>
auto connect(io_context& context, const Range& endpoints, const connect_options& chosen, F&& prepare = F()) {
    using protocol = typename detail::endpoint_in<Range>::protocol_type;
    static_assert(std::is_same_v<F, detail::no_socket_options> ||
                      std::invocable<std::decay_t<F>&, typename protocol::socket&>,
                  "the function that prepares a socket takes it: [](tcp::socket& socket) { ... }");
    static_assert(
        detail::is_safe_closure<F>(),
        "g++ before 13 destroys such a closure twice: name the lambda and pass it by that name, or let it "
        "capture references only");
    return detail::connect_race_description<protocol, std::decay_t<F>>(context, endpoints, chosen,
                                                                       std::forward<F>(prepare));
}

template <detail::range_of_endpoints Range>
auto connect(io_context& context, const Range& endpoints) {
    return connect(context, endpoints, connect_options());
}

template <detail::range_of_endpoints Range, class F>
    requires(!std::same_as<std::decay_t<F>, connect_options>)
auto connect(io_context& context, const Range& endpoints, F&& prepare) {
    return connect(context, endpoints, connect_options(), std::forward<F>(prepare));
}

}  // namespace coil::COIL_ABI
