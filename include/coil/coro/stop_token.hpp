// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <atomic>
#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace coil::COIL_ABI {

namespace detail {

class environment;
class inplace_stop_callback_base;

}  // namespace detail

class inplace_stop_token;
template <class F>
class inplace_stop_callback;

/// A stop flag that can be set once, from any thread. Code that has a token from get_token() can poll the
/// flag or register callbacks. This class is like `std::inplace_stop_source` of C++26, but needs only C++20.
/// To stop a whole task, use `stop_when`; for `std::stop_token`, see <coil/coro/std_stop_token.hpp>.
///
///     coil::inplace_stop_source source;
///     std::thread watchdog([&] { wait_for_a_reason(); source.request_stop(); });
///     co_await coil::stop_when(serve(), source.get_token());
///
/// Threads:  thread-safe.
/// Lifetime: must outlive its callbacks (checked) and every use of its tokens.
/// Cost:     no allocation; stop_requested() is one load.
class inplace_stop_source {
public:
    inplace_stop_source() noexcept = default;
    inplace_stop_source(const inplace_stop_source&) = delete;
    inplace_stop_source& operator=(const inplace_stop_source&) = delete;
    ~inplace_stop_source();

    /// Sets the flag and calls the callbacks on this thread before returning. Returns false if the flag was
    /// already set.
    bool request_stop() noexcept;

    // Uses acquire order, so that a thread that sees the request also sees all writes before the request.
    [[nodiscard]] bool stop_requested() const noexcept {
        return state_.load(std::memory_order_acquire) & requested;
    }
    static constexpr bool stop_possible() noexcept { return true; }
    [[nodiscard]] inplace_stop_token get_token() const noexcept;

private:
    friend class detail::environment;
    friend class detail::inplace_stop_callback_base;

    // Sets the flag with a single store. Use this only for a source that never handed out a token and
    // therefore has no callbacks.
    void request_unwatched() noexcept { unlock(requested); }

    static constexpr std::uint8_t requested = 1;
    static constexpr std::uint8_t locked = 2;  // the thread that sets this bit may access callbacks_

    // Adds a callback, unless a stop was already requested. In that case, returns false.
    bool add(detail::inplace_stop_callback_base& callback) const noexcept;
    void remove(detail::inplace_stop_callback_base& callback) const noexcept;
    std::uint8_t lock() const noexcept;
    void unlock(std::uint8_t state) const noexcept { state_.store(state, std::memory_order_release); }

    mutable std::atomic<std::uint8_t> state_{0};
    mutable detail::inplace_stop_callback_base* callbacks_ = nullptr;
    const void* notifier_ = nullptr;  // the thread that calls the callbacks
};

/// A non-owning view of a source. A default-constructed token is never stopped.
class inplace_stop_token {
public:
    template <class F>
    using callback_type = inplace_stop_callback<F>;

    inplace_stop_token() noexcept = default;

    [[nodiscard]] bool stop_requested() const noexcept { return source_ && source_->stop_requested(); }
    [[nodiscard]] bool stop_possible() const noexcept { return source_ != nullptr; }
    void swap(inplace_stop_token& other) noexcept { std::swap(source_, other.source_); }
    bool operator==(const inplace_stop_token&) const noexcept = default;

private:
    friend class inplace_stop_source;
    friend class detail::inplace_stop_callback_base;

    explicit inplace_stop_token(const inplace_stop_source& source) noexcept : source_(&source) {}

    const inplace_stop_source* source_ = nullptr;
};

inline inplace_stop_token inplace_stop_source::get_token() const noexcept {
    return inplace_stop_token(*this);
}

namespace detail {

/// The type-independent base class of a callback. It holds the links of the source's list of callbacks.
class inplace_stop_callback_base {
public:
    inplace_stop_callback_base(const inplace_stop_callback_base&) = delete;
    inplace_stop_callback_base& operator=(const inplace_stop_callback_base&) = delete;

protected:
    inplace_stop_callback_base(inplace_stop_token token, void (*call)(inplace_stop_callback_base&)) noexcept
        : source_(token.source_), call_(call) {}
    ~inplace_stop_callback_base() = default;

    /// Adds the callback to the source's list, or calls the function immediately if a stop was already
    /// requested. Call this last in the constructor.
    void enlist() noexcept {
        if (source_ && !source_->add(*this)) {
            source_ = nullptr;
            call_(*this);
        }
    }
    /// Removes the callback from the source's list. If another thread is running the callback's function,
    /// waits until the function has returned. Call this first in the destructor.
    void delist() noexcept {
        if (source_)
            source_->remove(*this);
    }

private:
    friend class coil::inplace_stop_source;

    const inplace_stop_source* source_;
    void (*call_)(inplace_stop_callback_base&);
    inplace_stop_callback_base* next_ = nullptr;
    inplace_stop_callback_base** link_ = nullptr;  // the list's pointer to this object; null if not listed
    bool* destroyed_ = nullptr;                    // set to true if the call destroys this object
    std::atomic<bool> over_{false};                // true after the call has returned
};

}  // namespace detail

/// Calls a function when a stop is requested. The call is made on the thread that requests the stop, or in
/// the constructor if a stop was requested earlier. After the destructor has returned, the function is not
/// running and will not be called.
template <class F>
class [[nodiscard("keep it: its destructor removes the callback")]] inplace_stop_callback
    : private detail::inplace_stop_callback_base {
public:
    using callback_type = F;

    template <class G>
        requires std::constructible_from<F, G>
    inplace_stop_callback(inplace_stop_token token,
                          G&& function) noexcept(std::is_nothrow_constructible_v<F, G>)
        : detail::inplace_stop_callback_base(token,
                                             [](detail::inplace_stop_callback_base& self) {
                                                 static_cast<inplace_stop_callback&>(self).function_();
                                             }),
          function_(std::forward<G>(function)) {
        enlist();
    }
    ~inplace_stop_callback() { delist(); }

private:
    F function_;
};

template <class F>
inplace_stop_callback(inplace_stop_token, F) -> inplace_stop_callback<F>;

/// The callback type for a token type. The name comes from C++26.
template <class Token, class F>
struct stop_callback_for {
    using type = typename Token::template callback_type<F>;
};
template <class Token, class F>
using stop_callback_for_t = typename stop_callback_for<Token, F>::type;

}  // namespace coil::COIL_ABI
