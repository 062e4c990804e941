// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/base/endpoint.hpp>

#include <gtest/gtest.h>

#include <net/if.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <sstream>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <vector>

using namespace coil::ip;
using namespace std::string_literals;

namespace {

/// A minimal protocol.
class carrier_pigeon {
public:
    using endpoint = basic_endpoint<carrier_pigeon>;

    static constexpr carrier_pigeon v4() noexcept { return carrier_pigeon(AF_INET); }
    static constexpr carrier_pigeon v6() noexcept { return carrier_pigeon(AF_INET6); }
    constexpr int family() const noexcept { return family_; }

private:
    constexpr explicit carrier_pigeon(int family) noexcept : family_(family) {}
    int family_;
};

static_assert(std::is_trivially_copyable_v<endpoint> && sizeof(endpoint) == 24);
static_assert(std::is_trivially_copyable_v<carrier_pigeon::endpoint> &&
              sizeof(carrier_pigeon::endpoint) == 24);
static_assert(endpoint(address_v4::loopback(), 80).address() == address_v4::loopback());
static_assert(!std::is_convertible_v<endpoint, carrier_pigeon::endpoint>,
              "else tcp and udp endpoints would mix");
static_assert(std::is_convertible_v<carrier_pigeon::endpoint, endpoint>);
static_assert(noexcept(make_endpoint("", std::declval<std::error_code&>())));

struct spelling {
    std::string text;
    std::string canonical;
};

const std::vector<spelling> good = {
    {"127.0.0.1:80", "127.0.0.1:80"},
    {"0.0.0.0:0", "0.0.0.0:0"},
    {"255.255.255.255:65535", "255.255.255.255:65535"},
    {"192.0.2.1:00080", "192.0.2.1:80"},
    {"[::1]:80", "[::1]:80"},
    {"[::]:0", "[::]:0"},
    {"[2001:DB8:0::1]:443", "[2001:db8::1]:443"},
    {"[::ffff:192.0.2.1]:80", "[::ffff:192.0.2.1]:80"},
    {"[fe80::1%lo]:80", "[fe80::1%lo]:80"},
    {"[fe80::1%4000000000]:80", "[fe80::1%4000000000]:80"},
};

struct rejection {
    std::string text;
    std::string reason;
};

const std::vector<rejection> bad = {
    {"", "has no port"},
    {"127.0.0.1", "has no port"},
    {"[::1]", "has no port"},
    {"[fe80::1%lo]", "has no port"},
    {"80", "has no port"},
    {"127.0.0.1:", "0 to 65535"},
    {"127.0.0.1:65536", "0 to 65535"},
    {"127.0.0.1:99999", "0 to 65535"},
    {"127.0.0.1:000080", "0 to 65535"},
    {"127.0.0.1:4294967376", "0 to 65535"},
    {"127.0.0.1:-1", "0 to 65535"},
    {"127.0.0.1:+1", "0 to 65535"},
    {"127.0.0.1:0x50", "0 to 65535"},
    {"127.0.0.1:80 ", "0 to 65535"},
    {"127.0.0.1: 80", "0 to 65535"},
    {"127.0.0.1:80\0"s, "0 to 65535"},
    {"127.0.0.1:80\n", "0 to 65535"},
    {"127.0.0.1:80x", "0 to 65535"},
    {"127.0.0.1:http", "names of services"},
    {"[::1]:http", "names of services"},
    {"[::1]:", "0 to 65535"},
    {"[::1]:65536", "0 to 65535"},
    {":80", "no IPv4 address"},
    {":", "0 to 65535"},
    {"localhost:80", "names of hosts"},
    {"300.1.1.1:80", "no IPv4 address"},
    {" 127.0.0.1:80", "no IPv4 address"},
    {"127.0.0.1 :80", "no IPv4 address"},
    {"127.0.0.1\0:80"s, "no IPv4 address"},
    {"127.0.0.1%lo:80", "no IPv4 address"},
    {std::string(100000, '1') + ":80", "no IPv4 address"},
    {"::1:80", "without brackets"},
    {"::1", "without brackets"},
    {"2001:db8::1", "without brackets"},
    {"::", "without brackets"},
    {"::]:80", "without brackets"},
    {"[]:80", "no IPv6 address"},
    {"[127.0.0.1]:80", "no IPv6 address"},
    {"[[::1]]:80", "no IPv6 address"},
    {"[::1 ]:80", "no IPv6 address"},
    {"[::1]]:80", "no IPv6 address"},
    {"[fe80::1%]:80", "no IPv6 address"},
    {"[fe80::1%99999999999]:80", "no IPv6 address"},
    {"[::1]80", "not an endpoint"},
    {"[::1]x:80", "not an endpoint"},
    {"[::1", "not an endpoint"},
    {"[", "not an endpoint"},
    {"[:", "not an endpoint"},
    {"]:80", "no IPv4 address"},
};

std::string what_of(const std::string& text) {
    try {
        make_endpoint(text);
    } catch (const std::system_error& failure) {
        return failure.what();
    }
    return "";
}

/// A socket descriptor. The destructor closes it.
class raw_socket {
public:
    raw_socket(int family, int type) : fd_(::socket(family, type | SOCK_CLOEXEC, 0)) {}
    raw_socket(const raw_socket&) = delete;
    raw_socket& operator=(const raw_socket&) = delete;
    ~raw_socket() {
        if (fd_ >= 0)
            ::close(fd_);
    }
    int fd() const { return fd_; }

private:
    int fd_;
};

int bind_to(const raw_socket& socket, const endpoint& where) {
    socket_address target;
    const socklen_t size = where.to_sockaddr(target);
    return ::bind(socket.fd(), &target.any, size) == 0 ? 0 : errno;
}

endpoint name_of(const raw_socket& socket) {
    socket_address source;
    socklen_t size = sizeof source;
    EXPECT_EQ(::getsockname(socket.fd(), &source.any, &size), 0);
    return endpoint::from_sockaddr(source, size);
}

}  // namespace

