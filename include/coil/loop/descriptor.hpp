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

class io_context;

namespace detail {

class environment;
class event_loop;

class operation;
class descriptor_handle;
enum class lane : std::uint8_t;

/// An object that belongs to a descriptor's record and receives data before any reader asks for the data,
/// such as a recv_stream's queue.
class descriptor_source {
public:
    virtual ~descriptor_source() = default;

    /// Called when the record is closed. Discards the unread data. The record itself ends the operations that
    /// are waiting for data.
    virtual void close() noexcept = 0;
    /// Completes `reader`, or appends it to the record's waiting operations. Returns false if `reader` should
    /// be submitted to the ring instead.
    [[nodiscard]] virtual bool serve(operation& reader) noexcept = 0;
    /// Moves data to the reader and returns the reader's result. Call this only if has_data() returns true.
    [[nodiscard]] virtual std::int32_t give(operation& reader) noexcept = 0;
    /// Returns true if a reader would complete inline with data. When the result becomes true, the source
    /// calls the record's source_has_data().
    [[nodiscard]] virtual bool has_data() const noexcept = 0;
    /// Called when this program shuts the socket down for receiving, after which no more data arrives.
    virtual void interrupt() noexcept {}
    /// Called when the current reader has completed or is destroyed, and other operations are waiting.
    virtual void reader_left() noexcept {}
    /// Stops receiving. Returns true if the source holds unread bytes, or an error that no reader has
    /// received yet.
    [[nodiscard]] virtual bool keeps_bytes() noexcept { return false; }
    /// Called when the context has ended but this object stays allocated. Unlinks the streams that refer to
    /// this object.
    virtual void disconnect() noexcept {}
};

/// A context's record of one open descriptor. The record contains the descriptor's number and the operations
/// on the descriptor. The context keeps its records in a table. A record stays at its address until the
/// kernel has completed the record's last operation, because operations point to the record and never to a
/// socket.
///
///     closed --open--> open --close--> closed, operations left --last one destroyed--> free for reuse
///
/// Internal. Users hold a `tcp::socket` or another handle.
class descriptor {
public:
    explicit descriptor(event_loop& context) noexcept : context_(&context) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;

    [[nodiscard]] event_loop& context() const noexcept { return *context_; }
    [[nodiscard]] int number() const noexcept { return number_; }
    [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }
    /// Returns the record's generation, which changes when a handle gives up the record. A description stores
    /// the generation. If the generation has changed by the time the description is awaited, the await fails.
    [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }

    /// Sets the number of a newly opened descriptor. The descriptor's peer and options are not known yet.
    void set_number(int number) noexcept;
    /// Sets the number of a borrowed descriptor, which this record never closes.
    void set_borrowed(int number) noexcept {
        set_number(number);
        is_borrowed_ = true;
    }
    /// Sets the number of a descriptor that `acceptor` has accepted, and stores the peer's address. The new
    /// connection inherits the acceptor's options.
    void set_accepted(int number, const descriptor& acceptor, const ip::socket_address& peer,
                      socklen_t size) noexcept {
        set_number(number);
        may_linger_ = acceptor.may_linger_;
        set_connected(&peer.any, size);
    }

    /// The number() of the record that is used by operations without a descriptor.
    static constexpr int none = 0x7fffffff;

    /// Returns true if the peer's address is known.
    [[nodiscard]] bool knows_peer() const noexcept { return knows_peer_; }
    /// Returns the peer's address. Call this only if knows_peer() returns true.
    [[nodiscard]] const ip::endpoint& peer() const noexcept { return peer_; }
    /// Calls socket(2), and makes an IPv6 socket dual-stack, regardless of the sysctl net.ipv6.bindv6only. On
    /// failure, returns a negative errno and leaves no socket open.
    [[nodiscard]] int open_number(int family, int type, int protocol) noexcept;
    /// Ends all operations and closes the descriptor. The handle can then open another descriptor. If the
    /// kernel still has operations of this record in flight, the handle uses another record for the new
    /// descriptor. Otherwise, it reuses this record.
    void reset_number() noexcept;

