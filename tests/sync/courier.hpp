// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <thread>
#include <utility>

#include <coil/sync/one_shot.hpp>

namespace coil::test {

/// A thread that completes each completer it is given, with the number of completers before it. It does not
/// sleep, so it runs concurrently with the thread that gave the completer. On a single processor, where that
/// would only slow down other threads, it sleeps until wake().
class courier {
public:
    courier() : thread_([this] { run(); }) {}
    courier(const courier&) = delete;
    courier& operator=(const courier&) = delete;
    ~courier() {
        hand_over(this);
        wake();
        thread_.join();
    }

    void give(one_shot<int>::completer completer) {
        enqueue(std::move(completer));
        wake();
    }
    /// Gives without a wake-up: on a single processor the calling thread continues first.
    void enqueue(one_shot<int>::completer completer) { hand_over(completer.release()); }
    /// On a single processor, wakes the thread and yields to it; otherwise a no-op.
    void wake() {
        if (!single_processor_)
            return;
        order_.notify_one();
        std::this_thread::yield();
    }

private:
    void hand_over(void* what) {
        for (void* none = nullptr; !order_.compare_exchange_weak(none, what); none = nullptr) {
            wake();
            std::this_thread::yield();
        }
    }

    void run() {
        for (int delivered = 0;; ++delivered) {
            void* what;
            while (!(what = order_.exchange(nullptr)))
                pause();
            if (what == this)
                return;
            one_shot<int>::completer::from(what).set_value(delivered);
        }
    }
    void pause() {
        if (single_processor_)
            order_.wait(nullptr);
        else
            std::this_thread::yield();
    }

    const bool single_processor_ = std::thread::hardware_concurrency() == 1;
    std::atomic<void*> order_{nullptr};
    std::thread thread_;
};

}  // namespace coil::test
