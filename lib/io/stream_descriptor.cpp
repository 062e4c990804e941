// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/io/stream_descriptor.hpp>

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <coil/base/unique_descriptor.hpp>

namespace coil::COIL_ABI::posix {
namespace {

void check(const detail::descriptor_handle& handle, int descriptor, const char* what) {
    if (handle.is_open())
        detail::throw_failure(error::already_open, what);
    if (descriptor < 0)
        detail::throw_failure(detail::system_error_code(EBADF), what);
}

// A terminal is ready for a write if it has space for a few bytes. A longer write blocks the thread. A read
// blocks the thread if another process has read the input before. The result is the terminal, opened again
// with O_NONBLOCK. Other processes share the first opening and must not see the flag. The result is empty if
// the descriptor is not a terminal, is non-blocking, or cannot be opened again.
unique_descriptor open_terminal_again(int descriptor) noexcept {
    const int flags = ::fcntl(descriptor, F_GETFL);
    if (flags < 0 || (flags & O_NONBLOCK) || !::isatty(descriptor))
        return {};
    unsigned number = 0;
    if (::ioctl(descriptor, TIOCGPTN, &number) == 0) {
        // The controlling end of a pseudoterminal cannot be opened again. Usually, only one process has it.
        ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
        return {};
    }
    char name[32];
    std::snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    const unique_descriptor made(::open(name, (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    // If the program has closed stdin, stdout or stderr, the new descriptor must not take its place.
    return unique_descriptor(made ? ::fcntl(made.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1);
}

}  // namespace

stream_descriptor stream_descriptor::borrow(io_context& context, int descriptor) {
    stream_descriptor borrower(context);
    check(borrower.handle_, descriptor, "borrow");
    if (unique_descriptor again = open_terminal_again(descriptor))
        borrower.handle_.adopt_foreign(again.release());
    else
        borrower.handle_.borrow(descriptor);
    return borrower;
}

void stream_descriptor::assign(int descriptor) {
    check(handle_, descriptor, "assign");
    if (const unique_descriptor again = open_terminal_again(descriptor)) {
        const int flags = ::fcntl(descriptor, F_GETFD);
        ::dup3(again.get(), descriptor, flags & FD_CLOEXEC ? O_CLOEXEC : 0);
    }
    handle_.adopt_foreign(descriptor);
}

}  // namespace coil::COIL_ABI::posix
