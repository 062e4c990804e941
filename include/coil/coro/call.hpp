// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <type_traits>
#include <utility>

#include <coil/coro/task.hpp>

/// Helpers for calling functions that return tasks. `co_spawn` and `task_group` call such a function with
/// copies of the arguments, which live in the frame of the coroutine that awaits the task.

namespace coil::COIL_ABI::detail {

/// Calls any callable, like std::invoke. For a member function, the first argument is the object, or a
/// pointer or std::reference_wrapper to it.
template <class F, class... Args>
decltype(auto) call(F& function, Args&&... args) {
    if constexpr (std::is_member_function_pointer_v<F>)
        return [&]<class Object, class... Rest>(Object&& object, Rest&&... rest) -> decltype(auto) {
            if constexpr (requires { (object.*function)(std::forward<Rest>(rest)...); })
                return (object.*function)(std::forward<Rest>(rest)...);
            else if constexpr (requires { (object.get().*function)(std::forward<Rest>(rest)...); })
                return (object.get().*function)(std::forward<Rest>(rest)...);  // a std::reference_wrapper
            else
                return ((*object).*function)(std::forward<Rest>(rest)...);
        }(std::forward<Args>(args)...);
    else
        return function(std::forward<Args>(args)...);
}

template <class T>
struct task_value;
template <class T>
struct task_value<task<T>> {
    using type = T;
};

template <class F, class... Args>
inline constexpr bool gives_task = false;
template <class F, class... Args>
    requires requires { typename task_value<std::invoke_result_t<F, Args...>>::type; }
inline constexpr bool gives_task<F, Args...> = true;

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<task<T>> = true;

/// The reason why a function cannot be spawned with copies of the arguments, or `none`.
enum class call_mistake { none, wants_reference, other_arguments, no_task };

/// True if the function accepts the caller's own objects but not copies of them.
template <class F, class... Args>
inline constexpr bool wants_references = !std::invocable<std::decay_t<F>&, std::decay_t<Args>...> &&
                                         std::invocable<std::decay_t<F>&, std::remove_reference_t<Args>&...>;

template <class F, class... Args>
consteval call_mistake mistake_in_call() {
    if constexpr (gives_task<std::decay_t<F>&, std::decay_t<Args>...>)
        return call_mistake::none;
    else if constexpr (wants_references<F, Args...>)
        return call_mistake::wants_reference;
    else if constexpr (!std::invocable<std::decay_t<F>&, std::decay_t<Args>...>)
        return call_mistake::other_arguments;
    else
        return call_mistake::no_task;
}

template <class F, class... Args>
concept spawnable = std::invocable<std::decay_t<F>&, std::decay_t<Args>...> && requires {
    typename task_value<std::invoke_result_t<std::decay_t<F>&, std::decay_t<Args>...>>::type;
};

}  // namespace coil::COIL_ABI::detail
