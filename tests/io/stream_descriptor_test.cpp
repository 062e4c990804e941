// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/io/stream_descriptor.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <coil/algo/buffered_reader.hpp>
#include <coil/algo/read.hpp>
#include <coil/algo/stream.hpp>
#include <coil/algo/timeout.hpp>
#include <coil/algo/write.hpp>
#include <coil/base/unique_descriptor.hpp>
#include <coil/sync/when_any.hpp>

#include "support/real_context.hpp"
#include "support/scripted_context.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;
using posix::stream_descriptor;

static_assert(stream<stream_descriptor>);

// ---- on the scripted kernel -------------------------------------------------------------------------------

class ScriptedDescriptor : public testing::Test {
protected:
    template <class F>
    void run(F&& story) {
        context.run(story);
    }
    ring::scripted_kernel& script() { return context.script(); }
    [[nodiscard]] int make() { return script().make_connection(SOCK_STREAM, ip::endpoint()); }

    scripted_context context;
    std::array<char, 10> buffer{};
};

TEST_F(ScriptedDescriptor, UsesTheFilePosition) {
    run([&]() -> task<> {
        stream_descriptor descriptor(context.io(), make());
        context.answer_next("hello");
        EXPECT_EQ(co_await descriptor.recv(buffer), 5u);
        EXPECT_EQ(std::string_view(buffer.data(), 5), "hello");
        EXPECT_EQ(script().latest().opcode, IORING_OP_READ);
        EXPECT_EQ(script().latest().off, ~0ull);
        context.answer_next(2);
        EXPECT_EQ(co_await descriptor.send("bye"), 2u);
        EXPECT_EQ(script().latest().opcode, IORING_OP_WRITE);
        EXPECT_EQ(script().latest().off, ~0ull);
        EXPECT_EQ(script().sent(descriptor.native_handle()), "by");
    });
}

TEST_F(ScriptedDescriptor, ScattersAndGathers) {
    run([&]() -> task<> {
        stream_descriptor descriptor(context.io(), make());
        std::array<char, 2> head{};
        context.answer_next("hello");
        EXPECT_EQ(co_await descriptor.recv(head, buffer), 5u);
        EXPECT_EQ(std::string_view(head.data(), 2), "he");
        EXPECT_EQ(std::string_view(buffer.data(), 3), "llo");
        EXPECT_EQ(script().latest().opcode, IORING_OP_READV);
        context.answer_next(reply::all());
        EXPECT_EQ(co_await descriptor.send("good", "bye"), 7u);
        EXPECT_EQ(script().latest().opcode, IORING_OP_WRITEV);
        EXPECT_EQ(script().sent(descriptor.native_handle()), "goodbye");
    });
}

TEST_F(ScriptedDescriptor, SubmitsNothingForEmptyBuffers) {
    run([&]() -> task<> {
        stream_descriptor descriptor(context.io(), make());
        EXPECT_EQ(co_await descriptor.recv(mutable_buffer()), 0u);
        EXPECT_EQ(co_await descriptor.send(const_buffer()), 0u);
        EXPECT_EQ(co_await descriptor.recv(mutable_buffers()), 0u);
        EXPECT_EQ(co_await descriptor.send(const_buffers()), 0u);
    });
    EXPECT_TRUE(script().history().empty());
}

TEST_F(ScriptedDescriptor, ErrorNamesTheOperation) {
    run([&]() -> task<> {
        stream_descriptor descriptor(context.io(), make());
        context.answer_next(-EIO);
        try {
            co_await descriptor.recv(buffer);
            ADD_FAILURE() << "nothing was thrown";
        } catch (const transfer_error& failure) {
            EXPECT_EQ(failure.code(), std::errc::io_error);
            EXPECT_EQ(std::string(failure.what()).find("read: "), 0u) << failure.what();
        }
        try {  // coil::write() calls descriptor.send(), which is a write(2)
            context.answer_next(-EPIPE);
            co_await coil::write(descriptor, "x");
            ADD_FAILURE() << "nothing was thrown";
        } catch (const transfer_error& failure) {
            EXPECT_EQ(std::string(failure.what()).find("write: Broken pipe"), 0u) << failure.what();
        }
        context.answer_next(-EPIPE);
        auto [ec, n] = co_await as_tuple(descriptor.send("x"));
        EXPECT_EQ(ec, error::broken_pipe);
    });
}

