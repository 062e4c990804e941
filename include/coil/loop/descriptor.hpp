// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

#include <coil/base/endpoint.hpp>
#include <coil/base/error.hpp>
#include <coil/base/intrusive_list.hpp>
#include <coil/base/owned.hpp>
#include <coil/loop/context_ref.hpp>

namespace coil::COIL_ABI {

class environment;
class io_context;
class operation;
class descriptor_handle;
enum class lane : std::uint8_t;

/// An object that a record owns and that receives ahead for it, such as the queue of a recv_stream.
class descriptor_source {
public:
    virtual ~descriptor_source() = default;

    /// Called when the record is closed: drops the unread data. The record itself ends the operations that
    /// wait for this source.
    virtual void close() noexcept = 0;
    /// Takes an operation of a reader that has begun: finishes it, or keeps it waiting. Returns false if the
    /// operation is to be submitted to the ring instead.
    [[nodiscard]] virtual bool serve(operation& reader) noexcept = 0;
    /// Gives a reader the data that it completes with. Only if has_data(). Returns the result.
    [[nodiscard]] virtual std::int32_t give(operation& reader) noexcept = 0;
    /// Whether an operation would complete inline with data. The source notifies the record when this becomes
    /// true.
    [[nodiscard]] virtual bool has_data() const noexcept = 0;
    /// Called by our own shutdown: no more data arrives.
    virtual void interrupt() noexcept {}
    /// Called when an operation has left the reader's place while others wait.
    virtual void reader_left() noexcept {}
    /// Stops receiving, and returns whether it holds unread bytes, or an error that no reader has got.
    [[nodiscard]] virtual bool keeps_bytes() noexcept { return false; }
    /// Called when the context has ended but this object stays allocated: unlinks the streams that refer to
    /// it.
    virtual void disconnect() noexcept {}
};

/// A context's record of one open descriptor: its number, and the operations on it. Records are in a table of
/// the context, at the same address until the last completion of their last operation. Operations point to
/// the record, never to a socket.
///
///     closed --open--> open --close--> closed, operations left --last one destroyed--> free for reuse
///
/// Internal: users hold a `tcp::socket` or another handle.
class descriptor {
public:
    explicit descriptor(io_context& context) noexcept : context_(&context) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;

    [[nodiscard]] io_context& context() const noexcept { return *context_; }
    [[nodiscard]] int number() const noexcept { return number_; }
    [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }
    /// Counts the descriptors that this record has stood for: a description made for an earlier one does not
    /// reach the next one.
    [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }

    /// Sets the number of a newly opened descriptor, whose peer and options are unknown.
    void set_number(int number) noexcept;
    /// Sets the number of a borrowed descriptor, which is never closed here.
    void set_borrowed(int number) noexcept {
        set_number(number);
        is_borrowed_ = true;
    }
    /// Sets the number of a connection that `acceptor` accepted. It has a peer, and inherits the acceptor's
    /// options.
    void set_accepted(int number, const descriptor& acceptor, const ip::socket_address& peer,
                      socklen_t size) noexcept {
        set_number(number);
        may_linger_ = acceptor.may_linger_;
        set_connected(&peer.any, size);
    }

    /// The number of the record that stands for no descriptor, for operations that need none.
    static constexpr int none = 0x7fffffff;

    /// Whether the peer's address is known.
    [[nodiscard]] bool knows_peer() const noexcept { return knows_peer_; }
    /// The peer's address, if it is known.
    [[nodiscard]] const ip::endpoint& peer() const noexcept { return peer_; }
    /// Calls socket(2), and makes an IPv6 socket dual-stack, whatever the sysctl net.ipv6.bindv6only says.
    /// On failure returns a negative errno, and nothing is open.
    [[nodiscard]] int open_number(int family, int type, int protocol) noexcept;
    /// Ends all operations and closes the number; the handle stays usable and can be opened again. It then
    /// uses this record, or another one if the kernel has not completed an operation.
    void reset_number() noexcept;

    /// Stores the peer's address if it is IPv4 or IPv6. For other families every query asks the kernel.
    void set_connected(const sockaddr* peer, socklen_t size) noexcept;
    void clear_peer() noexcept { knows_peer_ = false; }

    /// SO_LINGER may be set from now on: only then does a close query it, which costs a system call. A child
    /// of fork(2) does not query it for a descriptor that it inherited, whose options it shares with the
    /// parent.
    void set_may_linger() noexcept { may_linger_ = true; }

    [[nodiscard]] descriptor_source* source() const noexcept { return source_.get(); }
    void set_source(owned<descriptor_source> source) noexcept { source_ = std::move(source); }

    /// Whether operations wait for the source, or for the operation ahead of them, in FIFO order.
    [[nodiscard]] bool has_waiting() const noexcept { return !waiting_.empty(); }
    /// Whether an operation holds the reader's place.
    [[nodiscard]] bool has_reader() const noexcept { return reader_ != nullptr; }
    [[nodiscard]] operation* first_waiting() noexcept;
    [[nodiscard]] operation* take_waiting() noexcept;

    /// Makes the next source_has_data() notify the operations that are in the kernel.
    void watch() noexcept { is_watched_ = true; }
    /// The source has data that no waiting reader has taken: notifies the operations that watch.
    void source_has_data() noexcept {
        if (is_watched_) [[unlikely]]
            notify_watchers();
    }

