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
#include <exception>
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

/// The part of a wait that its connection uses.
class tls_wait : public list_hook {
public:
    explicit tls_wait(bool is_fetch) noexcept : is_fetch_(is_fetch) {}

    virtual void cancel() noexcept = 0;
    [[nodiscard]] bool is_fetch() const noexcept { return is_fetch_; }

protected:
    ~tls_wait() = default;

private:
    bool is_fetch_;
};

/// The waits of a connection's operations.
class tls_waits {
public:
    void add(tls_wait& wait) noexcept { pending_.push_back(wait); }

    /// Ends all waits, and the operations that have begun before.
    void cancel() noexcept {
        ++cancels_;
        pending_.for_each([](tls_wait& each) { each.cancel(); });
    }
    /// Returns how often cancel() was called. An operation stores the number when it begins.
    [[nodiscard]] unsigned cancels() const noexcept { return cancels_; }

    /// Ends the wait of a reader for ciphertext. The reader then looks for something else to do.
    void interrupt_fetch() noexcept {
        ++interrupts_;
        pending_.for_each([](tls_wait& each) {
            if (each.is_fetch())
                each.cancel();
        });
    }
    [[nodiscard]] unsigned interrupts() const noexcept { return interrupts_; }

private:
    intrusive_list<tls_wait> pending_;
    unsigned cancels_ = 0;
    unsigned interrupts_ = 0;
};

/// A wait in a stop scope of its own, so that its connection can end it. Returns an outcome.
template <description D>
class [[nodiscard("co_await it")]] tls_wait_operation : public scoped_operation<D>, public tls_wait {
    using base = scoped_operation<D>;

public:
    tls_wait_operation(D&& work, environment& scope, tls_waits& all, unsigned began, bool is_fetch)
        : base(std::forward<D>(work), scope), tls_wait(is_fetch), all_(all), began_(began) {}
    ~tls_wait_operation() override = default;

    bool await_ready() {
        inherit();
        return base::await_ready();
    }
    void await_suspend(std::coroutine_handle<> waiter) {
        inherit();
        base::begin(waiter);
        all_.add(*this);
        this->start_inner(waiter);
    }
    auto await_outcome() {
        tls_wait::unlink();
        base::finish();
        auto result = this->inner().await_outcome();
        name_failure(result, this->inner());
        return result;
    }
    auto await_resume() { return await_outcome(); }
    void cancel() noexcept final { this->scope().request_stop(); }

protected:
    [[nodiscard]] bool was_cancelled() const noexcept { return all_.cancels() != began_; }

private:
    void inherit() noexcept {
        this->inherit_stop();
        if (was_cancelled())
            cancel();
    }

    tls_waits& all_;
    unsigned began_;
};

template <description D>
class [[nodiscard("co_await it")]] tls_wait_description
    : public co_await_is_missing<outcome_of<D>, tls_wait_description<D>> {
public:
    tls_wait_description(D work, tls_waits& all, unsigned began, bool is_fetch = false) noexcept
        : work_(std::move(work)), all_(all), began_(began), is_fetch_(is_fetch) {}
    tls_wait_operation<D> operation_in(environment& scope) && {
        return {std::move(work_), scope, all_, began_, is_fetch_};
    }

private:
    D work_;
    tls_waits& all_;
    unsigned began_;
    bool is_fetch_;
};

/// The number of cancels when an operation began: when it was awaited, even if its task starts later, as in a
/// race. This is a parameter of the operation's coroutine, so it lives in the coroutine's frame. Its
/// constructors store where.
class tls_start {
public:
    tls_start(const tls_waits& all, tls_start*& place) noexcept : all_(&all), place_(&place) {}
    tls_start(tls_start&& other) noexcept : all_(other.all_), place_(other.place_) { *place_ = this; }
    tls_start& operator=(tls_start&&) = delete;

    void begin() noexcept { began_ = all_->cancels(); }
    [[nodiscard]] unsigned began() const noexcept { return began_; }
    [[nodiscard]] bool was_cancelled() const noexcept { return all_->cancels() != began_; }

private:
    const tls_waits* all_;
    union {
        tls_start** place_;  // until begin() is called
        unsigned began_;
    };
};

/// An operation of a stream: a task, and whether the stream was cancelled meanwhile.
template <class T>
class [[nodiscard("co_await it")]] tls_operation {
public:
    tls_operation(tls_start* start, task<T>&& work, environment& scope)
        : inner_(std::move(work).operation_in(scope)), start_(start) {
        begin();
    }
    tls_operation(const tls_operation&) = delete;

