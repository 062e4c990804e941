// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "base/report.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace coil::COIL_ABI {
namespace {

constexpr std::size_t line_max = PIPE_BUF;

std::atomic<unsigned> dropped{0};

/// Builds a line of output on the stack.
class line {
public:
    line& operator<<(std::string_view text) noexcept {
        // Keep one byte free for the newline.
        const std::size_t n = std::min(text.size(), sizeof text_ - 1 - size_);
        std::memcpy(text_ + size_, text.data(), n);
        size_ += n;
        return *this;
    }
    line& operator<<(unsigned number) noexcept {
        char digits[12];
        char* digit = digits + sizeof digits;
        do
            *--digit = static_cast<char>('0' + number % 10);
        while ((number /= 10) > 0);
        return *this << std::string_view(digit, static_cast<std::size_t>(digits + sizeof digits - digit));
    }
    void end() noexcept { text_[size_++] = '\n'; }

    [[nodiscard]] const char* data() const noexcept { return text_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    char text_[line_max];
    std::size_t size_ = 0;
};

/// Blocks the signals that write(2) can raise. The destructor discards those that a write has raised in the
/// meantime, and restores the signal mask.
class signals_held_back {
public:
    signals_held_back() noexcept {
        sigset_t blocked;
        sigemptyset(&blocked);
        for (const int each: raised_by_write)
            sigaddset(&blocked, each);
        ::pthread_sigmask(SIG_BLOCK, &blocked, &before_);
        ::sigpending(&pending_);
    }
    signals_held_back(const signals_held_back&) = delete;
    signals_held_back& operator=(const signals_held_back&) = delete;
    ~signals_held_back() {
        sigset_t now;
        ::sigpending(&now);
        const timespec no_wait{};
        for (const int each: raised_by_write) {
            if (sigismember(&now, each) != 1 || sigismember(&pending_, each) == 1)
                continue;
            sigset_t ours;
            sigemptyset(&ours);
            sigaddset(&ours, each);
            while (::sigtimedwait(&ours, nullptr, &no_wait) < 0 && errno == EINTR) {}
        }
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

private:
    // A background process that writes to a terminal with tostop set gets SIGTTOU, unless the signal is
    // blocked.
    static constexpr int raised_by_write[] = {SIGPIPE, SIGXFSZ, SIGTTOU};

    sigset_t before_;
    sigset_t pending_;
};

bool has_room(int descriptor) noexcept {
    pollfd one{descriptor, POLLOUT, 0};
    return ::poll(&one, 1, 0) == 1 && (one.revents & POLLOUT);
}

bool write_now(int descriptor, const line& text) noexcept {
    ssize_t written = ::send(descriptor, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written >= 0 || errno != ENOTSOCK)
        return written >= 0;
    const signals_held_back here;
    if (!has_room(descriptor))
        return false;
    // Another writer may have filled a pipe since has_room() was called, so write to pipes with RWF_NOWAIT
    // (supported since Linux 6.4). Regular files do not need this flag, because they always accept data. In
    // addition, XFS refuses nearly every append with RWF_NOWAIT, because an append changes the timestamps.
    struct stat about;
    if (::fstat(descriptor, &about) == 0 && S_ISFIFO(about.st_mode)) {
        const iovec whole{const_cast<char*>(text.data()), text.size()};
        written = ::pwritev2(descriptor, &whole, 1, -1, RWF_NOWAIT);
        if (written >= 0 || errno != EOPNOTSUPP)
            return written >= 0;
    }
    written = ::write(descriptor, text.data(), text.size());
    return written >= 0;
}

bool write_line(line& text) noexcept {
    const int error = errno;
    text.end();
    const bool written = write_now(STDERR_FILENO, text);
    errno = error;
    return written;
}

void report_dropped() noexcept {
    if (dropped.load(std::memory_order_relaxed) == 0)
        return;
    if (const unsigned before = dropped.exchange(0, std::memory_order_relaxed)) {
        line note;
        note << "coil: " << before << (before == 1 ? " line was" : " lines were")
             << " dropped: stderr had no room";
        if (!write_line(note))
            dropped.fetch_add(before, std::memory_order_relaxed);
    }
}

}  // namespace

void report(std::initializer_list<std::string_view> parts) noexcept {
    report_dropped();
    line text;
    text << "coil: ";
    for (const std::string_view part: parts)
        text << part;
    if (!write_line(text))
        dropped.fetch_add(1, std::memory_order_relaxed);
}

void report_format(const char* format, ...) noexcept {
    char text[line_max];
    va_list arguments;
    va_start(arguments, format);
    const int size = std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (size > 0)
        report({std::string_view(text, std::min(static_cast<std::size_t>(size), sizeof text - 1))});
}

}  // namespace coil::COIL_ABI