    /// Counts the cancels of operations that have begun: see operation::was_cancelled().
    [[nodiscard]] std::uint16_t cancels() const noexcept { return cancels_; }
    /// Operations that have an SQE, except those that are being cancelled.
    [[nodiscard]] intrusive_list<operation>& in_kernel() noexcept { return in_kernel_; }
    /// The number of operations that the kernel has not completed.
    [[nodiscard]] std::uint32_t in_flight() const noexcept { return in_flight_; }

    /// Cancels every operation, without waiting. Operations that have not completed end with
    /// operation_aborted.
    void cancel_operations() noexcept;
    /// Cancels every operation, and blocks until the kernel has completed all of them: a few microseconds. An
    /// operation that the kernel can't end, such as a read of a file on a dead mount, is left in flight after
    /// 2 s, with a line on stderr.
    void retire_operations() noexcept;
    /// Marks all operations of the record: if they see an end of stream, our own shutdown has caused it.
    void interrupt_readers() noexcept;
    /// Closes the number, if the record owns one, and keeps the record.
    void close_number() noexcept;

private:
    friend class operation;
    friend class io_context;
    friend class descriptor_table;
    friend class descriptor_handle;

    [[nodiscard]] bool lingers(int number) const noexcept;
    void notify_watchers() noexcept;
    void submit_next(operation*& ahead, lane which) noexcept;

    io_context* context_;
    descriptor_handle* handle_ = nullptr;  // the owner; null once closed
    // Operations that have an SQE. Those that are being cancelled are in lists of the context.
    intrusive_list<operation> in_kernel_;
    intrusive_list<operation> waiting_;  // FIFO: for the source, or for the operation ahead of them
    operation* reader_ = nullptr;        // holds the reader's place: streams have one reader at a time
    operation* writer_ = nullptr;
    owned<descriptor_source> source_;
    ip::endpoint peer_;
    std::int32_t number_ = -1;
    std::uint32_t generation_ = 0;
    std::uint32_t operations_ = 0;  // begun and not destroyed: they point to this record
    std::uint32_t in_flight_ = 0;   // those of them that the kernel has
    std::uint32_t process_ = 0;     // the process that opened the number: see this_process
    bool knows_peer_ : 1 = false;
    bool may_linger_ : 1 = false;
    bool is_borrowed_ : 1 = false;      // never closed here
    bool is_watched_ : 1 = false;       // until the next notification
    bool may_need_cancel_ : 1 = false;  // an operation has begun since the last cancel
    // Counts cancels, so that a cancel also reaches operations that have completed but are not resumed yet.
    // Only a cancel after an operation has begun counts: a wrap needs 65,536 of these.
    std::uint16_t cancels_ = 0;
};

static_assert(sizeof(descriptor) <= 128);

/// The record that a description was made for, and the record's generation at that time.
struct descriptor_use {
    descriptor* record = nullptr;
    std::uint32_t generation = 0;
    int flags = 0;

    environment& foreign_environment() const;
};

/// Owns an open descriptor of a context: the part that all sockets have in common. A move moves two pointers,
/// even with operations pending. A handle that outlives its context is closed, and can't be opened again.
class descriptor_handle {
public:
    /// A handle without a context, to be assigned to.
    descriptor_handle() noexcept = default;
    explicit descriptor_handle(io_context& context) noexcept : context_(context) {}
    descriptor_handle(descriptor_handle&& other) noexcept;
    descriptor_handle& operator=(descriptor_handle&& other) noexcept;
    ~descriptor_handle() { close(); }

    [[nodiscard]] io_context& context() const noexcept { return *context_; }
    [[nodiscard]] bool is_open() const noexcept { return record_ && record_->is_open(); }
    /// The descriptor's number, -1 while closed.
    [[nodiscard]] int number() const noexcept { return record_ ? record_->number() : -1; }
    /// The number, for code outside coil that may set options with it: from now on, a close queries
    /// SO_LINGER.
    [[nodiscard]] int lend_number() const noexcept {
        if (record_)
            record_->set_may_linger();
        return number();
    }

    /// Throws error::wrong_thread, with `call` in the text, if the context belongs to another thread.
    void check_thread(const char* call) const;
    /// Aborts with a message if the handle has a record and its context belongs to another thread. For
    /// functions that cannot throw.
    void require_thread(const char* call) const noexcept;

    /// Takes ownership of a newly opened descriptor.
    void adopt(int number);
    /// Takes ownership of a descriptor from elsewhere, whose options are unknown.
    void adopt_foreign(int number);
    /// Borrows a descriptor. Its owner closes it, after the operations on it have ended.
    void borrow(int number);
    /// Adopts a connection that `acceptor` accepted. The record must exist.
    void adopt_accepted(int number, const descriptor& acceptor, const ip::socket_address& peer,
                        socklen_t size) noexcept;
    /// Ends all operations, and returns the descriptor without closing it.
    [[nodiscard]] int release() noexcept;
    /// Ends all operations and closes the descriptor, before it returns.
    void close() noexcept;
    /// Cancels all operations.
    void cancel() noexcept;

    /// The record and generation for a description. The first use allocates the record.
    [[nodiscard]] descriptor_use use(int flags = 0);
    [[nodiscard]] descriptor& record();
    [[nodiscard]] descriptor* record_if_any() const noexcept { return record_; }
    /// Whether bytes were received ahead that are unread. Stops receiving ahead.
    [[nodiscard]] bool keeps_bytes() const noexcept {
        return record_ && record_->source() && record_->source()->keeps_bytes();
    }

private:
    friend class descriptor;
    friend class io_context;
    friend class descriptor_table;

    void leave() noexcept;

    context_ref context_;
    descriptor* record_ = nullptr;
};

}  // namespace coil::COIL_ABI
