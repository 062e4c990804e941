// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include <coil/algo/step.hpp>
#include <coil/algo/stream.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/base/buffer.hpp>
#include <coil/base/error.hpp>
#include <coil/base/intrusive_list.hpp>
#include <coil/base/wait_type.hpp>
#include <coil/coro/as_tuple.hpp>
#include <coil/coro/scope.hpp>
#include <coil/coro/task.hpp>
#include <coil/coro/this_coro.hpp>
#include <coil/loop/chunk.hpp>
#include <coil/sync/event.hpp>
#include <coil/sync/when_any.hpp>
#include <coil/tls/engine.hpp>
#include <coil/tls/error.hpp>

namespace coil::COIL_ABI::detail {

/// The part of a pending operation that its connection uses.
class tls_pending : public list_hook {
public:
    virtual void cancel() noexcept = 0;

protected:
    ~tls_pending() = default;
};

/// The pending operations of a connection, in the order in which they began.
class tls_operations {
public:
    void add(tls_pending& operation) noexcept { pending_.push_back(operation); }
    void cancel() noexcept {
        ++cancels_;
        pending_.for_each([](tls_pending& each) { each.cancel(); });
    }
    /// Returns how often cancel() was called.
    [[nodiscard]] unsigned cancels() const noexcept { return cancels_; }

private:
    intrusive_list<tls_pending> pending_;
    unsigned cancels_ = 0;
};

/// An operation in a stop scope of its own, so that tls_operations::cancel() can stop it.
template <description D>
class [[nodiscard("co_await it")]] tls_operation final : public scoped_operation<D>, public tls_pending {
    using base = scoped_operation<D>;

public:
    tls_operation(tls_operations* all, D&& work, environment& scope)
        : base(std::forward<D>(work), scope), all_(all) {}
    ~tls_operation() override = default;

    bool await_ready() {
        this->inherit_stop();
        return base::await_ready();
    }
    void await_suspend(std::coroutine_handle<> waiter) {
        this->inherit_stop();
        base::begin(waiter);
        if (all_) {
            cancels_before_ = all_->cancels();
            all_->add(*this);
        }
        this->start_inner(waiter);
    }
    auto await_outcome() {
        end();
        return this->inner().await_outcome();
    }
    decltype(auto) await_resume() {
        end();
        return this->inner().await_resume();
    }
    void cancel() noexcept override { this->scope().request_stop(); }
    /// Returns true if the stream was cancelled, even if the operation has moved some bytes.
    [[nodiscard]] bool was_cancelled() const noexcept { return was_cancelled_ || is_cancelled(); }

private:
    [[nodiscard]] bool is_cancelled() const noexcept {
        return tls_pending::is_linked() && all_->cancels() != cancels_before_;
    }
    void end() noexcept {
        was_cancelled_ = was_cancelled();
        tls_pending::unlink();
        base::finish();
    }

    tls_operations* all_;
    unsigned cancels_before_ = 0;
    bool was_cancelled_ = false;
};

template <description D>
class [[nodiscard("co_await it")]] tls_description
    : public co_await_is_missing<await_result<operation_of<D>>, tls_description<D>> {
public:
    tls_description(tls_operations* all, D work) noexcept : all_(all), work_(std::move(work)) {}
    tls_operation<D> operation_in(environment& scope) && { return {all_, std::move(work_), scope}; }

private:
    tls_operations* all_;
    D work_;
};

/// A TLS connection above a stream. A pending operation owns it together with the `tls::stream`, so either
/// may be destroyed first.
///
///     recv:  decrypts --> needs ciphertext --> receives it, and meanwhile sends what no other task sends
///     send:  encrypts into the queue --> sends the queue, or waits until another task has sent it
///
/// One task at a time sends. Messages of OpenSSL's own, such as the answer to a KeyUpdate, are in the same
/// queue.
template <class Stream>
class tls_connection {
    using self_ptr = std::shared_ptr<tls_connection>;
    using state = tls_engine::state;

public:
    tls_connection(Stream given, std::shared_ptr<tls_context> context, tls_engine::role side,
                   std::string host, bool verifies, bool tolerates_truncation)
        : inner(std::move(given)),
          tls(std::move(context), side, std::move(host), verifies),
          tolerates_truncation_(tolerates_truncation) {}

    /// Makes a connection, and performs its handshake.
    static task<self_ptr> establish(Stream given, std::shared_ptr<tls_context> context, tls_engine::role side,
                                    std::string host, bool verifies, bool tolerates_truncation,
                                    std::chrono::milliseconds limit) {
        auto made = std::make_shared<tls_connection>(std::move(given), std::move(context), side,
                                                     std::move(host), verifies, tolerates_truncation);
        try {
            co_await timeout(made->handshake(), limit);
        } catch (const std::system_error& failure) {
            if (failure.code() != error::timed_out)
                throw;
            throw_failure(failure.code(), made->name() + ": handshake");
        }
        made->keep_input();
        co_return made;
    }

