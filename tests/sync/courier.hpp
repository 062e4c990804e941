// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <thread>
#include <utility>

#include <coil/sync/one_shot.hpp>

namespace coil::test {

/// A thread that completes what it is given, with the number of what it was given before. It doesn't sleep: so it comes
/// while whoever has given is still about. On a single processor, where it would only keep others from their work, it
/// sleeps until it is called.
class courier {
public:
    courier() : thread_([this] { run(); }) {}
    courier(const courier&) = delete;
    courier& operator=(const courier&) = delete;
    ~courier() {
        hand_over(this);
        call();
        thread_.join();
    }

    void give(one_shot<int>::completer completer) {
        leave(std::move(completer));
        call();
    }
    /// Gives without a call: on a single processor the giver goes on first.
    void leave(one_shot<int>::completer completer) { hand_over(completer.release()); }
    /// On a single processor: it comes, and the caller goes on after it. Elsewhere it is about anyway.
    void call() {
        if (!alone_)
            return;
        order_.notify_one();
        std::this_thread::yield();
    }

private:
    void hand_over(void* what) {
        for (void* none = nullptr; !order_.compare_exchange_weak(none, what); none = nullptr) {
            call();
            std::this_thread::yield();
        }
    }

    void run() {
        for (int delivered = 0;; ++delivered) {
            void* what;
            while (!(what = order_.exchange(nullptr)))
                look_away();
            if (what == this)
                return;
            one_shot<int>::completer::from(what).set_value(delivered);
        }
    }
    void look_away() {
        if (alone_)
            order_.wait(nullptr);
        else
            std::this_thread::yield();
    }

    const bool alone_ = std::thread::hardware_concurrency() == 1;
    std::atomic<void*> order_{nullptr};
    std::thread thread_;
};

}  // namespace coil::test
