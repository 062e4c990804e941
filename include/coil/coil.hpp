// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

/// Includes all of coil. Individual headers, such as <coil/net/tcp.hpp>, compile faster.

#include <coil/version.hpp>

#include <coil/algo/any_stream.hpp>
#include <coil/algo/buffered_reader.hpp>
#include <coil/algo/buffered_writer.hpp>
#include <coil/algo/close_gracefully.hpp>
#include <coil/algo/connect.hpp>
#include <coil/algo/read.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/algo/write.hpp>
#include <coil/base/buffer.hpp>
#include <coil/base/endpoint.hpp>
#include <coil/base/error.hpp>
#include <coil/base/message_flags.hpp>
#include <coil/coro/as_tuple.hpp>
#include <coil/coro/async_generator.hpp>
#include <coil/coro/shield.hpp>
#include <coil/coro/stop_when.hpp>
#include <coil/coro/task.hpp>
#include <coil/coro/this_coro.hpp>
#include <coil/coro/yield.hpp>
#include <coil/io/signal_set.hpp>
#include <coil/io/sleep.hpp>
#include <coil/io/steady_timer.hpp>
#include <coil/io/stream_descriptor.hpp>
#include <coil/loop/buffer_pool.hpp>
#include <coil/loop/co_spawn.hpp>
#include <coil/loop/io_context.hpp>
#include <coil/loop/sync_wait.hpp>
#include <coil/loop/this_coro.hpp>
#include <coil/net/generic.hpp>
#include <coil/net/icmp.hpp>
#include <coil/net/local.hpp>
#include <coil/net/tcp.hpp>
#include <coil/net/udp.hpp>
#include <coil/resolver/resolver.hpp>
#include <coil/sync/channel.hpp>
#include <coil/sync/event.hpp>
#include <coil/sync/mutex.hpp>
#include <coil/sync/offload.hpp>
#include <coil/sync/one_shot.hpp>
#include <coil/sync/semaphore.hpp>
#include <coil/sync/task_group.hpp>
#include <coil/sync/when_all.hpp>
#include <coil/sync/when_any.hpp>
