// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <atomic>

#include <coil/coro/scheduler.hpp>

namespace coil::COIL_ABI {

/// Where other threads leave nodes for the owner of a loop: a lock-free stack that is taken as a whole.
///
///     any thread:  push, and wake the owner if it was empty
///     the owner:   drain, when it isn't empty
///
/// Whoever finds it empty wakes: so of many posts between two drains one pays for a wake, none is lost, and the owner pays
/// for no locked instruction before it sleeps. Nobody can unlink from it: before a node in it dies, its owner drains.
class inbox {
public:
    /// From any thread. Whether it was empty, and the owner may be asleep.
    [[nodiscard]] bool push(node& item) noexcept {
        node* before = latest_.load(std::memory_order_relaxed);
        do
            item.spare_link() = before;
        while (!latest_.compare_exchange_weak(before, &item, std::memory_order_release,
                                              std::memory_order_relaxed));
        return before == nullptr;
    }

    [[nodiscard]] bool empty() const noexcept { return latest_.load(std::memory_order_relaxed) == nullptr; }

    /// Moves everything to `target`, in the order of posting. Owner only.
    void drain(intrusive_list<node>& target) noexcept {
        // Acquire: pairs with the release in push; what a poster wrote before it posted is seen.
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

}  // namespace coil::COIL_ABI