    /// If the peer's address is IPv4 or IPv6, stores it. Otherwise, each query of the address asks the
    /// kernel.
    void set_connected(const sockaddr* peer, socklen_t size) noexcept;
    void clear_peer() noexcept { knows_peer_ = false; }

    /// Called when SO_LINGER may have been set. From now on, a close queries the option, which costs a system
    /// call, and clears the option if close(2) would block. A child of fork(2) does neither for an inherited
    /// descriptor, because clearing the option would also affect the parent's socket.
    void set_may_linger() noexcept { may_linger_ = true; }

    [[nodiscard]] descriptor_source* source() const noexcept { return source_.get(); }
    void set_source(owned<descriptor_source> source) noexcept { source_ = std::move(source); }

    /// Returns true if any operation is waiting, either for the source or behind another operation.
    [[nodiscard]] bool has_waiting() const noexcept { return !waiting_.empty(); }
    /// Returns true if an operation is the current reader.
    [[nodiscard]] bool has_reader() const noexcept { return reader_ != nullptr; }
    [[nodiscard]] operation* first_waiting() noexcept;
    [[nodiscard]] operation* take_waiting() noexcept;

    /// Makes the next source_has_data() notify the operations in the kernel.
    void watch() noexcept { is_watched_ = true; }
    /// Called when the source has data that no waiting reader has taken. Notifies the operations in the
    /// kernel if watch() was called.
    void source_has_data() noexcept {
        if (is_watched_) [[unlikely]]
            notify_watchers();
    }

    /// Returns the number of cancels that may have affected an operation. See operation::was_cancelled().
    [[nodiscard]] std::uint16_t cancels() const noexcept { return cancels_; }
    /// Returns the list of operations that have an SQE, except those that are being cancelled.
    [[nodiscard]] intrusive_list<operation>& in_kernel() noexcept { return in_kernel_; }
    /// Returns the number of operations that the kernel has not completed.
    [[nodiscard]] std::uint32_t in_flight() const noexcept { return in_flight_; }

    /// Cancels all operations without waiting. Operations that have not completed yet end with
    /// operation_aborted.
    void cancel_operations() noexcept;
    /// Cancels all operations and blocks until the kernel has completed them, which takes a few microseconds.
    /// If the kernel cannot end an operation, such as a read of a file on a dead mount, the operation is left
    /// in flight after 2 s and reported on stderr.
    void retire_operations() noexcept;
    /// Called when this program is about to shut the socket down for receiving. Marks the record's operations
    /// as interrupted, and notifies the record's source.
    void interrupt_readers() noexcept;
    /// Closes the descriptor unless it is borrowed. Keeps the record.
    void close_number() noexcept;

private:
    friend class operation;
    friend class event_loop;
    friend class descriptor_table;
    friend class descriptor_handle;

    [[nodiscard]] bool lingers(int number) const noexcept;
    void notify_watchers() noexcept;
    void submit_next(operation*& ahead, lane which) noexcept;

    event_loop* context_;
    descriptor_handle* handle_ = nullptr;  // the owner; null after the owner has closed the record
    // Operations that have an SQE. Operations that are being cancelled are in lists of detail::submission
    // instead.
    intrusive_list<operation> in_kernel_;
    // FIFO of operations that wait for the source, or for the operation ahead of them.
    intrusive_list<operation> waiting_;
    // The current reader or writer. A stream allows one of each.
    operation* reader_ = nullptr;
    operation* writer_ = nullptr;
    owned<descriptor_source> source_;
    ip::endpoint peer_;
    std::int32_t number_ = -1;
    std::uint32_t generation_ = 0;
    std::uint32_t operations_ = 0;  // number of operations that have begun but not been destroyed
    std::uint32_t in_flight_ = 0;   // number of operations that are in the kernel
    std::uint32_t process_ = 0;     // the process that opened the descriptor; see this_process
    bool knows_peer_ : 1 = false;
    bool may_linger_ : 1 = false;
    bool is_borrowed_ : 1 = false;      // this record never closes the descriptor
    bool is_watched_ : 1 = false;       // watch() was called; cleared by the next notification
    bool may_need_cancel_ : 1 = false;  // an operation has begun since the last cancel
    // Counts cancels. An operation stores this counter when it begins, and later compares the two values. A
    // cancel therefore affects even an operation that has completed but whose task has not resumed yet. A
    // cancel is counted only if an operation has begun since the previous cancel, so the counter overflows
    // only after 65,536 counted cancels.
    std::uint16_t cancels_ = 0;
};

}  // namespace detail

