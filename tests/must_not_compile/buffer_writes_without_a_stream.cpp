// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// first: a buffered_writer needs a stream

#include <coil/algo/buffered_writer.hpp>
#include <coil/coro/task.hpp>
#include <coil/io/stream_descriptor.hpp>

coil::task<> print(coil::io_context& context) {
#ifdef COIL_MUST_NOT_COMPILE
    int out = 1;
#else
    coil::posix::stream_descriptor out(context, 1);
#endif
    coil::buffered_writer writer(out);
    co_await writer.write("hello\n");
    co_await writer.flush();
}
