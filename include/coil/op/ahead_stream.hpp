// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <coil/base/intrusive_list.hpp>
#include <coil/loop/descriptor.hpp>

namespace coil::COIL_ABI::op {

class read_ahead;

/// The base class of `recv_stream` and `recvfrom_stream`. These classes are handles to the `read_ahead` of a
/// socket's record. While at least one such handle exists, the `read_ahead` may keep a receive in the kernel
/// even if no reader is waiting.
class ahead_stream : public detail::list_hook {
public:
    ahead_stream(ahead_stream&& other) noexcept { take(other); }
    ahead_stream& operator=(ahead_stream&& other) noexcept;
    ~ahead_stream() { drop(); }

protected:
    /// Throws error::wrong_thread, with `name` in the text, if the context belongs to another thread.
    ahead_stream(const detail::descriptor_use& from, const char* name);

    /// Links this handle to `source`, which is the `read_ahead` of the handle's record.
    void join(read_ahead& source) noexcept;
    /// Returns the record that this handle was made for, or no record if the socket has been closed or its
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