    task<> handshake() {
        bool has_ended = false;
        while (!has_ended && !input_ended_) {
            const state reached = tls.handshake();
            release_input();
            if (reached == state::failed) {
                // The peer should learn the reason. If it does not, that changes nothing here.
                static_cast<void>(co_await as_tuple(send_until(tls.queued_total())));
                fail();
            }
            // A server's last messages in TLS 1.3 are tickets. A client that does not read yet must not delay
            // the end of the handshake, so the next operation sends them.
            if (reached == state::done && tls.sends_tickets())
                co_return;
            co_await send_until(tls.queued_total());
            if (reached == state::done)
                co_return;
            has_ended = reached == state::ended;
            if (!has_ended)
                take(co_await fetch());
        }
        throw_failure(tls::error::handshake_failed, name() + ": the peer has closed the connection");
    }

    template <class Buffers>
    static task<std::size_t> recv(self_ptr self, Buffers buffers) {
        const lane_guard lane(*self, self->reads_, "recv");
        if (co_await this_coro::stop_requested)
            self->abort("recv");
        const mutable_buffers into = span_of(buffers);
        if (total_size(into) == 0)
            co_return 0;
        for (;;) {
            // A peer that asks for answers and does not read them must not fill this side's memory.
            if (self->tls.unsent_answers() > answers_max)
                co_await self->send_until(self->tls.queued_total());
            std::size_t n = 0;
            const state reached = self->tls.read(into, n);
            self->release_input();
            if (n > 0) {
                self->keep_input();
                co_return n;
            }
            if (reached == state::failed || reached == state::ended || self->input_ended_) {
                self->drop_input();
                if (reached == state::failed)
                    self->fail();
                self->check_end();
                co_return 0;
            }
            if (self->must_send()) {
                co_await self->exchange();
                continue;
            }
            // If a send fails meanwhile and leaves ciphertext, it cancels this, and the loop goes on.
            const unsigned cancels = self->fetches_.cancels();
            auto result = co_await as_tuple(tls_description(&self->fetches_, self->fetch()));
            if (!result.error() || self->fetches_.cancels() == cancels || co_await this_coro::stop_requested)
                self->take_result(std::move(result));
        }
    }

    template <class Buffers>
    static task<std::size_t> send(self_ptr self, Buffers buffers) {
        const lane_guard lane(*self, self->writes_, "send");
        const leftover_guard leftovers(*self);
        if (co_await this_coro::stop_requested)
            self->abort("send");
        const const_buffers from = span_of(buffers);
        if (total_size(from) == 0)
            co_return 0;
        if (self->tls.unsent() > 0 && !self->tls.is_shut_down())
            co_await self->send_until(self->tls.queued_total());  // what a cancelled send has left
        std::size_t n = 0;
        for (bool is_encrypted = false; !is_encrypted;) {
            if (self->tls.is_shut_down())
                throw_failure(system_error_code(EPIPE), self->name() + ": send", true, 0);
            const state reached = self->tls.write(from, write_max, n);
            if (reached == state::failed)
                self->fail();
            is_encrypted = reached == state::done;
            if (!is_encrypted)
                co_await receive_the_rest(self);
        }
        const std::uint64_t total = self->tls.queued_total();
        std::error_code failed;
        if (!self->is_sending_) {  // saves the frame of send_until()
            const sender_guard sender(*self);
            const auto result = co_await as_tuple(self->inner.send(self->tls.output()));
            self->note_sent(result.bytes_transferred());
            failed = result.error();
            if (!failed && result.bytes_transferred() == 0)
                failed = error::nothing_sent;
        }
        if (!failed && self->tls.sent_total() < total) {
            const auto result = co_await as_tuple(self->send_until(total));
            failed = result.error();
        }
        // A cancelled send has committed its bytes: another operation sends the rest of them.
        if (failed && failed != error::operation_aborted)
            throw_failure(failed, self->name() + ": send", true, 0);
        co_return n;
    }

    static task<> shutdown(self_ptr self, steady_clock::duration limit) {
        self->tls.shut_down();
        co_await timeout(self->send_until(self->tls.queued_total()), limit);
    }

    // Exchanges close_notify with the peer, and closes the stream below in any case.
    static task<> close(self_ptr self, steady_clock::duration limit) {
        if (std::exchange(self->is_closed_, true))
            co_return;
        self->operations.cancel();
        const auto said = co_await as_tuple(timeout(say_goodbye(self), limit));
        if constexpr (requires { self->inner.close(); })
            co_await self->inner.close();
        self->drop_input();
        if (said.error() == error::operation_aborted)
            self->abort("close");
    }

