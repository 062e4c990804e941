// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/io/stream_descriptor.hpp>

#include <cerrno>

namespace coil::COIL_ABI::posix {
namespace {

void check(const detail::descriptor_handle& handle, int descriptor, const char* what) {
    if (handle.is_open())
        detail::throw_failure(error::already_open, what);
    if (descriptor < 0)
        detail::throw_failure(detail::system_error_code(EBADF), what);
}

}  // namespace

stream_descriptor stream_descriptor::borrow(io_context& context, int descriptor) {
    stream_descriptor borrower(context);
    check(borrower.handle_, descriptor, "borrow");
    borrower.handle_.borrow(descriptor);
    return borrower;
}

void stream_descriptor::assign(int descriptor) {
    check(handle_, descriptor, "assign");
    handle_.adopt_foreign(descriptor);
}

}  // namespace coil::COIL_ABI::posix