    bool await_ready() {
        begin();
        return inner_.await_ready();
    }
    void await_suspend(std::coroutine_handle<> waiter) { inner_.await_suspend(waiter); }
    auto await_outcome() {
        end();
        return inner_.await_outcome();
    }
    decltype(auto) await_resume() {
        end();
        return inner_.await_resume();
    }
    /// Returns true if the stream was cancelled, even if the operation has moved some bytes.
    [[nodiscard]] bool was_cancelled() const noexcept {
        return was_cancelled_ || (start_ && start_->was_cancelled());
    }
    [[nodiscard]] std::string describe() const { return inner_.describe(); }

private:
    void begin() noexcept {
        if (start_)
            start_->begin();
    }
    // Afterwards, the frame and the connection may no longer exist.
    void end() noexcept {
        was_cancelled_ = was_cancelled();
        start_ = nullptr;
    }

    operation_of<task<T>> inner_;
    tls_start* start_;
    bool was_cancelled_ = false;
};

template <class T>
class [[nodiscard("co_await it")]] tls_description : public co_await_is_missing<T, tls_description<T>> {
public:
    tls_description(tls_start* start, task<T> work) noexcept : start_(start), work_(std::move(work)) {}
    tls_operation<T> operation_in(environment& scope) && { return {start_, std::move(work_), scope}; }

private:
    tls_start* start_;
    task<T> work_;
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
        const unsigned began = waits_.cancels();
        bool has_ended = false;
        while (!has_ended && !input_ended_) {
            const state reached = tls.handshake();
            release_input();
            if (reached == state::failed) {
                // The peer should learn the reason. If it does not, that changes nothing here.
                static_cast<void>(co_await as_tuple(send_until(tls.queued_total(), began)));
                fail();
            }
            // A server's last messages in TLS 1.3 are tickets. They are sent together with the first
            // response, or when the server has received something and waits for more.
            if (reached == state::done && tls.sends_tickets()) {
                defers_tickets_ = true;
                co_return;
            }
            co_await send_until(tls.queued_total(), began);
            if (reached == state::done)
                co_return;
            has_ended = reached == state::ended;
            if (!has_ended)
                take(co_await fetch());
        }
        throw_failure(tls::error::handshake_failed, name() + ": the peer has closed the connection");
    }

    template <class Buffers>
    static task<std::size_t> recv(self_ptr self, tls_start start, Buffers buffers) {
        const lane_guard lane(*self, self->reads_, "recv");
        if (co_await this_coro::stop_requested)
            self->abort("recv");
        const mutable_buffers into = span_of(buffers);
        if (total_size(into) == 0)
            co_return 0;
        for (;;) {
            if (!self->owes_answers()) {
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
            }
            if ((self->must_send() && !self->defers_tickets_) || self->owes_answers() || self->is_lent_) {
                co_await self->exchange(start.began());
                continue;
            }
            co_await fetching(*self, start.began());
        }
    }

    template <class Buffers>
    static task<std::size_t> send(self_ptr self, tls_start start, Buffers buffers) {
        const lane_guard lane(*self, self->writes_, "send");
        const leftover_guard leftovers(*self);
        const unsigned began = start.began();
        if (co_await this_coro::stop_requested)
            self->abort("send");
        const const_buffers from = span_of(buffers);
        if (total_size(from) == 0)
            co_return 0;
        // A few bytes that are left, such as tickets, are sent together with the new ones.
        if (self->tls.unsent() > leftover_max && !self->tls.is_shut_down())
            co_await self->send_until(self->tls.queued_total(), began);
        std::size_t n = 0;
        for (bool is_encrypted = false; !is_encrypted;) {
            if (self->tls.is_shut_down())
                throw_failure(system_error_code(EPIPE), self->name() + ": send", true, 0);
            const state reached = self->tls.write(from, write_max, n);
            if (reached == state::failed)
                self->fail();
            is_encrypted = reached == state::done;
            if (!is_encrypted)
                co_await receive_the_rest(self, began);
        }
        const std::uint64_t total = self->tls.queued_total();
        std::error_code failed;
        if (!self->is_sending_) {  // saves the frame of send_until()
            const sender_guard sender(*self);
            const auto result = co_await self->sending(began);
            failed = self->note_sent(result);
        }
        if (!failed && self->tls.sent_total() < total) {
            const auto result = co_await as_tuple(self->send_until(total, began));
            failed = result.error();
        }
        // A cancelled send has committed its bytes: another operation sends the rest of them.
        if (failed && failed != error::operation_aborted)
            throw_failure(failed, self->name() + ": send", true, 0);
        co_return n;
    }

    static task<> shutdown(self_ptr self, tls_start start, steady_clock::duration limit) {
        self->tls.shut_down();
        co_await timeout(send_close_notify(self, start.began()), limit);
    }

    // Exchanges close_notify with the peer, and closes the stream below in any case.
    static task<> close(self_ptr self, steady_clock::duration limit) {
        if (self->is_closed_)
            co_return;
        self->is_closed_ = true;
        self->waits_.cancel();
        const closing_guard closing(*self);
        std::error_code failed;
        std::exception_ptr bug;
        try {
            const auto said = co_await as_tuple(timeout(say_goodbye(self), limit));
            failed = said.error();
        } catch (...) {
            bug = std::current_exception();  // of the stream below, and not an error
        }
        if constexpr (requires { self->inner.close(limit); })
            co_await self->inner.close(limit);
        else if constexpr (requires { self->inner.close(); })
            co_await self->inner.close();
        if (bug)
            std::rethrow_exception(bug);
        if (failed == error::operation_aborted)
            self->abort("close");
    }

    static task<wait_type> wait(self_ptr self, tls_start start, wait_type wanted) {
        const unsigned began = start.began();
        const bool is_stopped = co_await this_coro::stop_requested;
        if (is_stopped)
            self->abort("wait");
        if (wanted == wait_base::wait_read) {
            co_await wait_until_readable(self, began);
            co_return wait_base::wait_read;
        }
        if (wanted == wait_base::wait_write) {
            co_await self->send_until(self->tls.queued_total(), began);
            if constexpr (requires { self->inner.wait(wanted); }) {
                auto result = co_await tls_wait_description(self->inner.wait(wanted), self->waits_, began);
                co_return std::move(result).value();
            }
            co_return wait_base::wait_write;
        }
        throw_failure(std::make_error_code(std::errc::operation_not_supported),
                      self->name() + ": wait: a TLS stream waits for either readability or writability");
    }

    /// Ends all pending operations, except close().
    void cancel() noexcept {
        if (!is_closed_)
            waits_.cancel();
    }
    [[nodiscard]] const tls_waits& waits() const noexcept { return waits_; }
    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }
    [[nodiscard]] bool was_truncated() const noexcept {
        return input_ended_ && !tls.has_received_close_notify();
    }
    [[nodiscard]] std::string name() const { return tls.host().empty() ? "tls" : "tls (" + tls.host() + ")"; }

    Stream inner;
    tls_engine tls;