    static task<wait_type> wait(self_ptr self, wait_type wanted) {
        const bool is_stopped = co_await this_coro::stop_requested;
        if (is_stopped)
            self->abort("wait");
        if (wanted == wait_base::wait_read) {
            co_await wait_until_readable(self);
            co_return wait_base::wait_read;
        }
        if (wanted == wait_base::wait_write) {
            co_await self->send_until(self->tls.queued_total());
            if constexpr (requires { self->inner.wait(wanted); })
                co_return co_await self->inner.wait(wanted);
            co_return wait_base::wait_write;
        }
        throw_failure(std::make_error_code(std::errc::operation_not_supported),
                      self->name() + ": wait: a TLS stream waits for either readability or writability");
    }

    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }
    [[nodiscard]] bool was_truncated() const noexcept {
        return input_ended_ && !tls.has_received_close_notify();
    }
    [[nodiscard]] std::string name() const { return tls.host().empty() ? "tls" : "tls (" + tls.host() + ")"; }

    Stream inner;
    tls_engine tls;
    tls_operations operations;

private:
    static constexpr std::size_t write_max = 64 << 10;   // bytes that one send encrypts at most
    static constexpr std::size_t input_size = 17 << 10;  // a record and its header
    static constexpr std::size_t answers_max = 4096;

    static mutable_buffers span_of(const mutable_buffer& one) noexcept { return {&one, 1}; }
    static const_buffers span_of(const const_buffer& one) noexcept { return {&one, 1}; }
    static mutable_buffers span_of(mutable_buffers many) noexcept { return many; }
    static const_buffers span_of(const_buffers many) noexcept { return many; }

    // One reader and one writer at a time.
    class lane_guard {
    public:
        lane_guard(tls_connection& of, bool& taken, const char* call) : of_(of), taken_(taken) {
            if (of.is_closed_)
                of.abort(call);
            if (taken)
                throw_failure(error::operation_in_progress, of.name() + ": " + call, true, 0);
            taken = true;
        }
        lane_guard(const lane_guard&) = delete;
        lane_guard& operator=(const lane_guard&) = delete;
        ~lane_guard() {
            taken_ = false;
            of_.notify();
        }

    private:
        tls_connection& of_;
        bool& taken_;
    };

    // Marks this task as the one that sends.
    class sender_guard {
    public:
        explicit sender_guard(tls_connection& of) noexcept : of_(of) { of_.is_sending_ = true; }
        sender_guard(const sender_guard&) = delete;
        sender_guard& operator=(const sender_guard&) = delete;
        ~sender_guard() {
            of_.is_sending_ = false;
            of_.notify();
        }

    private:
        tls_connection& of_;
    };

    // If an operation ends and no task sends what it has left, a pending reader does.
    class leftover_guard {
    public:
        explicit leftover_guard(tls_connection& of) noexcept : of_(of) {}
        leftover_guard(const leftover_guard&) = delete;
        leftover_guard& operator=(const leftover_guard&) = delete;
        ~leftover_guard() {
            if (of_.must_send())
                of_.fetches_.cancel();
        }

    private:
        tls_connection& of_;
    };

    void notify() noexcept {
        progress_.set();
        progress_.reset();
    }

    // Sends until this number of bytes of ciphertext have been sent since the beginning.
    task<> send_until(std::uint64_t total) {
        const leftover_guard leftovers(*this);
        while (tls.sent_total() < total) {
            if (is_sending_) {
                co_await progress_.wait();
                continue;
            }
            const sender_guard sender(*this);
            std::error_code failed;
            try {
                const std::size_t n = co_await inner.send(tls.output());
                note_sent(n);
                if (n == 0)
                    failed = error::nothing_sent;
            } catch (const transfer_error& failure) {
                note_sent(failure.bytes_transferred());
                failed = failure.code();
            }
            if (failed)
                throw_failure(failed, name() + ": send", true, 0);
        }
    }

    void note_sent(std::size_t n) noexcept {
        check_count(n, tls.output().size());
        tls.sent(n);
    }

    // Returns true if a reader has to send, because no other task does.
    [[nodiscard]] bool must_send() const noexcept { return tls.unsent() > 0 && !is_sending_; }

    // Receives ciphertext, and meanwhile sends what no other task sends.
    task<> exchange() {
        auto first = co_await when_any(fetch(), send_leftovers());
        take_result(std::move(first.template get<0>()));
    }

