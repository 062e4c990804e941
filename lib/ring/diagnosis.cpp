// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "ring/diagnosis.hpp"

#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <system_error>
#include <unistd.h>

#include <coil/base/unique_descriptor.hpp>

namespace coil::COIL_ABI::ring {
namespace {

std::string contents_of(const char* path) {
    std::string text;
    const unique_descriptor file(::open(path, O_RDONLY | O_CLOEXEC));
    char chunk[4096];
    for (ssize_t n; (n = ::read(file.get(), chunk, sizeof chunk)) > 0;)
        text.append(chunk, static_cast<std::size_t>(n));
    return text;
}

int number_in(std::string_view text, int otherwise) noexcept {
    int number = otherwise;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

// Returns the number that follows `name` in the text of /proc/self/status, or `otherwise` if there is none.
int field_of(std::string_view status, std::string_view name, int otherwise) noexcept {
    const auto at = status.find(name);
    if (at == std::string_view::npos)
        return otherwise;
    const auto digits = status.find_first_of("0123456789", at + name.size());
    return digits == std::string_view::npos ? otherwise : number_in(status.substr(digits), otherwise);
}

}  // namespace

circumstances circumstances_of_this_process() {
    circumstances around;
    utsname system{};
    if (::uname(&system) == 0)
        around.release = system.release;
    around.status = contents_of("/proc/self/status");
    around.disabled = number_in(contents_of("/proc/sys/kernel/io_uring_disabled"), -1);
    rlimit limit{};
    if (::getrlimit(RLIMIT_MEMLOCK, &limit) == 0)
        around.memlock = limit.rlim_cur;
    return around;
}

namespace {

// Explains errors of system calls that do not belong to io_uring: eventfd2, pipe2, mmap, fcntl.
std::string cause_and_remedy_of_others(int error, const circumstances& around, std::string_view call) {
    switch (error) {
    case EPERM:
    case EACCES:
    case ENOSYS:
        if (is_filtered(around))
            return "a seccomp profile forbids " + std::string(call) + "; allow it in the container's profile";
        return std::string(call) + " was refused, perhaps by a security module; look into its log";
    case EMFILE:
    case ENFILE: return "too many open files; raise the limit (ulimit -n)";
    case ENOMEM: return "out of memory for " + std::string(call);
    default: return std::string(call) + " failed: " + std::generic_category().message(error);
    }
}

}  // namespace

std::string diagnose(int error, const circumstances& around, std::string_view call) {
    const bool is_io_uring = call.starts_with("io_uring");
    if (!is_io_uring)
        return "cannot create an io_context: " + cause_and_remedy(error, around, call);
    std::string text = "io_uring is not available: " + cause_and_remedy(error, around, call);
    const bool epoll_may_work = error != EMFILE && error != ENFILE;  // epoll needs descriptors, too
    if (epoll_may_work)
        text += "; or run on epoll (COIL_ENGINE=epoll, if the program does not set options::engine)";
    return text;
}

std::string cause_and_remedy(int error, const circumstances& around, std::string_view call) {
    if (call.starts_with("IORING_OP"))
        return "a filter or a security module denies " + std::string(call) + "; allow it in the filter";
    if (!call.starts_with("io_uring"))
        return cause_and_remedy_of_others(error, around, call);
    const std::string kernel = around.release.empty() ? "this kernel" : "kernel " + around.release;

    switch (error) {
    case EPERM:
    case EACCES:  // SELinux
        if (around.disabled == 2)
            return "the sysctl kernel.io_uring_disabled is 2, which forbids io_uring to all processes; "
                   "set it to 0 (sysctl -w kernel.io_uring_disabled=0)";
        if (around.disabled == 1 && !is_filtered(around))
            return "the sysctl kernel.io_uring_disabled is 1, which allows io_uring only to the group "
                   "kernel.io_uring_group; join that group, or set it to 0";
        if (is_filtered(around))
            return "a seccomp profile forbids it, as the default profiles of container engines do; allow "
                   "io_uring_setup, io_uring_enter and io_uring_register in the container's profile";
        return "permission denied by a security module; look into its log for io_uring";
    case ENOSYS:
        if (is_before_6_1(around))
            return kernel + " is too old; coil's io_uring engine needs Linux 6.1 or newer";
        if (is_filtered(around))
            return "a seccomp profile makes it fail with ENOSYS; allow io_uring_setup, io_uring_enter and "
                   "io_uring_register in the container's profile";
        return kernel + " was built without it (CONFIG_IO_URING)";
    case EINVAL:
        if (call != "io_uring_setup")
            break;
        if (is_before_6_1(around))
            return kernel + " is too old; coil's io_uring engine needs Linux 6.1 or newer";
        return kernel + " refuses the set-up flags of Linux 6.1; coil needs a kernel with all of io_uring";
    case ENOMEM:
        if (around.memlock == unlimited)
            return "out of memory for the ring; request fewer entries";
        return "out of memory for the ring; the limit of locked memory is " +
               std::to_string(around.memlock / 1024) + " KiB: raise it (ulimit -l), or request fewer entries";
    case EMFILE:
    case ENFILE: return "too many open files; raise the limit (ulimit -n)";
    default: break;
    }
    return std::string(call) + " failed: " + std::generic_category().message(error) +
           (is_filtered(around) ? "; perhaps a seccomp profile causes this" : "");
}

bool is_filtered(const circumstances& around) noexcept {
    return field_of(around.status, "\nSeccomp:", 0) == 2;
}

bool is_before_6_1(const circumstances& around) noexcept {
    const std::string_view release = around.release;
    const int major = number_in(release, 0);
    const auto dot = release.find('.');
    const int minor = dot == std::string_view::npos ? 0 : number_in(release.substr(dot + 1), 0);
    return major > 0 && (major < 6 || (major == 6 && minor < 1));
}

}  // namespace coil::COIL_ABI::ring
