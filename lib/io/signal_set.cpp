// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/io/signal_set.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <memory>
#include <mutex>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <liburing.h>

#include <coil/base/unique_descriptor.hpp>
#include <coil/loop/io_context.hpp>

namespace coil::COIL_ABI {

// Memory shared by the signal handler and a set:
//
//     handler, on any thread:        pending[number] += 1, then writes to the eventfd
//     set, on its context's thread:  reads the eventfd, then checks `pending`
//
// A subscription is never freed and its eventfd is never closed, because a handler may use them at any time.
// A new set reuses a subscription that is no longer in use.
struct detail::signal_subscription {
    std::atomic<std::uint64_t> signals{0};  // one bit per subscribed signal
    std::array<std::atomic<unsigned>, NSIG> pending{};
    int event = -1;
    bool in_use = false;    // guarded by lock()
    bool is_stale = false;  // in a child of fork(2): the set still polls the parent's eventfd
    signal_subscription* next = nullptr;

    static constexpr std::uint64_t bit(int number) noexcept { return std::uint64_t{1} << (number - 1); }

    void notify() const noexcept {
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(event, &one, sizeof one);
    }

    // Clears the eventfd, unless signals are pending for other waiters. Checks again after the read, because
    // the read may have consumed the write of a signal that arrived after the first check.
    void tidy() const noexcept {
        if (has_pending())
            return;
        std::uint64_t count;
        [[maybe_unused]] const auto n = ::read(event, &count, sizeof count);
        if (has_pending())
            notify();
    }

    // Returns true if the set contains the signal and has a pending count for it. The count alone is not
    // sufficient: a handler on another thread may check the bit in `signals` before remove_signal() clears
    // it, and count the signal afterwards.
    bool is_pending(int number) const noexcept {
        return (signals.load(std::memory_order_acquire) & bit(number)) &&
               pending[static_cast<std::size_t>(number)].load(std::memory_order_acquire) > 0;
    }

    bool has_pending() const noexcept {
        for (int number = 1; number < NSIG; ++number)
            if (is_pending(number))
                return true;
        return false;
    }

    // Consumes the lowest-numbered pending signal and returns its number. Returns 0 if none is pending.
    int take() noexcept {
        for (int number = 1; number < NSIG; ++number) {
            if (is_pending(number)) {
                pending[static_cast<std::size_t>(number)].fetch_sub(1, std::memory_order_acq_rel);
                return number;
            }
        }
        return 0;
    }
};

namespace {

using detail::signal_subscription;

static_assert(NSIG - 1 <= 64);

std::atomic<signal_subscription*> subscriptions{nullptr};

struct disposition {
    unsigned users = 0;
    struct sigaction former{};
};

std::mutex& lock() noexcept {
    static std::mutex instance;
    return instance;
}

disposition& disposition_of(int number) noexcept {
    static std::array<disposition, NSIG> all;
    return all[static_cast<std::size_t>(number)];
}

void handle_signal(int number) noexcept {
    const int error = errno;
    for (signal_subscription* each = subscriptions.load(std::memory_order_acquire); each; each = each->next) {
        if (!(each->signals.load(std::memory_order_acquire) & signal_subscription::bit(number)))
            continue;
        each->pending[static_cast<std::size_t>(number)].fetch_add(1, std::memory_order_acq_rel);
        each->notify();
    }
    errno = error;
}

// Runs in a child of fork(2), and gives the child new eventfds. The child shares the old eventfds with its
// parent, so each process would read what the other has written. Signals pending at the fork stay with the
// parent. Async-signal-safe.
void renew_all() noexcept {
    for (signal_subscription* each = subscriptions.load(std::memory_order_relaxed); each; each = each->next) {
        const int fresh = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fresh < 0)
            continue;
        ::dup3(fresh, each->event, O_CLOEXEC);
        ::close(fresh);
        each->is_stale = true;
        for (auto& count: each->pending)
            count.store(0, std::memory_order_relaxed);
    }
}

void handle_forks() {
    static const int refusal = ::pthread_atfork([] { lock().lock(); }, [] { lock().unlock(); },
                                                [] {
                                                    renew_all();
                                                    lock().unlock();
                                                });
    if (refusal != 0)
        detail::throw_failure(detail::system_error_code(refusal), "signal_set: pthread_atfork");
}

// Duplicates the descriptor to a number above STDERR_FILENO. If the program was started without stdin, stdout
// or stderr, an eventfd could otherwise get one of their numbers and receive the program's output.
int duplicate(int descriptor) noexcept { return ::fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1); }