// The kernel may return EAGAIN on an O_NONBLOCK descriptor if other readers are faster repeatedly.
TEST_F(ScriptedDescriptor, PollsAndRetriesAfterEagain) {
    run([&]() -> task<> {
        stream_descriptor descriptor(context.io(), make());
        for (const reply& each: {reply(-EAGAIN), reply(1), reply(-EAGAIN), reply(1), reply("hello")})
            context.answer_next(each);
        EXPECT_EQ(co_await descriptor.recv(buffer), 5u);
        EXPECT_EQ(script().submitted(IORING_OP_READ), 3u);
        EXPECT_EQ(script().submitted(IORING_OP_POLL_ADD), 2u);
        for (const reply& each: {reply(-EAGAIN), reply(4), reply::all()})
            context.answer_next(each);
        EXPECT_EQ(co_await descriptor.send("hello"), 5u);
        for (const reply& each: {reply(-EAGAIN), reply(-EINVAL)})
            context.answer_next(each);
        auto [ec, n] = co_await as_tuple(descriptor.recv(buffer));
        EXPECT_EQ(ec, std::errc::invalid_argument);
    });
}

TEST_F(ScriptedDescriptor, IsCancelledAtEachStep) {
    stream_descriptor descriptor(context.io(), make());
    std::error_code result;
    const auto receive = [&]() -> task<> {
        auto [ec, n] = co_await as_tuple(descriptor.recv(buffer));
        result = ec;
    };
    // In order: the read, a read that is about to poll, the poll, a poll that is ready before the cancel
    // comes.
    for (const bool polls: {false, true}) {
        for (const bool too_late: {false, true}) {
            result.clear();
            if (polls)
                context.answer_next(-EAGAIN);
            if (too_late)
                script().when_cancelled(polls ? reply(1) : reply(-EAGAIN));
            co_spawn(context.io(), receive, detached);
            context.then([&] { descriptor.cancel(); });
            context.run();
            EXPECT_EQ(result, error::operation_aborted) << polls << too_late;
        }
    }
}

// If a reader lost its lane between two steps, another reader could start, and the result of the poll would
// be taken for a byte count.
TEST_F(ScriptedDescriptor, KeepsItsLaneBetweenSteps) {
    run([&]() -> task<> {
        stream_descriptor descriptor(context.io(), make());
        const auto has_reader = [&] { return descriptor.recv(buffer).record->has_reader(); };
        std::size_t received = 0;
        auto reader = context.spawn([&]() -> task<> { received = co_await descriptor.recv(buffer); });
        for (const reply& each: {reply(-EAGAIN), reply(POLLIN), reply(-EAGAIN), reply(POLLIN)})
            context.answer_next(each);
        co_await yield();
        for (int i = 0; i < 10; ++i) {
            EXPECT_TRUE(has_reader());
            co_await yield();
        }
        EXPECT_EQ(script().submitted(IORING_OP_READ), 3u);
        EXPECT_EQ(received, 0u);
        context.answer(IORING_OP_READ, "hello");
        co_await reader.join();
        EXPECT_EQ(received, 5u);
        EXPECT_FALSE(has_reader());
    });
}

// timerfd_create(2): a read fails with ECANCELED if the clock was set (TFD_TIMER_CANCEL_ON_SET). No task was
// cancelled.
TEST_F(ScriptedDescriptor, ReportsEcanceledOfTheKernel) {
    run([&]() -> task<> {
        stream_descriptor descriptor(context.io(), make());
        context.answer_next(-ECANCELED);
        auto [ec, n] = co_await as_tuple(descriptor.recv(buffer));
        EXPECT_EQ(ec, detail::system_error_code(ECANCELED));
        EXPECT_NE(ec, error::operation_aborted);
    });
}

