// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <netdb.h>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <coil/resolver/resolver.hpp>

#include "resolver/look_up.hpp"

namespace coil::test {

/// Replaces the C library's look-ups: each of them blocks the resolver's thread until the test answers it.
///
///     name_oracle oracle;
///     auto found = context.spawn([&]() -> task<> { co_await resolver.resolve("slow", "80"); });
///     context.poll();
///     oracle.wait_until_asked("slow");
///     oracle.answer("slow", EAI_AGAIN);
///
/// The destructor answers all look-ups, and waits until no thread is at work.
class name_oracle {
public:
    struct answer_given {
        answer_given(int how = 0, int number = 0) : status(how), system_error(number) {}
        answer_given(std::vector<ip::endpoint> found, std::string canonical = "")
            : endpoints(std::move(found)), canonical_name(std::move(canonical)) {}

        int status = 0;
        int system_error = 0;
        std::vector<ip::endpoint> endpoints;
        std::string canonical_name;
    };

    name_oracle() {
        present() = this;
        former_ = detail::look_up::asked.exchange(ask);
    }
    name_oracle(const name_oracle&) = delete;
    name_oracle& operator=(const name_oracle&) = delete;
    ~name_oracle() {
        otherwise(EAI_FAIL);
        EXPECT_TRUE(eventually([] { return at_work() == 0; })) << "threads are still at work";
        detail::look_up::asked = former_;
        ip::resolver_base::set_options({});
    }

    /// Answers look-ups of this host, pending and later ones.
    void answer(const std::string& host, answer_given given) {
        {
            const std::lock_guard held(lock_);
            answers_[host] = std::move(given);
        }
        changed_.notify_all();
    }
    void answer(const std::string& host, int status) { answer(host, answer_given(status)); }
    void answer(const std::string& host, const char* endpoint) {
        answer(host, answer_given({ip::make_endpoint(endpoint)}));
    }
    /// Answers look-ups of all other hosts.
    void otherwise(int status) {
        {
            const std::lock_guard held(lock_);
            otherwise_ = answer_given(status);
        }
        changed_.notify_all();
    }

    /// Returns false if `host` is not looked up within ten seconds.
    [[nodiscard]] bool wait_until_asked(const std::string& host) {
        std::unique_lock held(lock_);
        return changed_.wait_for(held, std::chrono::seconds(10), [&] {
            return std::find(asked_.begin(), asked_.end(), host) != asked_.end();
        });
    }
    /// All look-ups so far, in order.
    [[nodiscard]] std::vector<std::string> asked() {
        const std::lock_guard held(lock_);
        return asked_;
    }

    static unsigned at_work() {
        const auto now = ip::resolver_base::metrics();
        return now.running + now.abandoned;
    }
    template <class Condition>
    static bool eventually(Condition condition) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline)
                return false;
            std::this_thread::yield();
        }
        return true;
    }

private:
    static name_oracle*& present() noexcept {
        static name_oracle* the_one = nullptr;
        return the_one;
    }

    static void ask(detail::look_up& question) { present()->consider(question); }

    void consider(detail::look_up& question) {
        const bool forward = question.way == detail::look_up::direction::forward;
        const std::string subject = forward ? question.host : question.endpoint.to_string();
        std::unique_lock held(lock_);
        asked_.push_back(subject);
        changed_.notify_all();
        changed_.wait(held, [&] { return answers_.contains(subject) || otherwise_; });
        const answer_given& given = answers_.contains(subject) ? answers_[subject] : *otherwise_;
        question.status = given.status;
        question.system_error = given.system_error;
        question.found.endpoints = given.endpoints;
        question.found.canonical_name = given.canonical_name;
        question.found.host_name = "host of " + subject;
        question.found.service_name = "service of " + subject;
    }

    detail::look_up::function* former_ = nullptr;
    std::mutex lock_;
    std::condition_variable changed_;
    std::map<std::string, answer_given> answers_;
    std::optional<answer_given> otherwise_;
    std::vector<std::string> asked_;
};

}  // namespace coil::test
