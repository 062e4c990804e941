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

/// Ends the program, with status 3, if it isn't done within some seconds; says what it was waiting for.
class watchdog {
public:
    explicit watchdog(unsigned seconds) {
        expects("the server");
        std::signal(SIGALRM, [](int) { bite(); });
        ::alarm(seconds);
    }
    watchdog(const watchdog&) = delete;
    watchdog& operator=(const watchdog&) = delete;
    ~watchdog() { ::alarm(0); }

    /// What it waits for from now on.
    static void expects(std::string_view what) {
        // The handler may come in between: it finds no more than a mixture of two texts.
        size = 0;
        const std::string text = "gave up waiting for " + std::string(what) + "\n";
        size = text.copy(message, sizeof message);
    }

private:
    static void bite() {
        constexpr std::string_view name = "compare_load: ";
        [[maybe_unused]] auto written = ::write(STDERR_FILENO, name.data(), name.size());
        written = ::write(STDERR_FILENO, message, size);
        ::_exit(3);
    }

    static inline char message[256];
    static inline volatile std::size_t size = 0;
};

}  // namespace compare