TEST(Endpoint, ParsesAndPrints) {
    for (const auto& [text, canonical]: good) {
        std::error_code error = std::make_error_code(std::errc::io_error);
        const endpoint value = make_endpoint(text, error);
        EXPECT_FALSE(error) << text;
        EXPECT_EQ(value.to_string(), canonical);
        EXPECT_EQ(make_endpoint(text), value);
        EXPECT_EQ(make_endpoint(value.to_string()), value);
        EXPECT_EQ(endpoint(value.address(), value.port()), value);
        EXPECT_EQ(value.family() == AF_INET6, value.address().is_v6());
    }
}

TEST(Endpoint, RejectsInvalidTextWithReason) {
    for (const auto& [text, reason]: bad) {
        std::error_code error;
        EXPECT_EQ(make_endpoint(text, error), endpoint()) << text.substr(0, 60);
        EXPECT_EQ(error, std::errc::invalid_argument) << text.substr(0, 60);
        const std::string what = what_of(text);
        EXPECT_NE(what.find(reason), std::string::npos) << "no <" << reason << "> in: " << what;
        EXPECT_NE(what.find("make_endpoint: \""), std::string::npos) << what;
        EXPECT_LT(what.size(), 400u);
    }
}

TEST(Endpoint, ReportsMissingInterface) {
    std::error_code error;
    EXPECT_EQ(make_endpoint("[fe80::1%no_such_if]:80", error), endpoint());
    EXPECT_EQ(error, std::errc::no_such_device);
    const std::string what = what_of("[fe80::1%no_such_if]:80");
    EXPECT_NE(what.find("interface that does not exist"), std::string::npos) << what;
    EXPECT_NE(what.find("[fe80::1%no_such_if]:80"), std::string::npos) << what;
}

TEST(Endpoint, SetsAddressAndPort) {
    endpoint value;
    EXPECT_EQ(value.to_string(), "0.0.0.0:0");
    EXPECT_EQ(value.family(), AF_INET);
    value.port(443);
    value.address(make_address("fe80::1%lo"));
    EXPECT_EQ(value, make_endpoint("[fe80::1%lo]:443"));
    EXPECT_EQ(value.family(), AF_INET6);
    value.address(address_v4::loopback());
    EXPECT_EQ(value, endpoint(address_v4::loopback(), 443));  // no byte of the longer address is left
}