    // Ends only when it is stopped.
    task<> send_leftovers() {
        for (bool can_send = true;;) {
            if (must_send() && can_send) {
                try {
                    co_await send_until(tls.queued_total());
                } catch (...) {
                    can_send = false;  // receiving may still work
                }
            } else {
                const auto result = co_await as_tuple(progress_.wait());
                if (result.error())
                    co_return;  // stopped, because ciphertext has arrived
            }
        }
    }

    // OpenSSL has received the beginning of a message, such as a ticket, and encrypts only after the rest.
    static task<> receive_the_rest(self_ptr self) {
        if (self->reads_) {
            co_await self->progress_.wait();  // the reader receives it
            co_return;
        }
        const lane_guard lane(*self, self->reads_, "send");
        co_await self->exchange();
        static_cast<void>(self->tls.peek());
        self->release_input();
    }

    // Receives ciphertext. Pass the result to take().
    auto fetch() {
        if constexpr (requires { inner.recv_chunk(); }) {
            return inner.recv_chunk();
        } else {
            if (!input_)
                input_ = std::make_unique<std::byte[]>(input_size);
            return inner.recv(mutable_buffer(input_.get(), input_size));
        }
    }

    template <class Outcome>
    void take_result(Outcome&& fetched) {
        if (fetched.error() && fetched.bytes_transferred() > 0)  // of ciphertext, which means nothing here
            throw_failure(fetched.error(), name() + ": recv", true, 0);
        take(std::forward<Outcome>(fetched).value());
    }
    void take(chunk received) noexcept {
        chunk_ = std::move(received);
        input_ended_ = chunk_.empty();
        tls.give({chunk_.data(), chunk_.size()});
        notify();
    }
    void take(std::size_t received) noexcept {
        check_count(received, input_size);
        input_ended_ = received == 0;
        tls.give({input_.get(), received});
        notify();
    }

    void release_input() noexcept {
        if (!tls.has_input())
            drop_input();
    }
    void drop_input() noexcept {
        tls.give({});
        chunk_.reset();
        input_.reset();
    }
    // Called if a reader or the handshake leaves ciphertext. It must not keep a buffer of the pool, because
    // all connections share the pool, and the stream may outlive it.
    void keep_input() noexcept {
        if (chunk_.empty() || !tls.has_input())
            return;
        try {
            chunk_.remove_prefix(chunk_.size() - tls.input_size());
            chunk_.detach();
        } catch (const std::bad_alloc&) {
            return;  // the chunk still holds the bytes
        }
        tls.give({chunk_.data(), chunk_.size()});
    }

    static task<> wait_until_readable(self_ptr self) {
        const lane_guard lane(*self, self->reads_, "wait");
        for (;;) {
            if (self->tls.unsent_answers() > answers_max)
                co_await self->send_until(self->tls.queued_total());
            const state reached = self->tls.peek();
            self->release_input();
            if (reached != state::needs_input || self->input_ended_) {
                self->keep_input();
                co_return;
            }
            co_await self->exchange();
        }
    }

    // Sends close_notify, and receives until the peer has sent its own.
    static task<> say_goodbye(self_ptr self) {
        while (self->reads_ || self->writes_)  // operations that close() has cancelled
            co_await self->progress_.wait();
        self->tls.shut_down();
        std::array<std::byte, 1024> unwanted;
        const mutable_buffer into(unwanted);
        bool has_ended = false;
        while (!has_ended && self->tls.unsent_answers() <= answers_max) {
            std::size_t n = 0;
            const state reached = self->tls.read(span_of(into), n);
            self->release_input();
            has_ended = reached == state::ended || reached == state::failed || self->input_ended_;
            if (reached == state::needs_input && !has_ended)
                co_await self->exchange();
        }
        co_await self->send_until(self->tls.queued_total());
    }

    [[noreturn]] void abort(const char* call) const {
        throw_failure(error::operation_aborted, name() + ": " + call, true, 0);
    }
    [[noreturn]] void fail() const {
        throw_failure(tls.error(), tls.reason().empty() ? name() : name() + ": " + tls.reason(),
                      tls.is_established(), 0);
    }
    void check_end() const {
        if (was_truncated() && !tolerates_truncation_)
            throw_failure(tls::error::truncated, name() + ": recv", true, 0);
    }

    chunk chunk_;
    std::unique_ptr<std::byte[]> input_;
    tls_operations fetches_;  // at most one: a reader that waits for ciphertext and does not send
    event progress_;          // set and reset when bytes have been sent, or a task has left
    bool tolerates_truncation_;
    bool reads_ = false;
    bool writes_ = false;
    bool is_sending_ = false;
    bool input_ended_ = false;
    bool is_closed_ = false;
};

}  // namespace coil::COIL_ABI::detail