TEST_F(ScriptedDescriptor, BlocksSigpipeDuringWritesOnly) {
    run([&]() -> task<> {
        stream_descriptor descriptor(context.io(), make());
        context.then([&] {
            EXPECT_EQ(script().sigpipe_holders(), 0);
            context.answer(IORING_OP_READ, "x");
        });
        co_await descriptor.recv(buffer);
        context.then([&] {
            EXPECT_EQ(script().sigpipe_holders(), 1);
            context.answer(IORING_OP_WRITE, -EAGAIN);
        });
        context.then([&] {
            EXPECT_EQ(script().sigpipe_holders(), 1);
            context.answer(IORING_OP_POLL_ADD, 4);
        });
        context.then([&] { context.answer(IORING_OP_WRITE, 1); });
        co_await descriptor.send("x");
        EXPECT_EQ(script().sigpipe_holders(), 0);
    });
    // A write that is destroyed releases its hold, too. The scripted kernel checks that.
    stream_descriptor descriptor(context.io(), make());
    auto destroyed = descriptor.send("x").operation_in(context.io().foreign_environment());
    destroyed.await_suspend(std::noop_coroutine());
    context.poll();
    EXPECT_EQ(script().sigpipe_holders(), 1);
}

TEST_F(ScriptedDescriptor, NeverClosesABorrowedDescriptor) {
    const int number = make();
    {
        auto one = stream_descriptor::borrow(context.io(), number);
        auto another = stream_descriptor::borrow(context.io(), number);
        EXPECT_EQ(one.native_handle(), number);
        one.close();
        EXPECT_FALSE(one.is_open());
        one = std::move(another);
        EXPECT_TRUE(one.is_open());
    }
    EXPECT_TRUE(script().descriptor(number).open);
    auto released = stream_descriptor::borrow(context.io(), number);
    EXPECT_EQ(released.release(), number);
    EXPECT_TRUE(script().descriptor(number).open);
    // A record that was used for a borrowed descriptor closes the next descriptor, which it owns.
    stream_descriptor owns(context.io(), number);
    owns.close();
    EXPECT_FALSE(script().descriptor(number).open);
}

TEST_F(ScriptedDescriptor, FailsOnInvalidDescriptors) {
    try {
        stream_descriptor none(context.io(), -1);
        ADD_FAILURE() << "nothing was thrown";
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), error::bad_descriptor);
    }
    EXPECT_THROW(static_cast<void>(stream_descriptor::borrow(context.io(), -1)), std::system_error);
    stream_descriptor open(context.io(), make());
    try {
        open.assign(5);
        ADD_FAILURE() << "nothing was thrown";
    } catch (const std::system_error& failure) {
        EXPECT_EQ(failure.code(), error::already_open);
    }
    run([&]() -> task<> {
        stream_descriptor closed(context.io());
        auto [ec, n] = co_await as_tuple(closed.recv(buffer));
        EXPECT_EQ(ec, error::bad_descriptor);
        auto [ec2, n2] = co_await as_tuple(closed.send("x"));
        EXPECT_EQ(ec2, error::bad_descriptor);
    });
}

// ---- on the real kernel -----------------------------------------------------------------------------------

/// The two ends of a pipe or of a socket pair.
class ends {
public:
    enum class kind { pipe, sockets };

    ends(io_context& context, kind what, bool non_blocking) {
        int numbers[2];
        const int made =
            what == kind::pipe
                ? ::pipe2(numbers, O_CLOEXEC | (non_blocking ? O_NONBLOCK : 0))
                : ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (non_blocking ? SOCK_NONBLOCK : 0), 0,
                               numbers);
        EXPECT_EQ(made, 0);
        from = stream_descriptor(context, numbers[0]);
        to = stream_descriptor(context, numbers[1]);
    }

    stream_descriptor from;
    stream_descriptor to;
};

class StreamDescriptor : public testing::TestWithParam<bool> {
protected:
    template <class F>
    void run(F&& story) {
        context_.run(story);
    }
    io_context& context() { return context_; }
    [[nodiscard]] static bool non_blocking() { return GetParam(); }
    [[nodiscard]] ends make_ends(ends::kind kind) { return {context_, kind, non_blocking()}; }