TEST(Endpoint, KnowsItsProtocol) {
    using pigeon = carrier_pigeon;
    EXPECT_EQ(pigeon::endpoint(), pigeon::endpoint(pigeon::v4(), 0));
    EXPECT_EQ(pigeon::endpoint(pigeon::v4(), 7).to_string(), "0.0.0.0:7");
    EXPECT_EQ(pigeon::endpoint(pigeon::v6(), 7).to_string(), "[::]:7");
    EXPECT_EQ(pigeon::endpoint(pigeon::v6(), 7).protocol().family(), AF_INET6);
    EXPECT_EQ(pigeon::endpoint(address_v4::loopback(), 7).protocol().family(), AF_INET);
    EXPECT_EQ(pigeon::endpoint(make_endpoint("[::1]:7")).port(), 7);

    // As an argument in braces.
    const auto port_of = [](const pigeon::endpoint& where) { return where.port(); };
    EXPECT_EQ(port_of({pigeon::v6(), 7777}), 7777);
    EXPECT_EQ(port_of({address_v6::loopback(), 7777}), 7777);

    std::unordered_map<pigeon::endpoint, int> lofts;
    lofts[{pigeon::v4(), 1}] = 1;
    EXPECT_EQ(lofts.count({pigeon::v4(), 1}), 1u);
    EXPECT_EQ(lofts.count({pigeon::v6(), 1}), 0u);
    std::map<pigeon::endpoint, int> ordered;
    ordered[{pigeon::v4(), 1}] = 1;
    EXPECT_EQ(ordered.count({pigeon::v4(), 2}), 0u);
}

TEST(Endpoint, ComparesAndHashesConsistently) {
    std::vector<endpoint> sorted;
    for (const char* text: {"0.0.0.0:0", "0.0.0.0:1", "0.0.0.0:256", "0.0.0.1:0", "127.0.0.1:80", "[::]:0",
                            "[::1]:79", "[::1]:80", "[fe80::1]:80", "[fe80::1%1]:79", "[fe80::1%2]:1"})
        sorted.push_back(make_endpoint(text));
    std::unordered_set<std::size_t> hashes;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        for (std::size_t j = 0; j < sorted.size(); ++j) {
            EXPECT_EQ(sorted[i] <=> sorted[j], i <=> j) << sorted[i] << ' ' << sorted[j];
            EXPECT_EQ(sorted[i] == sorted[j], i == j) << sorted[i] << ' ' << sorted[j];
        }
        const endpoint same(sorted[i].address(), sorted[i].port());
        EXPECT_EQ(std::hash<endpoint>()(sorted[i]), std::hash<endpoint>()(same));
        hashes.insert(std::hash<endpoint>()(sorted[i]));
    }
    EXPECT_EQ(hashes.size(), sorted.size());

    hashes.clear();
    for (unsigned port = 0; port < 65536; ++port)
        hashes.insert(
            std::hash<endpoint>()(endpoint(address_v4::loopback(), static_cast<std::uint16_t>(port))));
    EXPECT_EQ(hashes.size(), 65536u);
}