static_assert(sizeof(detail::descriptor) <= 128);

namespace detail {

/// The record for which a description was made, and the record's generation at that time.
struct descriptor_use {
    descriptor* record = nullptr;
    std::uint32_t generation = 0;
    int flags = 0;

    environment& foreign_environment() const;
};

/// Owns an open descriptor of a context. Every socket contains a descriptor_handle. A handle can be moved
/// while operations are pending, because operations point to the record and not to the handle. When the
/// context ends, the handle is closed and cannot be opened again.
class descriptor_handle {
public:
    /// Creates a handle without a context. Another handle can later be assigned to this handle.
    descriptor_handle() noexcept = default;
    explicit descriptor_handle(context_ref context) noexcept : context_(std::move(context)) {}
    explicit descriptor_handle(io_context& context) noexcept : context_(context) {}
    descriptor_handle(descriptor_handle&& other) noexcept;
    descriptor_handle& operator=(descriptor_handle&& other) noexcept;
    ~descriptor_handle() { close(); }

    [[nodiscard]] io_context& context() const noexcept { return *context_; }
    [[nodiscard]] bool is_open() const noexcept { return record_ && record_->is_open(); }
    /// Returns the descriptor's number, or -1 if the handle is closed.
    [[nodiscard]] int number() const noexcept { return record_ ? record_->number() : -1; }
    /// Returns the number for use by code outside coil. Because that code may set SO_LINGER, each close
    /// queries this option from now on.
    [[nodiscard]] int lend_number() const noexcept;

    /// Throws error::wrong_thread, with `call` in the text, if the context belongs to another thread.
    void check_thread(const char* call) const;
    /// Aborts with a message if the handle has a record whose context belongs to another thread. Use this in
    /// functions that cannot throw.
    void require_thread(const char* call) const noexcept;

    /// Takes ownership of a newly opened descriptor.
    void adopt(int number);
    /// Takes ownership of a descriptor that was opened outside coil and whose options are unknown.
    void adopt_foreign(int number);
    /// Borrows a descriptor. The owner must not close the descriptor before all operations on it have ended.
    void borrow(int number);
    /// Takes ownership of a connection that `acceptor` has accepted. The handle's record must already exist.
    void adopt_accepted(int number, const descriptor& acceptor, const ip::socket_address& peer,
                        socklen_t size) noexcept;
    /// Ends all operations and returns the descriptor without closing it.
    [[nodiscard]] int release() noexcept;
    /// Ends all operations and closes the descriptor before returning.
    void close() noexcept;
    /// Cancels all operations.
    void cancel() noexcept;

    /// Returns the record and its generation for a description. The first call allocates the record.
    [[nodiscard]] descriptor_use use(int flags = 0);
    [[nodiscard]] descriptor& record();
    [[nodiscard]] descriptor* record_if_any() const noexcept { return record_; }
    /// Stops receiving. Returns true if the source holds bytes or an error that no reader has received yet.
    [[nodiscard]] bool keeps_bytes() const noexcept {
        return record_ && record_->source() && record_->source()->keeps_bytes();
    }

private:
    friend class descriptor;
    friend class event_loop;
    friend class descriptor_table;

    void leave() noexcept;

    context_ref context_;
    descriptor* record_ = nullptr;
};

}  // namespace detail

}  // namespace coil::COIL_ABI
