// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Acceptors under load, and out of descriptors, on the real kernel.

#include <array>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <coil/algo/timeout.hpp>
#include <coil/io/sleep.hpp>
#include <coil/net/tcp.hpp>

#include "net/connected.hpp"

namespace coil::test {
namespace {

using namespace std::chrono_literals;

class Acceptor : public testing::Test {
protected:
    template <class F>
    void run(F&& story) {
        context_.run(story);
    }
    io_context& context() { return context_; }

    [[nodiscard]] static tcp::endpoint address_of(const tcp::acceptor& acceptor) {
        return {ip::address_v4::loopback(), acceptor.local_endpoint().port()};
    }

    /// Connects `count` clients, one after the other.
    task<std::vector<tcp::socket>> connect_clients(tcp::endpoint to, std::size_t count) {
        std::vector<tcp::socket> clients;
        for (std::size_t i = 0; i < count; ++i) {
            clients.emplace_back(context_.io());
            co_await clients.back().connect(to);
        }
        co_return clients;
    }

private:
    real_context context_;
};

TEST_F(Acceptor, ServesWaitersInFifoOrder) {
    run([&]() -> task<> {
        tcp::acceptor acceptor(context(), {tcp::v4(), 0});
        std::vector<int> served;
        std::vector<std::uint16_t> ports;
        const auto wait = [&](int number) -> task<> {
            auto peer = co_await acceptor.accept();
            served.push_back(number);
            ports.push_back(peer.remote_endpoint().port());
        };
        for (int i = 0; i < 5; ++i)
            co_spawn(context(), wait, i).detach();
        co_await yield();
        auto clients = co_await connect_clients(address_of(acceptor), 5);
        while (served.size() < 5)
            co_await yield();
        EXPECT_EQ(served, (std::vector<int>{0, 1, 2, 3, 4}));
        for (std::size_t i = 0; i < 5; ++i)
            EXPECT_EQ(ports[i], clients[i].local_endpoint().port());
    });
}

TEST_F(Acceptor, SkipsCancelledWaiters) {
    run([&]() -> task<> {
        tcp::acceptor acceptor(context(), {tcp::v4(), 0});
        std::vector<int> served;
        const auto wait = [&](int number) -> task<> {
            auto accepted = co_await as_tuple(acceptor.accept());
            served.push_back(accepted ? number : -number);
        };
        auto first = co_spawn(context(), wait, 1);
        auto second = co_spawn(context(), wait, 2);
        auto third = co_spawn(context(), wait, 3);
        co_await let_others_run();
        second.request_stop();
        first.request_stop();
        co_await second.join();
        auto clients = co_await connect_clients(address_of(acceptor), 2);
        co_await third.join();
        EXPECT_EQ(served, (std::vector<int>{-2, -1, 3}));
        EXPECT_EQ((co_await acceptor.accept()).remote_endpoint().port(), clients[1].local_endpoint().port());
    });
}

TEST_F(Acceptor, AcceptsABurstOfAThousandConnections) {
    run([&]() -> task<> {
        constexpr int connections = 1000;
        tcp::acceptor acceptor(context(), {tcp::v6(), 0});
        int greeted = 0;
        const auto client = [&]() -> task<> {
            tcp::socket socket(context());
            co_await socket.connect(address_of(acceptor));
            char byte[1];
            greeted += co_await socket.recv(byte) == 1 && byte[0] == '!';
            socket.set_option(socket_base::linger(true, 0));  // leaves no port in TIME_WAIT
        };
        std::vector<join_handle<void>> clients;
        for (int i = 0; i < connections; ++i)
            clients.push_back(co_spawn(context(), client));
        std::vector<tcp::socket> servers;
        for (int i = 0; i < connections; ++i) {
            servers.push_back(co_await acceptor.accept());
            co_await servers.back().send("!");
        }
        for (auto& each: clients)
            co_await each.join();
        EXPECT_EQ(greeted, connections);
    });
}

// Each accept reports the address of its own connection, also in a large burst. The kernel returns the
// address with the connection.
TEST_F(Acceptor, ReportsThePeerOfEachConnectionInABurst) {
    run([&]() -> task<> {
        constexpr std::size_t connections = 500;
        tcp::acceptor acceptor(context(), {tcp::v4(), 0});
        const auto connect = [&](tcp::socket& socket) -> task<> {
            co_await socket.connect(address_of(acceptor));
        };
        std::vector<tcp::socket> clients;
        for (std::size_t i = 0; i < connections; ++i)
            clients.emplace_back(context());
        std::vector<join_handle<void>> connecting;
        for (auto& each: clients)
            connecting.push_back(co_spawn(context(), connect, std::ref(each)));
        std::map<tcp::endpoint, std::byte> greeted_with;
        std::vector<tcp::socket> servers;
        for (std::size_t i = 0; i < connections; ++i) {
            tcp::endpoint peer;
            servers.push_back(co_await acceptor.accept(peer));
            EXPECT_EQ(servers.back().remote_endpoint(), peer);
            const std::byte greeting{static_cast<unsigned char>(i)};
            EXPECT_TRUE(greeted_with.emplace(peer, greeting).second) << peer.to_string() << " twice";
            co_await servers.back().send(buffer(&greeting, 1));
        }
        for (auto& each: connecting)
            co_await each.join();
        for (auto& each: clients) {
            std::byte greeting[1];
            co_await each.recv(greeting);
            EXPECT_EQ(greeting[0], greeted_with.at(each.local_endpoint()));
        }
    });
}

/// The number of descriptors that the process has open.
std::size_t count_descriptors() {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                                                  std::filesystem::directory_iterator()));
}