private:
    static constexpr std::size_t write_max = 64 << 10;  // bytes that one send encrypts at most
    static constexpr std::size_t leftover_max = 4096;
    static constexpr std::size_t input_size = 17 << 10;  // a record and its header
    static constexpr std::size_t answers_max = 4096;
    static constexpr std::size_t unsendable_answers_max = 1 << 20;

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
            of_.drop_input_after_close();
            of_.notify();
        }

    private:
        tls_connection& of_;
        bool& taken_;
    };

    // A sender receives, until there is a reader.
    class loan_guard {
    public:
        explicit loan_guard(tls_connection& of) noexcept : of_(of) { of_.is_lent_ = true; }
        loan_guard(const loan_guard&) = delete;
        loan_guard& operator=(const loan_guard&) = delete;
        ~loan_guard() {
            of_.is_lent_ = false;
            of_.drop_input_after_close();
            of_.notify();
        }

    private:
        tls_connection& of_;
    };

    class closing_guard {
    public:
        explicit closing_guard(tls_connection& of) noexcept : of_(of) {}
        closing_guard(const closing_guard&) = delete;
        closing_guard& operator=(const closing_guard&) = delete;
        ~closing_guard() {
            of_.has_closed_below_ = true;
            of_.drop_input_after_close();
        }

    private:
        tls_connection& of_;
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
            if (of_.must_send()) {
                of_.defers_tickets_ = false;
                of_.waits_.interrupt_fetch();
            }
        }

    private:
        tls_connection& of_;
    };

    void notify() noexcept {
        progress_.set();
        progress_.reset();
    }

    // Waits until bytes have been sent, or a task has left.
    auto progress(unsigned began) { return tls_wait_description(progress_.wait(), waits_, began); }

    // Sends until this number of bytes of ciphertext have been sent since the beginning.
    task<> send_until(std::uint64_t total, unsigned began) {
        const leftover_guard leftovers(*this);
        while (tls.sent_total() < total) {
            std::error_code failed;
            if (is_sending_) {
                const auto result = co_await progress(began);
                failed = result.error();
            } else {
                const sender_guard sender(*this);
                const auto result = co_await sending(began);
                failed = note_sent(result);
            }
            if (failed)
                throw_failure(failed, name() + ": send", true, 0);
        }
    }

    // Sends the next bytes. Pass the result to note_sent().
    auto sending(unsigned began) { return tls_wait_description(inner.send(tls.output()), waits_, began); }
    std::error_code note_sent(const outcome<std::size_t>& result) noexcept {
        const std::size_t n = result.bytes_transferred();
        check_count(n, tls.output().size());
        tls.sent(n);
        const std::error_code failed = result.error() || n > 0 ? result.error() : error::nothing_sent;
        if (failed != error::operation_aborted)
            send_failed_ = static_cast<bool>(failed);
        if (failed == error::connection_reset)
            was_reset_ = true;
        return failed;
    }

    // Returns true if a reader has to send, because no other task does.
    [[nodiscard]] bool must_send() const noexcept { return tls.unsent() > 0 && !is_sending_; }

    // A peer that asks for answers and does not read them must not fill this side's memory. If they cannot be
    // sent, the bytes that the peer has sent before are still received.
    [[nodiscard]] bool owes_answers() const noexcept {
        return tls.unsent_answers() > (send_failed_ ? unsendable_answers_max : answers_max);
    }

    // Receives ciphertext, and meanwhile sends what no other task sends. If the peer does not read its
    // answers, sends only. If a sender receives, waits until it has given way: call this again.
    task<> exchange(unsigned began, bool is_loan = false) {
        if (is_lent_ && !is_loan) {
            waits_.interrupt_fetch();
            const auto result = co_await progress(began);
            if (result.error())
                throw_failure(result.error(), name() + ": recv", true, 0);
            co_return;
        }
        if (owes_answers()) {
            auto sent = co_await as_tuple(send_until(tls.queued_total(), began));
            if (sent.error() == error::operation_aborted || owes_answers())
                std::move(sent).value();
            co_return;
        }
        const unsigned interrupts = waits_.interrupts();
        auto first =
            co_await tls_wait_description(when_any(fetch(), send_leftovers(began)), waits_, began, is_loan);
        if (first.error())
            throw_failure(first.error(), name() + ": recv", true, 0);
        const bool is_stopped = co_await this_coro::stop_requested;
        auto& received = first->template get<0>();
        if (received.error() == error::operation_aborted && waits_.interrupts() != interrupts &&
            waits_.cancels() == began && !is_stopped)
            co_return;
        take_result(std::move(received));
    }

    // Ends only when it is stopped.
    task<> send_leftovers(unsigned began) {
        for (bool can_send = true;;) {
            if (must_send() && can_send) {
                try {
                    co_await send_until(tls.queued_total(), began);
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

    // OpenSSL has received the beginning of a message, such as a ticket, and encrypts only after the rest. If
    // there is a reader, it receives the rest.
    static task<> receive_the_rest(self_ptr self, unsigned began) {
        if (self->input_ended_)
            throw_failure(tls::error::truncated, self->name() + ": send", true, 0);
        if (self->reads_ || self->is_lent_) {
            const auto result = co_await self->progress(began);
            if (result.error())
                self->abort("send");
            co_return;
        }
        {
            const loan_guard loan(*self);
            co_await self->exchange(began, true);
        }
        static_cast<void>(self->tls.peek());
        self->release_input();
        self->keep_input();
    }

    static task<> send_close_notify(self_ptr self, unsigned began) {
        while (self->tls.owes_close_notify())
            co_await receive_the_rest(self, began);
        co_await self->send_until(self->tls.queued_total(), began);
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

    // Receives ciphertext and takes it. If a send fails meanwhile and leaves ciphertext, it interrupts this,
    // which then takes nothing.
    template <description D>
    class fetch_operation final : public tls_wait_operation<D> {
    public:
        fetch_operation(tls_connection& of, environment& scope, unsigned began)
            : tls_wait_operation<D>(of.fetch(), scope, of.waits_, began, true),
              of_(of),
              interrupts_(of.waits_.interrupts()) {}

        void await_resume() {
            auto result = this->await_outcome();
            const bool is_interrupted = result.error() == error::operation_aborted &&
                                        of_.waits_.interrupts() != interrupts_ && !this->was_cancelled() &&
                                        !this->env().stop_requested();
            if (!is_interrupted)
                of_.take_result(std::move(result));
        }

    private:
        tls_connection& of_;
        unsigned interrupts_;
    };
    class fetching {
    public:
        fetching(tls_connection& of, unsigned began) noexcept : of_(of), began_(began) {}
        auto operation_in(environment& scope) && {
            return fetch_operation<decltype(of_.fetch())>(of_, scope, began_);
        }

    private:
        tls_connection& of_;
        unsigned began_;
    };

    template <class Outcome>
    void take_result(Outcome&& fetched) {
        if (fetched.error() && fetched.bytes_transferred() > 0)  // of ciphertext, which means nothing here
            throw_failure(fetched.error(), name() + ": recv", true, 0);
        take(std::forward<Outcome>(fetched).value());
    }
    void take(chunk received) noexcept {
        defers_tickets_ = false;
        chunk_ = std::move(received);
        input_ended_ = chunk_.empty();
        tls.give({chunk_.data(), chunk_.size()});
        notify();
    }
    void take(std::size_t received) noexcept {
        check_count(received, input_size);
        defers_tickets_ = false;
        input_ended_ = received == 0;
        tls.give({input_.get(), received});
        notify();
    }

    void release_input() noexcept {
        if (!tls.has_input())
            drop_input();
    }
    void drop_input() noexcept {
        if (is_lent_)
            return;  // a sender receives into it
        tls.give({});
        chunk_.reset();
        input_.reset();
    }
    // The last operation that uses the input drops it.
    void drop_input_after_close() noexcept {
        if (has_closed_below_ && !reads_ && !is_lent_)
            drop_input();
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

    static task<> wait_until_readable(self_ptr self, unsigned began) {
        const lane_guard lane(*self, self->reads_, "wait");
        for (;;) {
            if (!self->owes_answers()) {
                const state reached = self->tls.peek();
                self->release_input();
                if (reached != state::needs_input || self->input_ended_) {
                    self->keep_input();
                    co_return;
                }
            }
            co_await self->exchange(began);
        }
    }

    // Sends close_notify, and receives until the peer has sent its own.
    static task<> say_goodbye(self_ptr self) {
        while (self->reads_ || self->writes_ || self->is_lent_)  // operations that close() has cancelled
            co_await self->progress_.wait();
        const unsigned began = self->waits_.cancels();
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
                co_await self->exchange(began);
        }
        co_await self->send_until(self->tls.queued_total(), began);
    }

    [[noreturn]] void abort(const char* call) const {
        throw_failure(error::operation_aborted, name() + ": " + call, true, 0);
    }
    [[noreturn]] void fail() const {
        throw_failure(tls.error(), tls.reason().empty() ? name() : name() + ": " + tls.reason(),
                      tls.is_established(), 0);
    }
    void check_end() const {
        if (!was_truncated())
            return;
        if (was_reset_)  // the kernel has reported it to a send only
            throw_failure(system_error_code(ECONNRESET), name() + ": recv", true, 0);
        if (!tolerates_truncation_)
            throw_failure(tls::error::truncated, name() + ": recv", true, 0);
    }

    chunk chunk_;
    std::unique_ptr<std::byte[]> input_;
    tls_waits waits_;
    event progress_;  // set and reset when bytes have been sent, or a task has left
    bool reads_ = false;
    bool writes_ = false;
    bool tolerates_truncation_ : 1;
    bool is_sending_ : 1 = false;
    bool is_lent_ : 1 = false;      // a sender receives
    bool send_failed_ : 1 = false;  // the last one
    bool was_reset_ : 1 = false;
    bool input_ended_ : 1 = false;
    bool is_closed_ : 1 = false;  // close() has begun
    bool has_closed_below_ : 1 = false;
    bool defers_tickets_ : 1 = false;
};

}  // namespace coil::COIL_ABI::detail
