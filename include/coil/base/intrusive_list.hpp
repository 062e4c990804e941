// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>

namespace coil::COIL_ABI::detail {

/// The base class of objects in an `intrusive_list`; it holds the links. An object can be in only one list at
/// a time. The destructor removes the object from that list.
class list_hook {
public:
    list_hook() noexcept = default;
    list_hook(const list_hook&) = delete;
    list_hook& operator=(const list_hook&) = delete;

    [[nodiscard]] bool is_linked() const noexcept { return next_ != nullptr; }

    /// Removes the object from its list, if it is in one. Does not need a reference to the list.
    void unlink() noexcept {
        if (!is_linked())
            return;
        previous_->next_ = next_;
        next_->previous_ = previous_;
        next_ = previous_ = nullptr;
    }

protected:
    ~list_hook() { unlink(); }

    /// Returns one of the two links. While the object is not in an intrusive_list, a different kind of list
    /// may use this link.
    [[nodiscard]] list_hook*& spare_link() noexcept { return previous_; }

private:
    template <class T>
    friend class intrusive_list;

    list_hook* next_ = nullptr;
    list_hook* previous_ = nullptr;
};

/// A FIFO list of objects that contain their own links. Owns nothing and allocates nothing.
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

    /// Moves all items of `other` to the end of this list. O(1).
    void splice_back(intrusive_list& other) noexcept { splice_before(head_, other); }
    /// Moves all items of `other` to the front of this list. O(1).
    void splice_front(intrusive_list& other) noexcept { splice_before(*head_.next_, other); }

    /// Returns the item after `item`, or null at the end.
    [[nodiscard]] T* next(T& item) noexcept {
        list_hook* following = static_cast<list_hook&>(item).next_;
        return following == &head_ ? nullptr : static_cast<T*>(following);
    }

    /// Calls `each` with every item, in order. `each` may unlink the item, or move the item to another list.
    template <class F>
    void for_each(F&& each) {
        for (T* item = empty() ? nullptr : &front(); item;) {
            T* following = next(*item);
            each(*item);
            item = following;
        }
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

}  // namespace coil::COIL_ABI::detail
