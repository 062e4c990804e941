// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <coil/loop/descriptor.hpp>

namespace coil::COIL_ABI::detail {

/// A slab that contains the records of a context's descriptors. A record keeps its address, and is reused
/// after its handle and its operations are gone.
class descriptor_table {
public:
    explicit descriptor_table(event_loop& context) : context_(&context), unbound_(context) {
        unbound_.set_number(descriptor::none);
    }

    [[nodiscard]] descriptor& allocate();
    void recycle(descriptor& record) noexcept;

    /// Returns the record for operations that need no descriptor.
    [[nodiscard]] descriptor_use unbound() noexcept { return {&unbound_, unbound_.generation(), 0}; }

    /// Calls `each` with every record.
    template <class F>
    void for_each(F&& each) {
        each(unbound_);
        for (auto& record: records_)
            each(*record);
    }

    /// Leaves the table allocated after its context has ended, because frames that were not destroyed still
    /// refer to the records. The table stays reachable, so a leak checker does not report it.
    static void leave(owned<descriptor_table> table) noexcept;

private:
    event_loop* context_;
    descriptor_table* left_before_ = nullptr;
    descriptor unbound_;
    std::vector<std::unique_ptr<descriptor>> records_;
    std::vector<descriptor*> free_;
};

}  // namespace coil::COIL_ABI::detail
