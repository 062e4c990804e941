// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <thread>
#include <utility>

#include <coil/sync/one_shot.hpp>

namespace coil::test {

/// A thread that completes what it is given, with the number of what it was given before. It doesn't sleep: so it comes
/// while whoever has given is still about.
class courier {
public:
    courier() : thread_([this] { run(); }) {}
    courier(const courier&) = delete;
    courier& operator=(const courier&) = delete;
    ~courier() {
        hand_over(this);
        thread_.join();
    }

    void give(one_shot<int>::completer completer) { hand_over(completer.release()); }

private:
    void hand_over(void* what) {
        for (void* none = nullptr; !order_.compare_exchange_weak(none, what); none = nullptr)
            std::this_thread::yield();
    }

    void run() {
        for (int delivered = 0;; ++delivered) {
            void* what;
            while (!(what = order_.exchange(nullptr)))
                std::this_thread::yield();
            if (what == this)
                return;
            one_shot<int>::completer::from(what).set_value(delivered);
        }
    }

    std::atomic<void*> order_{nullptr};
    std::thread thread_;
};

}  // namespace coil::test
