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

/// Something that a record owns and that fills it on its own account, as the queue of a recv_stream is filled.
class descriptor_source {
public:
    virtual ~descriptor_source() = default;

    /// The record is being closed: whatever waits for this source ends with operation_aborted.
    virtual void close() noexcept = 0;
    /// The object was cancelled: likewise, but the record goes on.
    virtual void cancel() noexcept = 0;
    /// Whether it has something that would be given to an operation at once. When that begins, it tells the record.
    [[nodiscard]] virtual bool has_news() const noexcept { return false; }
    /// Our own shutdown: nothing comes any more.
    virtual void interrupt() noexcept {}
    /// An operation that had the place of the reader has left it, and others wait.
    virtual void reader_left() noexcept {}
    /// Asks for no more, and says whether it has bytes that nobody has read.
    [[nodiscard]] virtual bool keeps_bytes() noexcept { return false; }
    /// The context ends, and this stays: handles that refer to it refer to nothing from now on.
    virtual void part() noexcept {}
};

/// What a context knows of one open descriptor: its number, and who does what with it now. It lives in a table of the
/// context, at the same address until the last completion of its last operation; operations point to it, never to a socket.
///
///     closed --open--> open --close--> closed, operations leave --last one left--> free, for the next descriptor
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
    /// Counts what this record has stood for: a description made for an earlier one doesn't reach the next.
    [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }

    /// Of a new descriptor, of which nothing is known yet.
    void set_number(int number) noexcept;
    /// Of one that somebody else will close.
    void set_borrowed(int number) noexcept {
        set_number(number);
        is_borrowed_ = true;
    }
    /// A connection that `acceptor` accepted: it has a peer, and inherits the acceptor's options.
    void set_accepted(int number, const descriptor& acceptor, const ip::socket_address& peer,
                      socklen_t size) noexcept {
        set_number(number);
        may_linger_ = acceptor.may_linger_;
        set_connected(&peer.any, size);
    }

    /// The number of a record that stands for no descriptor, for operations that need none.
    static constexpr int none = 0x7fffffff;

    /// Whether the peer's address is known.
    [[nodiscard]] bool knows_peer() const noexcept { return knows_peer_; }
    /// The peer's address, if it is known.
    [[nodiscard]] const ip::endpoint& peer() const noexcept { return peer_; }
    /// socket(2), and what every socket of coil gets: an IPv6 socket is dual-stack, whatever the sysctl net.ipv6.bindv6only says.
    /// Returns a negative errno if it fails; then nothing is open.
    [[nodiscard]] int open_number(int family, int type, int protocol) noexcept;
    /// Closes the number under the record's handle: ends all operations first, as a close does. The handle can be opened
    /// anew: with this record, or with another one where the kernel has not let go of an operation.
    void reset_number() noexcept;

    /// Stores the peer's address if it is one of IPv4 or IPv6. For other families every query asks the kernel.
    void set_connected(const sockaddr* peer, socklen_t size) noexcept;
    void forget_peer() noexcept { knows_peer_ = false; }

    /// SO_LINGER may be set from now on: only then closing asks for it, which is a system call. A child of fork(2) does not ask:
    /// a descriptor that it inherits shares its options with the parent's.
    void set_may_linger() noexcept { may_linger_ = true; }

    [[nodiscard]] descriptor_source* source() const noexcept { return source_.get(); }
    void set_source(owned<descriptor_source> source) noexcept { source_ = std::move(source); }

    /// Operations that wait for somebody to finish them, in order.
    [[nodiscard]] bool has_waiting() const noexcept { return !waiting_.empty(); }
    /// Whether one of those that queue is ahead of them, in the kernel.
    [[nodiscard]] bool has_reader() const noexcept { return reader_ != nullptr; }
    [[nodiscard]] operation* first_waiting() noexcept;
    [[nodiscard]] operation* take_waiting() noexcept;

    /// Some of its operations want to be told when the source has news.
    void watch() noexcept { is_watched_ = true; }
    /// It has, and nobody who waited has taken it.
    void source_has_news() noexcept {
        if (is_watched_) [[unlikely]]
            tell_watchers();
    }

    /// Ends every operation, without waiting: what has not completed ends with operation_aborted.
    void cancel_operations() noexcept;
    /// The same, and waits until the kernel has let go of all of them. A few microseconds. An operation that the kernel
    /// can't end, a read of a file on a dead mount for one, is left in flight after 2 s, with a line on stderr.
    void retire_operations() noexcept;
    /// Operations that wait for this direction know that the end they will see is of our own making.
    void interrupt_readers() noexcept;
    /// Closes the number, if there is one and it is ours, and keeps the record.
    void close_number() noexcept;