TEST(Endpoint, ConvertsToSockaddrAndBack) {
    for (const auto& [text, canonical]: good) {
        const endpoint value = make_endpoint(text);
        socket_address target;
        std::memset(&target, 0xff, sizeof target);
        const socklen_t size = value.to_sockaddr(target);
        EXPECT_EQ(target.any.sa_family, value.family());
        EXPECT_EQ(endpoint::from_sockaddr(target, size), value);
        EXPECT_EQ(endpoint::from_sockaddr(target, sizeof target), value);

        // At an unaligned address, as in a buffer that the kernel fills.
        unsigned char bytes[sizeof target + 1];
        std::memcpy(bytes + 1, &target, size);
        EXPECT_EQ(endpoint::from_sockaddr(bytes + 1, size), value);

        for (socklen_t cut = 0; cut < size; ++cut)
            EXPECT_EQ(endpoint::from_sockaddr(target, cut), endpoint());
    }

    socket_address target;
    EXPECT_EQ(make_endpoint("127.0.0.1:258").to_sockaddr(target), sizeof(sockaddr_in));
    EXPECT_EQ(target.v4.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    EXPECT_EQ(target.v4.sin_port, htons(258));
    EXPECT_EQ(make_endpoint("[fe80::1%7]:258").to_sockaddr(target), sizeof(sockaddr_in6));
    EXPECT_EQ(target.v6.sin6_port, htons(258));
    EXPECT_EQ(target.v6.sin6_scope_id, 7u);
    EXPECT_EQ(target.v6.sin6_flowinfo, 0u);
}

TEST(Endpoint, UnknownFamilyIsUnspecified) {
    socket_address source{};
    make_endpoint("[::1]:80").to_sockaddr(source);
    for (const int family: {AF_UNSPEC, AF_UNIX, AF_NETLINK, 65535}) {
        source.any.sa_family = static_cast<sa_family_t>(family);
        EXPECT_EQ(endpoint::from_sockaddr(source, sizeof source), endpoint());
    }
    EXPECT_EQ(endpoint::from_sockaddr(nullptr, 0), endpoint());
}

TEST(Endpoint, IPv4SurvivesKernelRoundTrip) {
    const raw_socket server(AF_INET, SOCK_STREAM);
    ASSERT_GE(server.fd(), 0);
    ASSERT_EQ(bind_to(server, make_endpoint("127.0.0.1:0")), 0);
    const endpoint name = name_of(server);
    EXPECT_EQ(name.address(), address_v4::loopback());
    EXPECT_NE(name.port(), 0);

    const raw_socket second(AF_INET, SOCK_STREAM);
    EXPECT_EQ(bind_to(second, name), EADDRINUSE);  // the kernel understood address and port
}

TEST(Endpoint, IPv6SurvivesKernelRoundTrip) {
    const raw_socket server(AF_INET6, SOCK_STREAM);
    if (server.fd() < 0 || bind_to(server, make_endpoint("[::1]:0")) == EADDRNOTAVAIL)
        GTEST_SKIP() << "this machine has no IPv6";
    const endpoint name = name_of(server);
    EXPECT_EQ(name.address(), address_v6::loopback());
    EXPECT_NE(name.port(), 0);

    const raw_socket second(AF_INET6, SOCK_STREAM);
    EXPECT_EQ(bind_to(second, name), EADDRINUSE);
}

TEST(Endpoint, MappedAddressBindsDualStackSocket) {
    const raw_socket server(AF_INET6, SOCK_STREAM);
    if (server.fd() < 0)
        GTEST_SKIP() << "this machine has no IPv6";
    const int off = 0;
    ASSERT_EQ(::setsockopt(server.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off), 0);
    ASSERT_EQ(bind_to(server, endpoint(address_v6::v4_mapped(address_v4::loopback()), 0)), 0);
    EXPECT_EQ(name_of(server).address().to_string(), "::ffff:127.0.0.1");
    EXPECT_EQ(name_of(server).address().unmapped(), address_v4::loopback());
}

TEST(Endpoint, ScopeSurvivesKernelRoundTrip) {
    const unsigned loopback = if_nametoindex("lo");
    const raw_socket socket(AF_INET6, SOCK_DGRAM);
    if (socket.fd() < 0)
        GTEST_SKIP() << "this machine has no IPv6";
    // A multicast group can be bound on an interface that has no address of that scope.
    ASSERT_EQ(bind_to(socket, endpoint(make_address("ff02::fb%lo"), 0)), 0);
    const endpoint name = name_of(socket);
    EXPECT_EQ(name.address(), make_address("ff02::fb%lo"));
    EXPECT_NE(name.port(), 0);
    EXPECT_EQ(name.address().to_v6().scope_id(), loopback);
    EXPECT_EQ(name.to_string(), "[ff02::fb%lo]:" + std::to_string(name.port()));
}

TEST(Endpoint, PrintsToStream) {
    std::ostringstream out;
    out << make_endpoint("192.0.2.1:80") << ' ' << carrier_pigeon::endpoint(carrier_pigeon::v6(), 7);
    EXPECT_EQ(out.str(), "192.0.2.1:80 [::]:7");
}
