// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/coro/affinity.hpp>

#include <cstdio>
#include <mutex>
#include <pthread.h>
#include <unistd.h>

#include <coil/base/assert.hpp>
#include <coil/base/error.hpp>

#include "coro/this_thread.hpp"

namespace coil::COIL_ABI::detail {
namespace {

// The list of owner records that are currently not used by a scheduler. The records are never freed (see
// scheduler_owner).
class free_owners {
public:
    static scheduler_owner& take() {
        handle_forks();
        const std::lock_guard held(lock_);
        scheduler_owner& taken = first_ ? *first_ : *new scheduler_owner;
        if (&taken == first_)
            first_ = std::exchange(taken.next, nullptr);
        taken.id.store(++latest_id_, std::memory_order_relaxed);
        return taken;
    }
    static void put_back(scheduler_owner& owner) noexcept {
        const std::lock_guard held(lock_);
        owner.next = std::exchange(first_, &owner);
    }

private:
    // Registers handlers that hold the lock during fork(2). Otherwise, another thread could hold the lock at
    // that time. The child has no such thread, so no thread of the child could release the lock. A scheduler
    // is constructed before anything that belongs to it, so these handlers are registered before coil's other
    // fork handlers. Handlers that run before the fork run in reverse order of registration, so this lock is
    // acquired last.
    static void handle_forks() {
        static const int refusal =
            ::pthread_atfork([] { lock_.lock(); }, [] { lock_.unlock(); }, [] { lock_.unlock(); });
        if (refusal != 0)
            throw_failure(system_error_code(refusal), "pthread_atfork");
    }

    static constinit std::mutex lock_;
    static constinit scheduler_owner* first_;   // guarded by lock_
    static constinit std::uint64_t latest_id_;  // guarded by lock_
};

constinit std::mutex free_owners::lock_;
constinit scheduler_owner* free_owners::first_ = nullptr;
constinit std::uint64_t free_owners::latest_id_ = 0;

// Formats the name of a scheduler for messages, such as "io_context 0x7ffe0c0 of thread 4711".
class owner_name {
public:
    explicit owner_name(const scheduler_owner& owner) noexcept {
        const void* const scheduler = owner.scheduler.load(std::memory_order_relaxed);
        if (owner.thread.load(std::memory_order_relaxed))
            std::snprintf(text_, sizeof text_, "io_context %p of thread %d", scheduler,
                          owner.thread_number.load(std::memory_order_relaxed));
        else
            std::snprintf(text_, sizeof text_, "io_context %p of no thread yet", scheduler);
    }
    [[nodiscard]] const char* text() const noexcept { return text_; }

private:
    char text_[80];
};

[[nodiscard]] bool may_use(const scheduler_owner& owner) noexcept {
    const void* const thread = owner.thread.load(std::memory_order_relaxed);
    return !thread || thread == this_thread();
}

[[noreturn]] void wrong_thread(const char* call, const scheduler_owner& owner) noexcept {
    char mistake[160];
    char detail[160];
    std::snprintf(mistake, sizeof mistake,
                  "%s on the wrong thread; use post() to call it on the io_context's thread", call);
    std::snprintf(detail, sizeof detail, "%s, called on thread %d", owner_name(owner).text(), ::gettid());
    precondition_failed(mistake, detail);
}

}  // namespace

scheduler::scheduler()
    : owner_record_(&free_owners::take()), id_(owner_record_->id.load(std::memory_order_relaxed)) {
    owner_record_->scheduler.store(this, std::memory_order_relaxed);
}

scheduler::~scheduler() {
    owner_record_->thread.store(nullptr, std::memory_order_relaxed);
    owner_record_->id.store(0, std::memory_order_relaxed);
    free_owners::put_back(*owner_record_);
}

bool scheduler::is_mine() const noexcept { return may_use(*owner_record_); }

void scheduler::require_thread(const char* call) const noexcept {
    if (!is_mine()) [[unlikely]]
        wrong_thread(call, *owner_record_);
}

void affinity::check_owner(const char* call) const noexcept {
    if (!may_use(*owner_) && is_bound()) [[unlikely]]
        wrong_thread(call, *owner_);
}

void affinity::check_owner_or_throw(const char* call) const {
    if (!may_use(*owner_) && is_bound()) [[unlikely]]
        throw_wrong_thread(call, *owner_);
}

bool affinity::take_over(const scheduler& task, bool is_in_use) noexcept {
    // An event loop that runs a task has an owner thread. If a scheduler has no owner thread, it may be the
    // scheduler of a test. Any thread may run such a scheduler.
    const bool is_loop = task.owner().thread.load(std::memory_order_relaxed) != nullptr;
    if (is_bound() && (is_in_use || !may_use(*owner_)) &&
        (is_loop || owner_->thread.load(std::memory_order_relaxed)))
        return false;
    *this = affinity(task);
    return true;
}

void affinity::refuse(const awaited& waiting) const {
    throw_wrong_context(waiting.describe(), waiting.env(), *owner_);
}

void throw_wrong_context(const std::string& what, const environment& waiting, const scheduler_owner& object) {
    const auto& where = waiting.where();
    std::string text = what + ", which belongs to " + owner_name(object).text() + ", awaited";
    if (where.line() > 0)
        text += std::string(" at ") + where.file_name() + ":" + std::to_string(where.line());
    text += std::string(" by a task of ") + owner_name(waiting.scheduler().owner()).text();
    throw_failure(error::wrong_context, text);
}

void throw_wrong_thread(const std::string& call, const scheduler_owner& owner) {
    throw_failure(error::wrong_thread, call + " (" + owner_name(owner).text() + ", called on thread " +
                                           std::to_string(::gettid()) + ")");
}

}  // namespace coil::COIL_ABI::detail
