// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coil/base/intrusive_list.hpp>
#include <coil/loop/descriptor.hpp>

namespace coil::COIL_ABI::op {

class read_ahead;

/// The handle of a socket that receives ahead: the common part of `recv_stream` and `recvfrom_stream`. While
/// a record has such handles, its read-ahead stays in the kernel.
class ahead_stream : public detail::list_hook {
public:
    ahead_stream(ahead_stream&& other) noexcept { take(other); }
    ahead_stream& operator=(ahead_stream&& other) noexcept;
    ~ahead_stream() { drop(); }

protected:
    /// Throws error::wrong_thread, with `name`, if the context belongs to another thread.
    ahead_stream(const detail::descriptor_use& from, const char* name);

    /// Joins the read-ahead of the record.
    void join(read_ahead& source) noexcept;
    /// The record; none if the read-ahead has ended, with its record or its context.
    [[nodiscard]] detail::descriptor_use use() const noexcept {
        return is_linked() ? from_ : detail::descriptor_use{};
    }

private:
    void drop() noexcept;
    void take(ahead_stream& other) noexcept;

    detail::descriptor_use from_;
};

}  // namespace coil::COIL_ABI::op