// A server that limits its clients must not run out of descriptors because of a burst that it has not
// accepted.
TEST_F(Acceptor, AcceptsNothingWhileNoAcceptWaits) {
    run([&]() -> task<> {
        constexpr std::size_t connections = 100;
        tcp::acceptor acceptor(context(), {tcp::v4(), 0});
        auto clients = co_await connect_clients(address_of(acceptor), connections);
        const std::size_t before = count_descriptors();
        std::vector<tcp::socket> servers;
        for (std::size_t i = 0; i < connections; ++i) {
            servers.push_back(co_await acceptor.accept());
            EXPECT_EQ(servers.back().remote_endpoint(), clients[i].local_endpoint());
            co_await let_others_run();
            EXPECT_EQ(count_descriptors(), before + i + 1);
        }
    });
}

// Two processes share a listener. One accepts a client and is busy: the other process accepts the other
// clients.
TEST_F(Acceptor, LeavesConnectionsToOtherProcesses) {
    run([&]() -> task<> {
        tcp::acceptor busy(context(), {tcp::v4(), 0});
        tcp::acceptor idle(context());
        idle.assign(tcp::v4(), ::fcntl(busy.native_handle(), F_DUPFD_CLOEXEC, 0));
        auto clients = co_await connect_clients(address_of(busy), 5);
        std::vector<tcp::socket> servers;
        servers.push_back(co_await busy.accept());
        co_await let_others_run();
        while (servers.size() < 5)
            servers.push_back(co_await timeout(idle.accept(), 1s));
        for (std::size_t i = 0; i < 5; ++i)
            EXPECT_EQ(servers[i].remote_endpoint(), clients[i].local_endpoint());
    });
}

TEST_F(Acceptor, KeepsTheBacklogWhenReleased) {
    run([&]() -> task<> {
        tcp::acceptor acceptor(context(), {tcp::v4(), 0});
        auto clients = co_await connect_clients(address_of(acceptor), 5);
        std::vector<tcp::socket> servers;
        servers.push_back(co_await acceptor.accept());
        co_await let_others_run();
        const int listener = acceptor.release();
        acceptor.assign(tcp::v4(), listener);
        while (servers.size() < 5)
            servers.push_back(co_await timeout(acceptor.accept(), 1s));
        for (std::size_t i = 0; i < 5; ++i)
            EXPECT_EQ(servers[i].remote_endpoint(), clients[i].local_endpoint());
    });
}

// IORING_OP_ACCEPT waits even if O_NONBLOCK is set: an accept must not be retried without a pause.
TEST_F(Acceptor, WaitsWithoutSpinningIfNonBlocking) {
    run([&]() -> task<> {
        tcp::acceptor acceptor(context(), {tcp::v4(), 0});
        acceptor.native_non_blocking(true);
        auto waiting =
            co_spawn(context(), [&]() -> task<tcp::socket> { co_return co_await acceptor.accept(); });
        co_await let_others_run();
        const auto before = context().metrics();
        auto clients = co_await connect_clients(address_of(acceptor), 1);
        auto server = co_await timeout(waiting.join(), 1s);
        EXPECT_EQ(server.remote_endpoint(), clients[0].local_endpoint());
        EXPECT_LT(context().metrics().submissions - before.submissions, 10u);
    });
}

TEST_F(Acceptor, SkipsClientsThatResetBeforeTheAccept) {
    run([&]() -> task<> {
        tcp::acceptor acceptor(context(), {tcp::v4(), 0});
        auto clients = co_await connect_clients(address_of(acceptor), 100);
        for (auto& each: clients) {
            each.set_option(socket_base::linger(true, 0));
            each.close();
        }
        tcp::socket last(context());
        co_await last.connect(address_of(acceptor));
        tcp::endpoint peer;
        int accepted = 0;
        do {
            auto server = co_await acceptor.accept(peer);
            ++accepted;
        } while (peer != last.local_endpoint() && accepted <= 101);
        EXPECT_EQ(peer, last.local_endpoint());
    });
}

TEST_F(Acceptor, FailsWithoutListen) {
    run([&]() -> task<> {
        tcp::acceptor acceptor(context());
        acceptor.open(tcp::v4());
        acceptor.bind({tcp::v4(), 0});
        auto accepted = co_await as_tuple(acceptor.accept());
        EXPECT_EQ(accepted.error(), error::invalid_argument);
        acceptor.listen();
        auto clients = co_await connect_clients(address_of(acceptor), 1);
        EXPECT_TRUE((co_await acceptor.accept()).is_open());
    });
}

