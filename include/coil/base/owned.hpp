// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <concepts>
#include <cstddef>
#include <utility>

namespace coil::COIL_ABI::detail {

/// A replacement for std::unique_ptr that does not need <memory>. That header alone is a fifth of all the
/// code that the compiler reads for a small server. Use `owned` only in headers that every program includes,
/// and std::unique_ptr elsewhere.
template <class T>
class owned {
public:
    constexpr owned() noexcept = default;
    constexpr owned(std::nullptr_t) noexcept {}
    explicit owned(T* object) noexcept : object_(object) {}
    /// Takes ownership from a std::unique_ptr, or from an `owned` of a derived class.
    template <class Owner>
        requires requires(Owner owner) {
            { owner.release() } -> std::convertible_to<T*>;
        }
    owned(Owner other) noexcept : object_(other.release()) {}
    owned(owned&& other) noexcept : object_(other.release()) {}
    owned& operator=(owned&& other) noexcept {
        owned(std::move(other)).swap(*this);
        return *this;
    }
    ~owned() {
        static_assert(requires { sizeof(T); }, "owned<T> needs a complete type");
        delete object_;
    }

    [[nodiscard]] T* get() const noexcept { return object_; }
    [[nodiscard]] T* release() noexcept { return std::exchange(object_, nullptr); }
    void reset() noexcept { owned().swap(*this); }
    void swap(owned& other) noexcept { std::swap(object_, other.object_); }

    T& operator*() const noexcept { return *object_; }
    T* operator->() const noexcept { return object_; }
    explicit operator bool() const noexcept { return object_ != nullptr; }

private:
    T* object_ = nullptr;
};

template <class T, class... Args>
[[nodiscard]] owned<T> make_owned(Args&&... args) {
    return owned<T>(new T(std::forward<Args>(args)...));
}

}  // namespace coil::COIL_ABI::detail