    /// Receives once. It runs as a task of its own.
    task<> receive(stream_descriptor& from, std::optional<std::size_t>& received) {
        std::array<char, 10> buffer;
        received = co_await from.recv(buffer);
    }

    static task<> let_others_run() {
        for (int i = 0; i < 3; ++i)
            co_await yield();
    }

private:
    real_context context_;
};

TEST_P(StreamDescriptor, ReceivesBytesThenTheEnd) {
    for (const auto kind: {ends::kind::pipe, ends::kind::sockets}) {
        run([&]() -> task<> {
            auto [from, to] = make_ends(kind);
            std::optional<std::size_t> received;
            auto receiver = co_spawn(context(), receive(from, received));
            co_await let_others_run();
            EXPECT_FALSE(received);
            EXPECT_EQ(co_await to.send("hel", "lo"), 5u);
            co_await receiver.join();
            EXPECT_EQ(received, 5u);
            to.close();
            EXPECT_TRUE(co_await from.wait(from.wait_read) & from.wait_read);
            std::array<char, 10> buffer;
            EXPECT_EQ(co_await from.recv(buffer), 0u);
        });
    }
}

TEST_P(StreamDescriptor, MovesMuchThroughAPipe) {
    run([&]() -> task<> {
        auto [from, to] = make_ends(ends::kind::pipe);
        const std::string sent(1 << 20, 'x');
        const auto send = [](stream_descriptor& into, const std::string& bytes) -> task<> {
            co_await coil::write(into, bytes);
            into.close();
        };
        auto sender = co_spawn(context(), send, std::ref(to), std::cref(sent));
        std::string received(sent.size(), '\0');
        EXPECT_EQ(co_await coil::read(from, received), sent.size());
        EXPECT_TRUE(received == sent);
        co_await sender.join();
    });
}

TEST_P(StreamDescriptor, ReadsLinesFromAPipe) {
    run([&]() -> task<> {
        auto [from, to] = make_ends(ends::kind::pipe);
        co_await coil::write(to, "first\nsecond\n");
        buffered_reader reader(std::move(from), {.limit = 100});
        EXPECT_EQ(co_await reader.read_line(), "first");
        EXPECT_EQ(co_await reader.read_line(), "second");
    });
}

TEST_P(StreamDescriptor, ReadsAnEventfd) {
    run([&]() -> task<> {
        stream_descriptor event(context(), ::eventfd(0, EFD_CLOEXEC | (non_blocking() ? EFD_NONBLOCK : 0)));
        EXPECT_EQ(co_await event.wait(event.wait_read | event.wait_write), event.wait_write);
        std::optional<std::size_t> received;
        auto receiver = co_spawn(context(), receive(event, received));
        co_await let_others_run();
        EXPECT_FALSE(received);
        std::uint64_t count = 3;
        EXPECT_EQ(co_await event.send(const_buffer(&count, sizeof count)), sizeof count);
        co_await receiver.join();
        EXPECT_EQ(received, sizeof count);
        co_await coil::write(event, const_buffer(&count, sizeof count));
        co_await coil::write(event, const_buffer(&count, sizeof count));
        EXPECT_EQ(co_await event.wait(event.wait_read), event.wait_read);
        EXPECT_EQ(co_await event.recv(mutable_buffer(&count, sizeof count)), sizeof count);
        EXPECT_EQ(count, 6u);
        std::array<char, 7> too_small;
        auto [ec, n] = co_await as_tuple(event.recv(too_small));
        EXPECT_EQ(ec, std::errc::invalid_argument);
    });
}

TEST_P(StreamDescriptor, ReadsInotifyEvents) {
    // Not in /tmp: in user-mode Linux that is the host's file system (hostfs), which inotify does not report.
    std::string folder = "coil_inotify_XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    const std::string file = folder + "/file";
    run([&]() -> task<> {
        stream_descriptor watch(context(), ::inotify_init1(IN_CLOEXEC | (non_blocking() ? IN_NONBLOCK : 0)));
        EXPECT_GE(::inotify_add_watch(watch.native_handle(), folder.c_str(), IN_CREATE), 0);
        alignas(inotify_event) std::array<char, 1024> buffer;
        std::size_t size = 0;
        const auto look = [&]() -> task<> { size = co_await watch.recv(buffer); };
        auto looker = co_spawn(context(), look);
        co_await let_others_run();
        EXPECT_EQ(size, 0u);
        const int made = ::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        EXPECT_GE(made, 0);
        ::close(made);
        co_await looker.join();
        CO_ASSERT_GE(size, sizeof(inotify_event));
        EXPECT_STREQ(reinterpret_cast<const inotify_event*>(buffer.data())->name, "file");
    });
    ::unlink(file.c_str());
    ::rmdir(folder.c_str());
}