TEST_F(Acceptor, SharesItsPortWithReusePort) {
    run([&]() -> task<> {
        tcp::acceptor first(context());
        first.open(tcp::v4());
        first.set_option(socket_base::reuse_port(true));
        first.bind({ip::address_v4::loopback(), 0});
        first.listen();
        tcp::acceptor second(context());
        second.open(tcp::v4());
        second.set_option(socket_base::reuse_port(true));
        second.bind(first.local_endpoint());
        second.listen();
        EXPECT_EQ(first.local_endpoint(), second.local_endpoint());
        co_return;
    });
}

// ---- short of descriptors ---------------------------------------------------------------------------------

/// Lowers the limit of descriptors and occupies all but `spare` of them.
class descriptor_shortage {
public:
    explicit descriptor_shortage(int spare) {
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &former_), 0);
        const int lowest_free = ::fcntl(0, F_DUPFD_CLOEXEC, 0);
        EXPECT_GE(lowest_free, 0);
        ::close(lowest_free);
        rlimit narrow = former_;
        narrow.rlim_cur = static_cast<rlim_t>(lowest_free) + 256;
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &narrow), 0);
        for (int number; (number = ::fcntl(0, F_DUPFD_CLOEXEC, 0)) >= 0;)
            held_.push_back(number);
        for (; spare > 0; --spare)
            release_one();
    }
    descriptor_shortage(const descriptor_shortage&) = delete;
    descriptor_shortage& operator=(const descriptor_shortage&) = delete;
    ~descriptor_shortage() {
        while (!held_.empty())
            release_one();
        ::setrlimit(RLIMIT_NOFILE, &former_);
    }

    void release_one() {
        ::close(held_.back());
        held_.pop_back();
    }

private:
    rlimit former_{};
    std::vector<int> held_;
};

TEST_F(Acceptor, BacksOffWhenOutOfDescriptors) {
    run([&]() -> task<> {
        tcp::acceptor acceptor(context(), {tcp::v4(), 0});
        tcp::socket client(context(), tcp::v4());
        co_await client.connect(address_of(acceptor));
        auto waiting =
            co_spawn(context(), [&]() -> task<tcp::socket> { co_return co_await acceptor.accept(); });
        descriptor_shortage shortage(0);
        const auto before = context().metrics();
        co_await sleep_for(150ms);
        EXPECT_FALSE(waiting.done());
        const auto after = context().metrics();
        EXPECT_LT(after.enters - before.enters, 12u);
        EXPECT_GE(after.submissions - before.submissions, 2u);  // the accept and at least one retry

        shortage.release_one();
        auto server = co_await timeout(waiting.join(), 1s);
        EXPECT_EQ(server.remote_endpoint(), client.local_endpoint());
    });
}

// The kernel returns EMFILE even if no client connects, so an idle listener must not spin either.
TEST_F(Acceptor, DoesNotSpinWhenIdleAndOutOfDescriptors) {
    run([&]() -> task<> {
        tcp::acceptor acceptor(context(), {tcp::v4(), 0});
        descriptor_shortage shortage(0);
        const auto before = context().metrics();
        auto accepted = co_await as_tuple(timeout(acceptor.accept(), 50ms));
        EXPECT_EQ(accepted.error(), error::timed_out);
        EXPECT_LT(context().metrics().enters - before.enters, 8u);
    });
}

TEST_F(Acceptor, CancelsAndClosesWhenOutOfDescriptors) {
    run([&]() -> task<> {
        tcp::acceptor acceptor(context(), {tcp::v4(), 0});
        descriptor_shortage shortage(0);
        const auto wait = [&]() -> task<std::error_code> {
            auto accepted = co_await as_tuple(acceptor.accept());
            co_return accepted.error();
        };
        auto cancelled = co_spawn(context(), wait);
        co_await let_others_run(5);
        acceptor.cancel();
        EXPECT_EQ(co_await cancelled.join(), error::operation_aborted);
        auto closed = co_spawn(context(), wait);
        co_await let_others_run(5);
        acceptor.close();
        EXPECT_EQ(co_await closed.join(), error::operation_aborted);
    });
}

TEST_F(Acceptor, OpensNoSocketWhenOutOfDescriptors) {
    run([&]() -> task<> {
        tcp::socket socket(context());
        const descriptor_shortage shortage(0);
        auto [ec] = co_await as_tuple(socket.connect({ip::address_v4::loopback(), 1}));
        EXPECT_EQ(ec, std::errc::too_many_files_open);
        EXPECT_FALSE(socket.is_open());
        try {
            socket.open();
            ADD_FAILURE() << "no error";
        } catch (const std::system_error& failure) {
            EXPECT_EQ(failure.code(), std::errc::too_many_files_open);
        }
    });
}

}  // namespace
}  // namespace coil::test
