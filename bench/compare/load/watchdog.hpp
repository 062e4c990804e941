// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <string>
#include <string_view>

#include <unistd.h>

namespace compare {

/// If the program has not finished in time, prints what the program was waiting for and ends it with status
/// 3.
class watchdog {
public:
    explicit watchdog(unsigned seconds) {
        expects("the server");
        std::signal(SIGALRM, [](int) { expire(); });
        ::alarm(seconds);
    }
    watchdog(const watchdog&) = delete;
    watchdog& operator=(const watchdog&) = delete;
    ~watchdog() { ::alarm(0); }

    /// Sets the text that describes what the program is waiting for from now on.
    static void expects(std::string_view what) {
        // The signal handler may interrupt this function. In the worst case, the handler prints a mixture of
        // two texts.
        size = 0;
        const std::string text = "gave up waiting for " + std::string(what) + "\n";
        size = text.copy(message, sizeof message);
    }

private:
    static void expire() {
        constexpr std::string_view name = "compare_load: ";
        [[maybe_unused]] auto written = ::write(STDERR_FILENO, name.data(), name.size());
        written = ::write(STDERR_FILENO, message, size);
        ::_exit(3);
    }

    static inline char message[256];
    static inline volatile std::size_t size = 0;
};

}  // namespace compare
