// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

namespace coil::COIL_ABI {

/// What an object needs to stand in an `intrusive_list`: in one at a time. It leaves the list when it is destroyed.
class list_hook {
public:
    list_hook() noexcept = default;
    list_hook(const list_hook&) = delete;
    list_hook& operator=(const list_hook&) = delete;

    [[nodiscard]] bool is_linked() const noexcept { return next_ != nullptr; }

    /// Leaves its list, if it is in one; the list need not be known.
    void unlink() noexcept {
        if (!is_linked())
            return;
        previous_->next_ = next_;
        next_->previous_ = previous_;
        next_ = previous_ = nullptr;
    }

protected:
    ~list_hook() { unlink(); }

    /// For a list of another kind, while it stands in none of these: the place of one of its links.
    [[nodiscard]] list_hook*& spare_link() noexcept { return previous_; }

private:
    template <class T>
    friend class intrusive_list;

    list_hook* next_ = nullptr;
    list_hook* previous_ = nullptr;
};

/// A first-in first-out list of objects that carry their own links. It owns nothing and allocates nothing.
template <class T>
class intrusive_list {
public:
    intrusive_list() noexcept { head_.next_ = head_.previous_ = &head_; }
    intrusive_list(const intrusive_list&) = delete;
    intrusive_list& operator=(const intrusive_list&) = delete;
    ~intrusive_list() {
        while (!empty())
            head_.next_->unlink();
        head_.next_ = head_.previous_ = nullptr;
    }

    [[nodiscard]] bool empty() const noexcept { return head_.next_ == &head_; }
    [[nodiscard]] T& front() noexcept { return static_cast<T&>(*head_.next_); }
    [[nodiscard]] T& back() noexcept { return static_cast<T&>(*head_.previous_); }

    void push_back(T& item) noexcept { insert_before(head_, item); }
    void push_front(T& item) noexcept { insert_before(*head_.next_, item); }

    T& pop_front() noexcept {
        T& first = front();
        static_cast<list_hook&>(first).unlink();
        return first;
    }

    /// Takes all of `other`, behind what is here. At a fixed cost.
    void splice_back(intrusive_list& other) noexcept { splice_before(head_, other); }
    /// Takes all of `other`, ahead of what is here.
    void splice_front(intrusive_list& other) noexcept { splice_before(*head_.next_, other); }

    /// The one behind `item`, or null at the end.
    [[nodiscard]] T* next(T& item) noexcept {
        list_hook* following = static_cast<list_hook&>(item).next_;
        return following == &head_ ? nullptr : static_cast<T*>(following);
    }

private:
    struct sentinel : list_hook {};

    static void insert_before(list_hook& place, list_hook& item) noexcept {
        item.unlink();
        item.previous_ = place.previous_;
        item.next_ = &place;
        place.previous_->next_ = &item;
        place.previous_ = &item;
    }

    static void splice_before(list_hook& place, intrusive_list& other) noexcept {
        if (other.empty())
            return;
        list_hook* first = other.head_.next_;
        list_hook* last = other.head_.previous_;
        other.head_.next_ = other.head_.previous_ = &other.head_;
        first->previous_ = place.previous_;
        place.previous_->next_ = first;
        last->next_ = &place;
        place.previous_ = last;
    }

    sentinel head_;
};

}  // namespace coil::COIL_ABI