struct terminal {
    int master = -1;  // -1 if there are no pseudoterminals here
    int slave = -1;
};

terminal open_terminal(bool non_blocking) {
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || ::grantpt(master) < 0 || ::unlockpt(master) < 0)
        return {};
    return {master,
            ::open(::ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC | (non_blocking ? O_NONBLOCK : 0))};
}

TEST_P(StreamDescriptor, ReadsALineFromATerminal) {
    const terminal made = open_terminal(non_blocking());
    const int master = made.master, slave = made.slave;
    if (master < 0)
        GTEST_SKIP() << "no pseudoterminals here";
    ASSERT_GE(slave, 0);
    run([&]() -> task<> {
        stream_descriptor screen(context(), master), program(context(), slave);
        std::optional<std::size_t> received;
        auto receiver = co_spawn(context(), receive(program, received));
        co_await let_others_run();
        EXPECT_FALSE(received);
        co_await coil::write(screen, "line\n");
        co_await receiver.join();
        EXPECT_EQ(received, 5u);
    });
}

// A named pipe does not know RWF_NOWAIT, so the epoll engine writes in pieces of at most 4096 bytes.
TEST_P(StreamDescriptor, GathersIntoANamedPipe) {
    const std::string name = testing::TempDir() + "coil_named_pipe_" + std::to_string(::getpid());
    ASSERT_EQ(::mkfifo(name.c_str(), 0600), 0);
    const int fifo = ::open(name.c_str(), O_RDWR | O_CLOEXEC | (non_blocking() ? O_NONBLOCK : 0));
    ::unlink(name.c_str());
    ASSERT_GE(fifo, 0);
    run([&]() -> task<> {
        stream_descriptor both(context(), fifo);
        std::string few(5, '\0');
        EXPECT_EQ(co_await both.send("hel", "", "lo"), 5u);
        EXPECT_EQ(co_await both.recv(few), 5u);
        EXPECT_EQ(few, "hello");
        const std::string much(10'000, 'x');
        const std::array<const_buffer, 3> parts{const_buffer(), "ab", much};
        EXPECT_EQ(co_await coil::write(both, const_buffers(parts)), 10'002u);
        std::string received(10'002, '\0');
        co_await coil::read(both, received);
        EXPECT_EQ(received, "ab" + much);
    });
}

// A terminal is writable although it has less space than the write needs.
TEST_P(StreamDescriptor, FullTerminalDoesNotBlockTheLoop) {
    const terminal made = open_terminal(non_blocking());
    const int master = made.master, slave = made.slave;
    if (master < 0)
        GTEST_SKIP() << "no pseudoterminals here";
    ASSERT_GE(slave, 0);
    termios mode{};
    ASSERT_EQ(::tcgetattr(slave, &mode), 0);
    ::cfmakeraw(&mode);
    ASSERT_EQ(::tcsetattr(slave, TCSANOW, &mode), 0);
    const unique_descriptor of_others(::fcntl(slave, F_DUPFD_CLOEXEC, 0));
    const int flags = ::fcntl(of_others.get(), F_GETFL);
    run([&]() -> task<> {
        stream_descriptor screen(context(), master), program(context(), slave);
        const std::string much(300'000, 'x');
        const auto print = [&]() -> task<> { co_await coil::write(program, much); };
        auto printer = co_spawn(context(), print);
        co_await let_others_run();
        std::string shown(much.size(), ' ');
        co_await coil::read(screen, shown);
        co_await printer.join();
        EXPECT_EQ(shown, much);
        // Other processes that have the terminal would see O_NONBLOCK.
        EXPECT_EQ(::fcntl(of_others.get(), F_GETFL), flags);
        const auto type = [&]() -> task<> { co_await coil::write(screen, much); };
        auto typist = co_spawn(context(), type);
        co_await let_others_run();
        co_await coil::read(program, shown);
        co_await typist.join();
    });
}

TEST_P(StreamDescriptor, CancelsMovesAndClosesWhileReading) {
    run([&]() -> task<> {
        auto [from, to] = make_ends(ends::kind::pipe);
        std::error_code result;
        const auto receive = [&]() -> task<> {
            std::array<char, 10> buffer;
            auto [ec, n] = co_await as_tuple(from.recv(buffer));
            result = ec;
        };
        auto cancelled = co_spawn(context(), receive);
        co_await let_others_run();
        from.cancel();
        co_await cancelled.join();
        EXPECT_EQ(result, error::operation_aborted);

        result.clear();
        auto moved = co_spawn(context(), receive);
        co_await let_others_run();
        stream_descriptor elsewhere = std::move(from);
        co_await coil::write(to, "x");
        co_await moved.join();
        EXPECT_FALSE(result);
        from = std::move(elsewhere);

        auto closed = co_spawn(context(), receive);
        co_await let_others_run();
        from.close();
        co_await closed.join();
        EXPECT_EQ(result, error::operation_aborted);

        auto [ec, kinds] = co_await as_tuple(timeout(to.wait(to.wait_error), 10s));
        EXPECT_FALSE(ec);  // no reader is left
    });
}

INSTANTIATE_TEST_SUITE_P(With, StreamDescriptor, testing::Bool(),
                         [](const auto& each) { return each.param ? "NonBlocking" : "Blocking"; });

TEST(RegularFile, UsesTheFilePositionAndNeverWaits) {
    real_context context;
    std::FILE* file = std::tmpfile();
    ASSERT_NE(file, nullptr);
    context.run([&]() -> task<> {
        auto whole = stream_descriptor::borrow(context, ::fileno(file));
        co_await coil::write(whole, "hello, world");
        EXPECT_EQ(::lseek(whole.native_handle(), 7, SEEK_SET), 7);
        EXPECT_EQ(co_await whole.wait(whole.wait_read | whole.wait_write),
                  whole.wait_read | whole.wait_write);
        std::array<char, 10> buffer;
        EXPECT_EQ(co_await whole.recv(buffer), 5u);
        EXPECT_EQ(std::string_view(buffer.data(), 5), "world");
        EXPECT_EQ(co_await whole.recv(buffer), 0u);
        auto [ec, kinds] = co_await as_tuple(whole.wait(whole.wait_error));
        EXPECT_EQ(ec, std::errc::invalid_argument);
    });
    EXPECT_EQ(std::fclose(file), 0);  // it was still open
}

// Such a file is a regular file for fstat(2), but it can be polled.
TEST(RegularFile, MayBeAFileThatCanBePolled) {
    real_context context;
    context.run([&]() -> task<> {
        const int number = ::open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);
        CO_ASSERT_GE(number, 0);
        stream_descriptor file(context.io(), number);
        std::array<char, 4096> buffer;
        std::size_t whole = 0;
        for (std::size_t size = 1; size != 0; whole += size)
            size = co_await file.recv(buffer);
        EXPECT_GT(whole, 0u);
    });
}

TEST(BorrowedDescriptor, StaysOpenWhenItsContextEnds) {
    int numbers[2];
    ASSERT_EQ(::pipe2(numbers, O_CLOEXEC), 0);
    {
        real_context context;
        auto borrowed = stream_descriptor::borrow(context, numbers[0]);
        const auto wait = [&]() -> task<> { co_await borrowed.wait(borrowed.wait_read); };
        co_spawn(context.io(), wait, detached);
        context.poll();
        context.destroy();
        EXPECT_FALSE(borrowed.is_open());
    }
    for (const int each: numbers)
        EXPECT_EQ(::close(each), 0);
}

TEST(SeveralDescriptors, RaceInWhenAny) {
    real_context context;
    context.run([&]() -> task<> {
        stream_descriptor a(context, ::eventfd(0, EFD_CLOEXEC));
        stream_descriptor b(context, ::eventfd(1, EFD_CLOEXEC));
        const auto ready = co_await when_any(a.wait(a.wait_read), b.wait(b.wait_read));
        EXPECT_EQ(ready.index(), 1u);
    });
}

// ---- SIGPIPE ----------------------------------------------------------------------------------------------

/// Counts SIGPIPE during the test, and restores the former action afterwards.
class Sigpipe : public testing::Test {
protected:
    Sigpipe() {
        struct sigaction counting{};
        counting.sa_handler = [](int) { ++raised; };
        ::sigaction(SIGPIPE, &counting, &former_);
        raised = 0;
    }
    ~Sigpipe() override { ::sigaction(SIGPIPE, &former_, nullptr); }

    static sigset_t only_sigpipe() {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGPIPE);
        return set;
    }
    static bool is_pending() {
        sigset_t set;
        sigpending(&set);
        return sigismember(&set, SIGPIPE) == 1;
    }
    static bool is_blocked() {
        sigset_t set;
        ::pthread_sigmask(SIG_BLOCK, nullptr, &set);
        return sigismember(&set, SIGPIPE) == 1;
    }

    /// Writes to pipes and sockets without a reader: the reader closes while a write is pending, and before
    /// further writes.
    void write_without_reader() {
        real_context context;
        context.run([&]() -> task<> {
            for (const bool non_blocking: {false, true}) {
                for (const auto kind: {ends::kind::pipe, ends::kind::sockets}) {
                    auto [from, to] = ends(context, kind, non_blocking);
                    std::error_code result;
                    const auto fill = [&]() -> task<> {
                        std::string much(1 << 22, 'x');
                        auto [ec, n] = co_await as_tuple(coil::write(to, much));
                        result = ec;
                    };
                    auto filler = co_spawn(context.io(), fill);
                    for (int i = 0; i < 5; ++i)
                        co_await yield();
                    from.close();
                    co_await filler.join();
                    EXPECT_TRUE(result == error::broken_pipe || result == error::connection_reset) << result;
                    auto [ec, n] = co_await as_tuple(to.send("x"));
                    EXPECT_EQ(ec, error::broken_pipe);
                    auto [ec2, n2] = co_await as_tuple(to.send("x", "y"));
                    EXPECT_EQ(ec2, error::broken_pipe);
                }
            }
        });
    }

    static inline std::atomic<int> raised{0};

private:
    struct sigaction former_{};
};

TEST_F(Sigpipe, IsNeverRaised) {
    write_without_reader();
    EXPECT_EQ(raised, 0);
    EXPECT_FALSE(is_pending());
    EXPECT_FALSE(is_blocked());
}

TEST_F(Sigpipe, IsNeverRaisedOnAnotherThread) {
    std::thread thread([&] {
        write_without_reader();
        EXPECT_FALSE(is_pending());
        EXPECT_FALSE(is_blocked());
    });
    thread.join();
    EXPECT_EQ(raised, 0);
    EXPECT_FALSE(is_pending());
}

TEST_F(Sigpipe, StaysBlockedIfTheProgramBlockedIt) {
    const sigset_t sigpipe = only_sigpipe();
    ::pthread_sigmask(SIG_BLOCK, &sigpipe, nullptr);
    write_without_reader();
    EXPECT_TRUE(is_blocked());
    EXPECT_FALSE(is_pending());
    ::pthread_sigmask(SIG_UNBLOCK, &sigpipe, nullptr);
    EXPECT_EQ(raised, 0);
}

TEST_F(Sigpipe, StaysPendingIfItWasBefore) {
    const sigset_t sigpipe = only_sigpipe();
    ::pthread_sigmask(SIG_BLOCK, &sigpipe, nullptr);
    ::raise(SIGPIPE);
    write_without_reader();
    EXPECT_TRUE(is_pending());
    ::pthread_sigmask(SIG_UNBLOCK, &sigpipe, nullptr);
    EXPECT_EQ(raised, 1);
}

}  // namespace
}  // namespace coil::test
