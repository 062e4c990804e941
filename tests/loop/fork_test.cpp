// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <coil/coro/yield.hpp>
#include <coil/io/signal_set.hpp>
#include <coil/io/sleep.hpp>
#include <coil/io/steady_timer.hpp>

#include "ring/ring.hpp"
#include "ring/uring_kernel.hpp"
#include "support/child.hpp"
#include "support/io_uring.hpp"
#include "support/real_context.hpp"
#include "support/small_rings.hpp"

// fork(2): a child may run a context that has never run, and can't harm one that its parent has run.
// Regression: a child that exited normally, or ran or destroyed such a context, died of SIGSEGV, because the
// memory of a ring is not inherited.

namespace coil::test {
namespace {

using namespace std::chrono_literals;

/// A context with a server that is set up as far as `state` says.
class server {
public:
    enum class state { made, bound, ran, pending };

    explicit server(state reached)
        : context_(std::make_unique<io_context>(small_rings)), acceptor_(*context_), connection_(*context_) {
        if (reached >= state::bound)
            acceptor_ = tcp::acceptor(*context_, {ip::address_v4::loopback(), 0});
        if (reached >= state::ran)
            run_a_task();
        if (reached < state::pending)
            return;
        plain_listener listener;
        connection_.assign(tcp::v4(), listener.connect());
        peer_ = listener.accept();
        co_spawn(*context_, accept(), detached);
        co_spawn(*context_, recv(), detached);
        co_spawn(*context_, wait(), detached);
        context_->restart();
        context_->poll();
    }
    server(const server&) = delete;
    server& operator=(const server&) = delete;
    ~server() { destroy(); }

    [[nodiscard]] io_context& context() noexcept { return *context_; }
    [[nodiscard]] tcp::acceptor& acceptor() noexcept { return acceptor_; }
    [[nodiscard]] tcp::socket& connection() noexcept { return connection_; }
    void destroy() noexcept { context_.reset(); }

    void run_a_task() {
        bool ran = false;
        const auto sleeps = [&]() -> task<> {
            co_await sleep_for(1us);
            ran = true;
        };
        co_spawn(*context_, sleeps(), detached);
        context_->restart();
        context_->run_one();
        context_->run_for(10s);
        EXPECT_TRUE(ran);
    }