signal_subscription& subscribe() {
    handle_forks();
    const std::lock_guard held(lock());
    for (signal_subscription* each = subscriptions.load(std::memory_order_relaxed); each; each = each->next) {
        if (!each->in_use) {
            each->in_use = true;
            return *each;
        }
    }
    auto fresh = std::make_unique<signal_subscription>();
    const unique_descriptor made(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (made)
        fresh->event = duplicate(made.get());
    if (fresh->event < 0)
        detail::throw_failure(detail::system_error_code(errno), "signal_set: eventfd");
    fresh->in_use = true;
    fresh->next = subscriptions.load(std::memory_order_relaxed);
    subscriptions.store(fresh.get(), std::memory_order_release);
    return *fresh.release();
}

void add_signal(signal_subscription& subscription, int number) {
    const std::string text = "signal_set: signal " + std::to_string(number);
    if (number < 1 || number >= NSIG)
        detail::throw_failure(std::make_error_code(std::errc::invalid_argument), text);
    const std::lock_guard held(lock());
    if (subscription.signals.load(std::memory_order_relaxed) & signal_subscription::bit(number))
        return;
    // Discards a count from an earlier subscription. A handler may have counted the signal after
    // remove_signal().
    subscription.pending[static_cast<std::size_t>(number)].store(0, std::memory_order_release);
    // Sets the bit before the handler is installed, because the handler ignores signals whose bit is not set.
    subscription.signals.fetch_or(signal_subscription::bit(number), std::memory_order_release);
    disposition& action = disposition_of(number);
    if (action.users == 0) {
        struct sigaction ours{};
        ours.sa_handler = handle_signal;
        ours.sa_flags = SA_RESTART;
        sigfillset(&ours.sa_mask);
        if (::sigaction(number, &ours, &action.former) < 0) {
            const int error = errno;
            subscription.signals.fetch_and(~signal_subscription::bit(number), std::memory_order_release);
            detail::throw_failure(detail::system_error_code(error), text);
        }
    }
    ++action.users;
}

void remove_signal(signal_subscription& subscription, int number) noexcept {
    if (number < 1 || number >= NSIG)
        return;
    {
        const std::lock_guard held(lock());
        if (!(subscription.signals.load(std::memory_order_relaxed) & signal_subscription::bit(number)))
            return;
        disposition& action = disposition_of(number);
        if (--action.users == 0)
            ::sigaction(number, &action.former, nullptr);
        subscription.signals.fetch_and(~signal_subscription::bit(number), std::memory_order_release);
        subscription.pending[static_cast<std::size_t>(number)].store(0, std::memory_order_release);
    }
    subscription.tidy();
}

void remove_all(signal_subscription& subscription) noexcept {
    for (int number = 1; number < NSIG; ++number)
        remove_signal(subscription, number);
}

void unsubscribe(signal_subscription& subscription) noexcept {
    remove_all(subscription);
    const std::lock_guard held(lock());
    subscription.in_use = false;
}

}  // namespace

signal_set::signal_set(io_context& context) : handle_(context) {
    static_cast<void>(handle_.record());  // may throw here, so that adopt() below cannot throw
    subscription_ = &subscribe();
    const int ours = duplicate(subscription_->event);
    if (ours < 0) {
        const int error = errno;
        unsubscribe(*subscription_);
        detail::throw_failure(detail::system_error_code(error), "signal_set");
    }
    handle_.adopt(ours);
    subscription_->is_stale = false;
}

signal_set::signal_set(signal_set&& other) noexcept
    : handle_(std::move(other.handle_)), subscription_(std::exchange(other.subscription_, nullptr)) {}

signal_set& signal_set::operator=(signal_set&& other) noexcept {
    if (this == &other)
        return *this;
    handle_ = std::move(other.handle_);
    if (subscription_)
        unsubscribe(*subscription_);
    subscription_ = std::exchange(other.subscription_, nullptr);
    return *this;
}

signal_set::~signal_set() {
    handle_.close();
    if (subscription_)
        unsubscribe(*subscription_);
}

void signal_set::add(int number) { add_signal(*subscription_, number); }

void signal_set::remove(int number) { remove_signal(*subscription_, number); }

void signal_set::clear() { remove_all(*subscription_); }

signal_set::wait_description signal_set::wait() {
    const detail::descriptor_use used = handle_.use();
    if (subscription_ && subscription_->is_stale && used.record && used.record->is_open()) [[unlikely]] {
        ::dup3(subscription_->event, used.record->number(), O_CLOEXEC);
        subscription_->is_stale = false;
    }
    return {{}, used, subscription_};
}

signal_set::wait_operation::wait_operation(const detail::descriptor_use& target,
                                           detail::signal_subscription& subscription,
                                           detail::environment& task) noexcept
    : operation(target, task, detail::lane::queue), subscription_(&subscription) {}

void signal_set::wait_operation::prepare(io_uring_sqe& sqe) noexcept {
    io_uring_prep_poll_add(&sqe, target().number(), POLLIN);
}

std::coroutine_handle<> signal_set::wait_operation::run() noexcept {
    if (answer().result < 0 || was_cancelled() || env().stop_requested())
        return wake();
    number_ = subscription_->take();
    subscription_->tidy();
    if (number_ != 0)
        return wake();
    restart();
    return nullptr;
}

outcome<int> signal_set::wait_operation::await_outcome() noexcept {
    if (number_ != 0)
        return number_;
    if (const auto error = failure())
        return error;
    return error::operation_aborted;
}

int signal_set::wait_operation::await_resume() {
    const auto outcome = await_outcome();
    if (!outcome)
        fail(outcome.error());
    return *outcome;
}

}  // namespace coil::COIL_ABI
