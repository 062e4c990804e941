// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coil/base/intrusive_list.hpp>
#include <coil/loop/descriptor.hpp>

namespace coil::COIL_ABI::op {

class read_ahead;

/// The base class of `recv_stream` and `recvfrom_stream`, which are handles to the read-ahead of a socket.
/// While a record has such a handle, its read-ahead may keep a receive in the kernel even if no reader is
/// waiting.
class ahead_stream : public detail::list_hook {
public:
    ahead_stream(ahead_stream&& other) noexcept { take(other); }
    ahead_stream& operator=(ahead_stream&& other) noexcept;
    ~ahead_stream() { drop(); }

protected:
    /// Throws error::wrong_thread, with `name` in the text, if the context belongs to another thread.
    ahead_stream(const detail::descriptor_use& from, const char* name);

    /// Links this handle to the record's read-ahead.
    void join(read_ahead& source) noexcept;
    /// Returns the record, or no record if the read-ahead has ended because the record was closed or the
    /// context has ended.
    [[nodiscard]] detail::descriptor_use use() const noexcept {
        return is_linked() ? from_ : detail::descriptor_use{};
    }

private:
    void drop() noexcept;
    void take(ahead_stream& other) noexcept;

    detail::descriptor_use from_;
};

}  // namespace coil::COIL_ABI::op
