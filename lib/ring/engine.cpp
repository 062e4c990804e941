// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "ring/engine.hpp"

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <thread>

#include <coil/base/error.hpp>

#include "ring/epoll_kernel.hpp"

namespace coil::COIL_ABI::ring {
namespace {

bool refuses_io_uring(const refusal& found) noexcept {
    switch (found.error) {
    case ENOSYS:
    case EPERM:
    case EACCES: return true;
    case EINVAL: return found.call != std::string_view("io_uring_register");
    default: return false;
    }
}

// When the kernel takes a ring apart, it interrupts the system calls of the thread that has created the ring.
// A recv(2) with MSG_WAITALL then returns early. The ring of the probe therefore belongs to a thread that
// ends.
refusal probe_on_a_thread() {
    refusal found;
    try {
        std::thread([&found] { found = uring_kernel::probe(); }).join();
    } catch (const std::system_error&) {  // no thread can be created here
        found = uring_kernel::probe();
    }
    return found;
}

// A program that runs with raised privileges ignores the variable.
engine_choice choose() {
    const char* variable = ::secure_getenv("COIL_ENGINE");
    const io_engine named = engine_named(variable ? variable : "");
    if (named != io_engine::automatic)
        return {named, "the environment variable COIL_ENGINE says so"};
    return choose_by(probe_on_a_thread(), circumstances_of_this_process());
}

}  // namespace

io_engine engine_named(std::string_view value) {
    if (value.empty() || value == "auto")
        return io_engine::automatic;
    if (value == "io_uring")
        return io_engine::io_uring;
    if (value == "epoll")
        return io_engine::epoll;
    detail::throw_failure(std::make_error_code(std::errc::invalid_argument),
                          "the environment variable COIL_ENGINE is '" + std::string(value) +
                              "'; it can be auto, io_uring or epoll");
}

engine_choice choose_by(const refusal& found, const circumstances& around) {
    if (found.error == 0)
        return {io_engine::io_uring, "this system allows io_uring"};
    if (!refuses_io_uring(found))
        detail::throw_failure(detail::system_error_code(found.error),
                              diagnose(found.error, around, found.call));
    return {io_engine::epoll,
            "io_uring is not available: " + cause_and_remedy(found.error, around, found.call)};
}

const engine_choice& choose_engine(io_engine wanted) {
    static const engine_choice io_uring{io_engine::io_uring, "the program asked for it"};
    static const engine_choice epoll{io_engine::epoll, "the program asked for it"};
    if (wanted == io_engine::io_uring)
        return io_uring;
    if (wanted == io_engine::epoll)
        return epoll;
    static const engine_choice chosen = choose();
    return chosen;
}

detail::owned<kernel> make_kernel(io_engine engine) {
    if (engine == io_engine::epoll)
        return detail::make_owned<epoll_kernel>();
    return detail::make_owned<uring_kernel>();
}

}  // namespace coil::COIL_ABI::ring