private:
    friend class operation;
    friend class io_context;
    friend class descriptor_table;
    friend class descriptor_handle;

    [[nodiscard]] bool lingers(int number) const noexcept;
    void tell_watchers() noexcept;
    void submit_next(operation*& ahead, lane which) noexcept;

    io_context* context_;
    descriptor_handle* handle_ = nullptr;  // who owns it; null once closed
    // Submitted operations, or about to be. Those that are being cancelled stand in lists of the context.
    intrusive_list<operation> in_kernel_;
    intrusive_list<operation> waiting_;  // for the one ahead of them, in order
    operation* reader_ = nullptr;        // streams have one at a time
    operation* writer_ = nullptr;
    owned<descriptor_source> source_;
    ip::endpoint peer_;
    std::int32_t number_ = -1;
    std::uint32_t generation_ = 0;
    std::uint32_t operations_ = 0;  // started and not yet destroyed: they point here
    std::uint32_t in_flight_ = 0;   // of these: the kernel has them
    std::uint32_t process_ = 0;     // the one that opened the number: see this_process
    bool knows_peer_ : 1 = false;
    bool may_linger_ : 1 = false;
    bool is_borrowed_ : 1 = false;      // never closed by us
    bool is_watched_ : 1 = false;       // until they were told
    bool may_need_cancel_ : 1 = false;  // an operation has begun since the last cancel
    // Counts cancels, so that they also reach operations that have completed and wait to be resumed. A cancel counts
    // only if an operation has begun since the last one: a wrap needs 65,536 of these.
    std::uint16_t cancels_ = 0;
};

static_assert(sizeof(descriptor) <= 128);

/// What a description keeps of the record that it is meant for.
struct descriptor_use {
    descriptor* record = nullptr;
    std::uint32_t generation = 0;
    int flags = 0;

    environment& foreign_environment() const;
};

/// Owns an open descriptor of a context: what all sockets have in common. Moving it moves two pointers, also with
/// operations pending. A handle that outlives its context is closed, and can't be opened any more.
class descriptor_handle {
public:
    /// Of no context, to be assigned to.
    descriptor_handle() noexcept = default;
    explicit descriptor_handle(io_context& context) noexcept : context_(context) {}
    descriptor_handle(descriptor_handle&& other) noexcept;
    descriptor_handle& operator=(descriptor_handle&& other) noexcept;
    ~descriptor_handle() { close(); }

    [[nodiscard]] io_context& context() const noexcept { return *context_; }
    [[nodiscard]] bool is_open() const noexcept { return record_ && record_->is_open(); }
    /// The descriptor's number, -1 while closed.
    [[nodiscard]] int number() const noexcept { return record_ ? record_->number() : -1; }
    /// The same for the user, who may set options with it that we don't see.
    [[nodiscard]] int lend_number() const noexcept {
        if (record_)
            record_->set_may_linger();
        return number();
    }

    /// Throws error::wrong_thread, with `call`, if the context is another thread's.
    void check_thread(const char* call) const;
    /// Ends the program with words in that case, if anything is open: for what cannot throw.
    void require_thread(const char* call) const noexcept;

    /// Takes ownership of a descriptor that was opened just now.
    void adopt(int number);
    /// Of one that comes from elsewhere, with options that we have not seen.
    void adopt_foreign(int number);
    /// Uses one that somebody else owns, and closes: with the operations on it gone before that.
    void borrow(int number);
    /// A connection that `acceptor` accepted. The record must exist.
    void adopt_accepted(int number, const descriptor& acceptor, const ip::socket_address& peer,
                        socklen_t size) noexcept;
    /// Ends all operations, and hands the descriptor out.
    [[nodiscard]] int release() noexcept;
    /// Ends all operations and closes the descriptor, before it returns.
    void close() noexcept;
    /// Asks all operations to end.
    void cancel() noexcept;

    /// For a description. The record exists from the first use on.
    [[nodiscard]] descriptor_use use(int flags = 0);
    [[nodiscard]] descriptor& record();
    [[nodiscard]] descriptor* record_if_any() const noexcept { return record_; }
    /// Whether bytes were received for it that nobody has read. Stops receiving ahead.
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
