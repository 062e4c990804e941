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

class environment;
class inplace_stop_callback_base;
class inplace_stop_token;
template <class F>
class inplace_stop_callback;

/// Something that can be asked to stop, once, from any thread. Whoever holds a token of it can look whether that has
/// happened, or have a function called when it does. The standard's class of this name (C++26), for C++20.
/// What lets a whole task be stopped is `stop_when`; for `std::stop_token` see <coil/coro/std_stop_token.hpp>.
///
///     coil::inplace_stop_source source;
///     std::thread watchdog([&] { wait_for_a_reason(); source.request_stop(); });
///     co_await coil::stop_when(serve(), source.get_token());
///
/// Threads:  any, for all of it.
/// Lifetime: outlives its tokens' use and its callbacks (checked).
/// Cost:     no allocation; asking whether a stop was requested is one plain load.
class inplace_stop_source {
public:
    inplace_stop_source() noexcept = default;
    inplace_stop_source(const inplace_stop_source&) = delete;
    inplace_stop_source& operator=(const inplace_stop_source&) = delete;
    ~inplace_stop_source();

    /// Asks, and calls the callbacks, on this thread, before it returns. False if it was asked before.
    bool request_stop() noexcept;

    // Acquire: who sees the request sees what was written before it was made.
    [[nodiscard]] bool stop_requested() const noexcept {
        return state_.load(std::memory_order_acquire) & requested;
    }
    static constexpr bool stop_possible() noexcept { return true; }
    [[nodiscard]] inplace_stop_token get_token() const noexcept;

private:
    friend class environment;
    friend class inplace_stop_callback_base;

    // Asks where there is no token yet, and so nobody to call: one plain store.
    void request_unwatched() noexcept { unlock(requested); }

    static constexpr std::uint8_t requested = 1;
    static constexpr std::uint8_t locked = 2;  // whoever sets it may touch the list

    // False if a stop was requested: the list isn't locked then, and nothing more is added to it.
    bool add(inplace_stop_callback_base& callback) const noexcept;
    void remove(inplace_stop_callback_base& callback) const noexcept;
    std::uint8_t lock() const noexcept;
    void unlock(std::uint8_t state) const noexcept { state_.store(state, std::memory_order_release); }

    mutable std::atomic<std::uint8_t> state_{0};
    mutable inplace_stop_callback_base* callbacks_ = nullptr;
    const void* notifier_ = nullptr;  // the thread that calls them
};

/// A view of a source; an empty one is never stopped.
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
    friend class inplace_stop_callback_base;

    explicit inplace_stop_token(const inplace_stop_source& source) noexcept : source_(&source) {}

    const inplace_stop_source* source_ = nullptr;
};

inline inplace_stop_token inplace_stop_source::get_token() const noexcept {
    return inplace_stop_token(*this);
}

/// What all callbacks have in common: a place in the source's list.
class inplace_stop_callback_base {
public:
    inplace_stop_callback_base(const inplace_stop_callback_base&) = delete;
    inplace_stop_callback_base& operator=(const inplace_stop_callback_base&) = delete;

protected:
    inplace_stop_callback_base(inplace_stop_token token, void (*call)(inplace_stop_callback_base&)) noexcept
        : source_(token.source_), call_(call) {}
    ~inplace_stop_callback_base() = default;

    /// Last in the constructor: calls at once if the stop was requested.
    void enlist() noexcept {
        if (source_ && !source_->add(*this)) {
            source_ = nullptr;
            call_(*this);
        }
    }
    /// First in the destructor: waits for a call that another thread is in.
    void delist() noexcept {
        if (source_)
            source_->remove(*this);
    }

private:
    friend class inplace_stop_source;

    const inplace_stop_source* source_;
    void (*call_)(inplace_stop_callback_base&);
    inplace_stop_callback_base* next_ = nullptr;
    inplace_stop_callback_base** link_ = nullptr;  // what points here; null if this is not in the list
    bool* destroyed_ = nullptr;                    // where to tell the notifier so, in the midst of the call
    std::atomic<bool> over_{false};                // the call has returned
};

/// A function that is called when a stop is requested: on the thread that requests it, or in this constructor if that has
/// happened before. Once destroyed it isn't called, and is not being called, any more.
template <class F>
class [[nodiscard("keep it: it is removed when it is dropped")]] inplace_stop_callback
    : private inplace_stop_callback_base {
public:
    using callback_type = F;

    template <class G>
        requires std::constructible_from<F, G>
    inplace_stop_callback(inplace_stop_token token,
                          G&& function) noexcept(std::is_nothrow_constructible_v<F, G>)
        : inplace_stop_callback_base(token,
                                     [](inplace_stop_callback_base& self) {
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

/// The callback type of a kind of token: C++26's name.
template <class Token, class F>
struct stop_callback_for {
    using type = typename Token::template callback_type<F>;
};
template <class Token, class F>
using stop_callback_for_t = typename stop_callback_for<Token, F>::type;

}  // namespace coil::COIL_ABI
