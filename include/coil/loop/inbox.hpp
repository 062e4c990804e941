// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <atomic>

#include <coil/coro/scheduler.hpp>

namespace coil::COIL_ABI::detail {

/// A lock-free LIFO stack of the nodes that other threads post to the owner of a loop. The owner takes all
/// nodes in one step.
///
///     any thread:  push, and wake the owner if the stack was empty
///     the owner:   drain if the stack is not empty
///
/// Only the push that finds the stack empty wakes the owner, so there is one wake-up per batch. No wake-up is
/// lost, and the owner executes no locked instruction before it sleeps. A node in the inbox cannot be
/// unlinked, so drain the inbox before you destroy a node.
class inbox {
public:
    /// Adds a node. Returns true if the stack was empty. The caller must then wake the owner. Thread-safe.
    [[nodiscard]] bool push(node& item) noexcept {
        node* before = latest_.load(std::memory_order_relaxed);
        do
            item.spare_link() = before;
        while (!latest_.compare_exchange_weak(before, &item, std::memory_order_release,
                                              std::memory_order_relaxed));
        return before == nullptr;
    }

    [[nodiscard]] bool empty() const noexcept { return latest_.load(std::memory_order_relaxed) == nullptr; }

    /// Moves all nodes to the end of `target` in the order in which they were posted. Owner only.
    void drain(intrusive_list<node>& target) noexcept {
        // The acquire pairs with the release in push(), so the owner sees everything that a posting thread
        // wrote before the push.
        node* item = latest_.exchange(nullptr, std::memory_order_acquire);
        node* in_order = nullptr;
        while (item) {
            node* before = posted_before(*item);
            item->spare_link() = in_order;
            in_order = item;
            item = before;
        }
        while (in_order) {
            node& next = *in_order;
            in_order = posted_before(next);
            target.push_back(next);
        }
    }

private:
    static node* posted_before(node& item) noexcept { return static_cast<node*>(item.spare_link()); }

    std::atomic<node*> latest_{nullptr};
};

}  // namespace coil::COIL_ABI::detail
