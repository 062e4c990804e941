// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/base/generic_endpoint.hpp>

#include <array>
#include <system_error>

#include <gtest/gtest.h>
#include <linux/netlink.h>

#include <coil/base/endpoint.hpp>
#include <coil/base/local_endpoint.hpp>

namespace coil {
namespace {

TEST(GenericEndpoint, KeepsAddressBytes) {
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_pid = 0x01020304;
    const generic::endpoint made(&address, sizeof address);
    EXPECT_EQ(made.family(), AF_NETLINK);
    EXPECT_EQ(made.size(), sizeof address);
    EXPECT_EQ(std::memcmp(made.data(), &address, sizeof address), 0);
    sockaddr_storage again;
    EXPECT_EQ(made.to_sockaddr(again), sizeof address);
    EXPECT_EQ(generic::endpoint::from_sockaddr(&again, sizeof address), made);
    EXPECT_EQ(made.to_string(), "family 16: 00000403020100000000");
}

TEST(GenericEndpoint, ConvertsFromOtherEndpoints) {
    const generic::endpoint v4 = ip::make_endpoint("192.0.2.1:80");
    const generic::endpoint v6 = ip::make_endpoint("[2001:db8::1]:80");
    const generic::endpoint path = local::endpoint("/run/app.sock");
    EXPECT_EQ(v4.family(), AF_INET);
    EXPECT_EQ(v4.to_string(), "192.0.2.1:80");
    EXPECT_EQ(v6.to_string(), "[2001:db8::1]:80");
    EXPECT_EQ(path.to_string(), "/run/app.sock");
    EXPECT_NE(v4, v6);
    EXPECT_EQ(ip::endpoint::from_sockaddr(v4.data(), static_cast<socklen_t>(v4.size())),
              ip::make_endpoint("192.0.2.1:80"));
}

TEST(GenericEndpoint, EmptyHasNoFamily) {
    const generic::endpoint none;
    EXPECT_EQ(none.family(), AF_UNSPEC);
    EXPECT_EQ(none.size(), 0u);
    EXPECT_EQ(none.to_string(), "(no address)");
}

TEST(GenericEndpoint, RejectsInvalidSize) {
    const std::array<char, 129> bytes{};
    EXPECT_THROW(generic::endpoint(bytes.data(), bytes.size()), std::system_error);
    EXPECT_THROW(generic::endpoint(bytes.data(), 1), std::system_error);
    EXPECT_NO_THROW(generic::endpoint(bytes.data(), 128));
    try {
        generic::endpoint made(bytes.data(), bytes.size());
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), std::errc::invalid_argument);
        EXPECT_NE(std::string(error.what()).find("from 2 to 128 bytes, this one 129"), std::string::npos)
            << error.what();
    }
}

}  // namespace
}  // namespace coil