    /// Checks that the operations in flight are still in flight, and complete.
    void expect_unharmed() {
        if (peer_.number() >= 0) {
            peer_.send("x");
            plain_peer client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            sockaddr_in address{};
            address.sin_family = AF_INET;
            address.sin_port = htons(acceptor_.local_endpoint().port());
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            EXPECT_EQ(::connect(client.number(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
            context_->restart();
            run_until(*context_, [&] { return received_ == 1 && accepted_; });
            EXPECT_EQ(received_, 1u);
            EXPECT_TRUE(accepted_);
            timer_.cancel();
        }
        run_a_task();
    }

private:
    task<> accept() {
        auto socket = co_await acceptor_.accept();
        accepted_ = socket.is_open();
    }
    task<> wait() { static_cast<void>(co_await as_tuple(timer_.wait())); }
    task<> recv() { received_ = co_await connection_.recv(byte_); }

    std::unique_ptr<io_context> context_;
    tcp::acceptor acceptor_;
    tcp::socket connection_;
    steady_timer timer_{*context_, 1h};
    plain_peer peer_;
    std::array<char, 1> byte_{};
    std::size_t received_ = 0;
    bool accepted_ = false;
};

using state = server::state;

/// exit() within run() leaks the frames by design. The handler below then ends the process after the
/// destructors of static variables, and before LeakSanitizer's check.
bool leaks_by_design = false;
void exit_before_leak_check() {
    if (leaks_by_design)
        ::_exit(ends_well);
}

/// A static variable, so exit() destroys it.
std::unique_ptr<server>& served() {
    [[maybe_unused]] static const int registered = std::atexit(exit_before_leak_check);
    static std::unique_ptr<server> instance;
    return instance;
}

bool is_refused(const std::function<void()>& runs) {
    try {
        runs();
        return false;
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), error::wrong_process);
        return true;
    }
}

struct child_action {
    const char* name;
    std::function<int(server&, state)> run;
};

int run_or_be_refused(server& self, state reached, const std::function<void(io_context&)>& run) {
    self.context().restart();
    if (reached >= state::ran)
        return is_refused([&] { run(self.context()); }) ? ends_well : 1;
    self.run_a_task();
    return ends_well;
}

const child_action child_actions[] = {
    {"_exit", [](server&, state) { return ends_well; }},
    {"exit",
     [](server&, state) {
         std::exit(ends_well);
         return 1;
     }},
    {"exec",
     [](server&, state) {
         ::execl("/bin/true", "true", nullptr);
         return 1;
     }},
    {"destroys the context",
     [](server& self, state) {
         self.destroy();
         return ends_well;
     }},
    {"destroys all",
     [](server&, state) {
         served().reset();
         return ends_well;
     }},
    {"closes the sockets",
     [](server& self, state) {
         if (self.acceptor().is_open())
             self.acceptor().close();
         if (self.connection().is_open())
             self.connection().close();
         served().reset();
         return ends_well;
     }},
    {"runs",
     [](server& self, state reached) {
         return run_or_be_refused(self, reached, [](io_context& context) { context.run(); });
     }},
    {"polls",
     [](server& self, state reached) {
         return run_or_be_refused(self, reached, [](io_context& context) { context.poll(); });
     }},
    {"posts and stops",
     [](server& self, state) {
         self.context().post([] {});
         std::thread([&] { self.context().post([] {}); }).join();
         self.context().stop();
         return ends_well;
     }},
    {"makes a pool",
     [](server& self, state) {
         static_cast<void>(self.context().pool());
         return ends_well;
     }},
    {"makes a new context",
     [](server&, state) {
         server fresh(state::pending);
         fresh.expect_unharmed();
         return ends_well;
     }},
};

TEST(Fork, ChildEndsWellAndDoesNotHarmTheParent) {
    for (const state reached: {state::made, state::bound, state::ran, state::pending}) {
        for (const child_action& each: child_actions) {
            SCOPED_TRACE(std::string("state ") + std::to_string(static_cast<int>(reached)) + ", the child " +
                         each.name);
            served() = std::make_unique<server>(reached);
            EXPECT_EQ(status_of_child([&] { return each.run(*served(), reached); }), ends_well);
            served()->expect_unharmed();
            served().reset();
        }
    }
}

TEST(Fork, ChildOfATaskMaySpawnPostAndClose) {
    int status = 0;
    real_context context(small_rings);
    auto [socket, peer] = context.connection();
    context.run([&]() -> task<> {
        status = status_of_child([&] {
            // The child does what a task may do before its next await.
            std::array<char, 1> byte;
            const auto recv = [&]() -> task<> { co_await socket.recv(byte); };
            co_spawn(context.io(), recv(), detached);
            context.io().post([] {});
            socket.close();
            return ends_well;
        });
        peer.send("x");
        std::array<char, 1> byte;
        EXPECT_EQ(co_await socket.recv(byte), 1u);
    });
    EXPECT_EQ(status, ends_well);
}

TEST(Fork, ChildOfATaskMayExit) {
    served() = std::make_unique<server>(state::pending);
    int status = -1;
    served()->context().post([&] {
        status = status_of_child([] {
            leaks_by_design = true;
            std::exit(ends_well);
            return 1;
        });
    });
    served()->context().restart();
    served()->context().poll();
    EXPECT_EQ(status, ends_well);
    served()->expect_unharmed();
    served().reset();
}

TEST(Fork, ChildMayExitWhileAThreadOfTheParentRuns) {
    served() = std::make_unique<server>(state::bound);
    auto& context = served()->context();
    std::atomic<bool> runs{false};
    work_guard guard(context);
    std::thread running([&] {
        context.post([&] { runs = true; });
        context.run();
    });
    while (!runs)
        std::this_thread::yield();
    EXPECT_EQ(status_of_child([] {
                  leaks_by_design = true;
                  std::exit(ends_well);
                  return 1;
              }),
              ends_well);
    guard.reset();
    running.join();
    served().reset();
}

TEST(Fork, ChildThatReturnsToTheLoopGetsAnError) {
    const int status = status_of_child([] {
        real_context context(small_rings);
        pid_t child = -1;
        const auto forks = [&]() -> task<> {
            child = ::fork();
            co_await yield();
            co_await sleep_for(1us);
        };
        co_spawn(context.io(), forks(), detached);
        const bool refused = is_refused([&] { context.io().run(); });
        if (child == 0) {
            context.destroy();
            ::_exit(refused ? ends_well : 1);
        }
        int ended = -1;
        ::waitpid(child, &ended, 0);
        return refused ? 2 : ended;
    });
    EXPECT_EQ(status, ends_well);
}

// A child that never calls exec keeps the parent's descriptors open. Regression: it kept the ring's
// descriptor, and so the ring. Destroying the context on another thread then waited two seconds for the
// teardown of the ring.
TEST(Fork, LivingChildDoesNotKeepARingOfTheParent) {
    SKIP_IF_IO_URING_IS_REFUSED();
    for (const bool while_running: {false, true}) {
        int gate[2];
        ASSERT_EQ(::pipe2(gate, O_CLOEXEC), 0);
        ring::ring closing(std::make_unique<ring::uring_kernel>());
        closing.open({4, 8});
        char byte;
        int pipe[2];
        ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
        pid_t child = 0;
        std::thread([&] {
            closing.enable();
            io_uring_sqe* sqe = closing.get_sqe();
            io_uring_prep_read(sqe, pipe[0], &byte, 1, 0);
            EXPECT_EQ(closing.enter(0), 0);
            closing.set_in_run(while_running);
            child = ::fork();
            if (child == 0) {
                ::alarm(20);
                ::close(gate[1]);
                ::_exit(static_cast<int>(::read(gate[0], &byte, 1)));
            }
            closing.set_in_run(false);
            EXPECT_TRUE(closing.close(true, std::chrono::steady_clock::now() + 10s));
        }).join();
        for (const int each: {gate[0], gate[1], pipe[0], pipe[1]})
            ::close(each);
        int status = -1;
        EXPECT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
    }
}

// Regression: a lock that another thread held during fork(2) stayed locked in the child.
TEST(Fork, ChildOfAThreadedProcessMakesAContext) {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "the allocator of ThreadSanitizer keeps the locks that other threads held during fork(2)";
#endif
    std::atomic<bool> keeps_running{true};
    std::thread busy([&] {
        while (keeps_running) {
            io_context context(small_rings);
            context.post([] {});
            context.run();
        }
    });
    for (int i = 0; i < 20; ++i) {
        const int status = status_of_child([] {
            io_context context(small_rings);
            bool ran = false;
            context.post([&] { ran = true; });
            context.run();
            return ran ? ends_well : 1;
        });
        EXPECT_EQ(status, ends_well);
        if (HasFailure())
            break;
    }
    keeps_running = false;
    busy.join();
}

struct idle_scheduler : detail::scheduler {
    void schedule(detail::node&) noexcept override {}
    void post(detail::node&) noexcept override {}
    void work_started() noexcept override {}
    void work_finished() noexcept override {}
    void report(const task_failure&) noexcept override {}
};

// Regression: the lock of the scheduler records, held by another thread during fork(2), stayed locked.
TEST(Fork, ChildOfAThreadedProcessMakesAScheduler) {
    std::atomic<bool> keeps_running{true};
    const auto make_schedulers = [&] {
        while (keeps_running)
            idle_scheduler made;
    };
    std::thread one(make_schedulers);
    std::thread two(make_schedulers);
    for (int i = 0; i < 50 && !HasFailure(); ++i) {
        const int status = status_of_child([] {
            idle_scheduler made;
            return ends_well;
        });
        EXPECT_EQ(status, ends_well);
    }
    keeps_running = false;
    one.join();
    two.join();
}

int linger_of(int number) {
    ::linger found{};
    socklen_t size = sizeof found;
    return ::getsockopt(number, SOL_SOCKET, SO_LINGER, &found, &size) == 0 && found.l_onoff ? found.l_linger
                                                                                            : -1;
}

// close() turns SO_LINGER off first, so that it does not block. The option belongs to the socket, which is
// shared by parent and child.
TEST(Fork, ChildDoesNotChangeTheParentsSoLinger) {
    for (const state reached: {state::bound, state::ran, state::pending}) {
        for (const bool is_closed: {false, true}) {
            SCOPED_TRACE(std::to_string(static_cast<int>(reached)) + (is_closed ? ", closes" : ", destroys"));
            served() = std::make_unique<server>(reached);
            tcp::acceptor& acceptor = served()->acceptor();
            tcp::socket& connection = served()->connection();
            acceptor.set_option(socket_base::linger(true, 5));
            if (connection.is_open())
                connection.set_option(socket_base::linger(true, 6));
            const auto close_all = [&] {
                if (is_closed) {
                    acceptor.close();
                    connection.close();
                }
                served().reset();
                return ends_well;
            };
            EXPECT_EQ(status_of_child(close_all), ends_well);
            EXPECT_EQ(linger_of(acceptor.native_handle()), 5);
            if (connection.is_open()) {
                EXPECT_EQ(linger_of(connection.native_handle()), 6);
            }
            served()->expect_unharmed();
            served().reset();
        }
    }
}

TEST(Fork, ChildClosesItsOwnSocketWithoutLinger) {
    const auto close_own = [](tcp::socket own) {
        const int duplicate = ::dup(own.native_handle());
        EXPECT_EQ(linger_of(duplicate), 5);
        own.close();
        EXPECT_EQ(linger_of(duplicate), -1);
        ::close(duplicate);
    };
    io_context context(small_rings);
    tcp::acceptor acceptor(context, {ip::address_v4::loopback(), 0});
    acceptor.set_option(socket_base::linger(true, 5));
    const auto accept_and_open = [&] {
        const auto run = [&]() -> task<> {
            tcp::socket client(context);
            co_await client.connect(acceptor.local_endpoint());
            close_own(co_await acceptor.accept());
            client.set_option(socket_base::linger(true, 5));
            close_own(std::move(client));
        };
        co_spawn(context, run(), detached);
        context.run_for(10s);
        return context.stopped() ? ends_well : 1;
    };
    EXPECT_EQ(status_of_child(accept_and_open), ends_well);
    EXPECT_EQ(linger_of(acceptor.native_handle()), 5);
}

// Regression: parent and child shared the eventfd of a signal_set, so one consumed the wake-up of the other.
TEST(Fork, EachProcessReceivesItsOwnSignals) {
    io_context context(small_rings);
    signal_set signals(context, SIGUSR1);
    const auto expects_one = [&] {
        int received = 0;
        const auto wait = [&]() -> task<> { received = co_await signals.wait(); };
        co_spawn(context, wait(), detached);
        context.restart();
        context.run_for(10s);
        return received == SIGUSR1 ? ends_well : 1;
    };
    ::raise(SIGUSR1);  // stays pending for the parent
    for (int i = 0; i < 2; ++i) {
        const int status = status_of_child([&] {
            const auto wait = [&]() -> task<> { co_await signals.wait(); };
            co_spawn(context, wait(), detached);
            if (context.poll(); context.stopped())
                return 2;
            ::raise(SIGUSR1);
            context.run_for(10s);
            return context.stopped() ? ends_well : 3;
        });
        EXPECT_EQ(status, ends_well);
    }
    EXPECT_EQ(expects_one(), ends_well);
}

}  // namespace
}  // namespace coil::test
