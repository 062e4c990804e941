// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include <coil/base/buffer.hpp>
#include <coil/base/outcome.hpp>
#include <coil/coro/completed.hpp>
#include <coil/coro/environment.hpp>
#include <coil/net/socket_options.hpp>
#include <coil/op/description.hpp>

namespace coil::COIL_ABI::test {

class memory_stream;
struct memory_pipe;

/// The arguments of a memory_operation: its stream, and one buffer or an array of buffers.
template <class Buffer>
struct memory_request {
    memory_stream* stream;
    Buffer buffer;
    std::span<const Buffer> buffers;
};

/// An operation that receives bytes from an in-memory stream, or sends bytes on it.
class [[nodiscard("co_await it")]] memory_operation : public detail::awaited {
public:
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter);
    outcome<std::size_t> await_outcome() noexcept { return {error_, moved_}; }
    std::size_t await_resume();

    void stop() noexcept override { end(make_error_code(error::operation_aborted)); }
    std::string describe() const override;
    /// Returns true if the stream was cancelled or closed before the waiter was resumed. Bytes that were
    /// already moved are still the operation's result.
    [[nodiscard]] bool was_cancelled() const noexcept;

protected:
    memory_operation(memory_stream& stream, bool receives, detail::environment& task) noexcept;
    ~memory_operation() override;

private:
    friend class memory_stream;

    /// Moves as many bytes as possible without waiting. Throws std::bad_alloc if memory ran out before any
    /// byte was moved.
    virtual std::size_t move(memory_pipe& pipe) = 0;
    [[nodiscard]] virtual bool is_empty() const noexcept = 0;
    [[nodiscard]] unsigned cancels() const noexcept;
    void try_to_move() noexcept;
    void end(std::error_code error) noexcept;

    std::shared_ptr<memory_pipe> pipe_;
    std::error_code error_;
    std::size_t moved_ = 0;
    unsigned cancels_before_ = 0;
    bool receives_;
    bool waits_ = false;
};

class [[nodiscard("co_await it")]] memory_recv : public memory_operation {
public:
    memory_recv(const memory_request<mutable_buffer>& what, detail::environment& task) noexcept
        : memory_operation(*what.stream, true, task), buffer_(what.buffer), buffers_(what.buffers) {}

private:
    std::size_t move(memory_pipe& pipe) noexcept override;
    bool is_empty() const noexcept override { return buffer_.empty() && total_size(buffers_) == 0; }

    mutable_buffer buffer_;
    mutable_buffers buffers_;
};

class [[nodiscard("co_await it")]] memory_send : public memory_operation {
public:
    memory_send(const memory_request<const_buffer>& what, detail::environment& task) noexcept
        : memory_operation(*what.stream, false, task), buffer_(what.buffer), buffers_(what.buffers) {}

private:
    std::size_t move(memory_pipe& pipe) override;
    bool is_empty() const noexcept override { return buffer_.empty() && total_size(buffers_) == 0; }

    const_buffer buffer_;
    const_buffers buffers_;
};

template <class Operation, class Buffer>
using memory_description = op::description_of<Operation, memory_request<Buffer>>;

/// One end of a `stream_pair`. It behaves like a `tcp::socket`, but without a kernel.
class memory_stream {
public:
    memory_stream() noexcept = default;
    memory_stream(memory_stream&& other) noexcept = default;
    memory_stream& operator=(memory_stream&& other) noexcept;
    ~memory_stream() { close(); }

    [[nodiscard]] bool is_open() const noexcept { return incoming_ != nullptr; }

    /// recv() and send() work as on a `tcp::socket`. A second receive, or a second send, fails with
    /// operation_in_progress while the first one is pending.
    [[nodiscard("co_await it")]] memory_description<memory_recv, mutable_buffer> recv(
        mutable_buffer buffer) noexcept {
        return {{this, buffer, {}}};
    }
    [[nodiscard("co_await it")]] memory_description<memory_recv, mutable_buffer> recv(
        mutable_buffers buffers) noexcept {
        return {{this, {}, buffers}};
    }
    [[nodiscard("co_await it")]] memory_description<memory_send, const_buffer> send(
        const_buffer buffer) noexcept {
        return {{this, buffer, {}}};
    }
    [[nodiscard("co_await it")]] memory_description<memory_send, const_buffer> send(
        const_buffers buffers) noexcept {
        return {{this, {}, buffers}};
    }

    /// Ends both directions. Pending operations end with operation_aborted, and the peer reads the end of the
    /// stream.
    detail::completed close() noexcept;
    detail::completed shutdown(socket_base::shutdown_type what) noexcept;
    void cancel() noexcept;

    /// Simulates a failure of the peer's machine: both ends fail with connection_reset, and bytes in flight
    /// are lost.
    void reset() noexcept;

private:
    friend class memory_operation;
    friend class stream_pair;

    std::shared_ptr<memory_pipe> incoming_;
    std::shared_ptr<memory_pipe> outgoing_;
};

/// A pair of connected in-memory streams, for deterministic tests of code that uses streams. The streams need
/// no kernel and no ports.
///
///     coil::test::stream_pair pair;
///     coil::co_spawn(context, serve(std::move(pair.first)), coil::detached);
///     co_await coil::write(pair.second, "hello\n");
///
/// Both ends must be used by tasks of the same context.
class stream_pair {
public:
    struct options {
        std::size_t capacity = 65536;  ///< maximum number of bytes in flight in each direction
        /// The maximum number of bytes that one recv or send moves.
        std::size_t transfer_max = static_cast<std::size_t>(-1);
    };

    stream_pair() : stream_pair(options{}) {}
    explicit stream_pair(const options& chosen);

    memory_stream first;
    memory_stream second;
};

}  // namespace coil::COIL_ABI::test
