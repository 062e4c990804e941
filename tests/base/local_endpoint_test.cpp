// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/base/local_endpoint.hpp>

#include <cstring>
#include <sstream>
#include <string>
#include <system_error>
#include <unordered_set>

#include <gtest/gtest.h>

using coil::local::endpoint;
using namespace std::string_literals;

namespace {

/// Converts to a sockaddr_un and back.
endpoint round_trip(const endpoint& what) {
    sockaddr_un address;
    const socklen_t size = what.to_sockaddr(address);
    return endpoint::from_sockaddr(&address, size);
}

std::string error_of(const std::string& path) {
    try {
        endpoint made(path);
    } catch (const std::system_error& error) {
        return error.what();
    }
    return "no error";
}

TEST(LocalEndpoint, KeepsPath) {
    const endpoint server("/run/app.sock");
    EXPECT_EQ(server.path(), "/run/app.sock");
    EXPECT_EQ(server.to_string(), "/run/app.sock");
    EXPECT_FALSE(server.is_unnamed());
    EXPECT_FALSE(server.is_abstract());
    EXPECT_EQ(round_trip(server), server);
}

TEST(LocalEndpoint, PathEndsWithNul) {
    sockaddr_un address;
    std::memset(&address, 'x', sizeof address);
    const socklen_t size = endpoint("/a").to_sockaddr(address);
    EXPECT_EQ(address.sun_family, AF_UNIX);
    EXPECT_EQ(size, offsetof(sockaddr_un, sun_path) + 3);
    EXPECT_STREQ(address.sun_path, "/a");
}

TEST(LocalEndpoint, AbstractNameHasNoTerminator) {
    const endpoint server = endpoint::abstract("app");
    sockaddr_un address;
    EXPECT_EQ(server.to_sockaddr(address), offsetof(sockaddr_un, sun_path) + 4);
    EXPECT_EQ(std::string(address.sun_path, 4), "\0app"s);
    EXPECT_TRUE(server.is_abstract());
    EXPECT_EQ(server.to_string(), "@app");
    EXPECT_EQ(round_trip(server), server);
    EXPECT_EQ(endpoint("\0app"s), server);
    EXPECT_NE(endpoint("app"), server);
}

TEST(LocalEndpoint, AbstractNameMayHoldAnyBytes) {
    const endpoint server = endpoint::abstract("a\0b\n"s);
    EXPECT_EQ(server.to_string(), "@a\\x00b\\x0a");
    EXPECT_EQ(round_trip(server), server);
    EXPECT_NE(server, endpoint::abstract("a"));
}

TEST(LocalEndpoint, DefaultIsUnnamed) {
    const endpoint unnamed;
    sockaddr_un address;
    EXPECT_TRUE(unnamed.is_unnamed());
    EXPECT_EQ(unnamed.to_string(), "(unnamed)");
    EXPECT_EQ(unnamed.to_sockaddr(address), sizeof(sa_family_t));
    EXPECT_EQ(endpoint(""), unnamed);
    EXPECT_EQ(round_trip(unnamed), unnamed);
}

TEST(LocalEndpoint, RejectsPathOver107Bytes) {
    const std::string longest(107, 'p');
    EXPECT_EQ(endpoint(longest).path(), longest);
    EXPECT_EQ(round_trip(endpoint(longest)).path(), longest);
    EXPECT_EQ(round_trip(endpoint::abstract(longest)), endpoint::abstract(longest));
    const std::string text = error_of(longest + 'p');
    EXPECT_NE(text.find("has 108 bytes"), text.npos) << text;
    EXPECT_NE(text.find("room for 107: use a shorter path"), text.npos) << text;
    EXPECT_THROW(endpoint::abstract(longest + 'p'), std::system_error);
    try {
        endpoint made(longest + 'p');
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), std::errc::filename_too_long);
    }
}

// A peer may bind a path of 108 bytes, which leaves no room for a NUL.
TEST(LocalEndpoint, KeepsPathOf108Bytes) {
    sockaddr_un address;
    address.sun_family = AF_UNIX;
    std::memset(address.sun_path, 'p', sizeof address.sun_path);
    const endpoint full = endpoint::from_sockaddr(&address, sizeof address);
    EXPECT_EQ(full.path(), std::string(108, 'p'));
    sockaddr_un again;
    EXPECT_EQ(full.to_sockaddr(again), sizeof again);
    EXPECT_EQ(std::memcmp(&address, &again, sizeof again), 0);
}

TEST(LocalEndpoint, RejectsNulInPath) {
    const std::string text = error_of("/run\0/app"s);
    EXPECT_NE(text.find("contains a NUL"), text.npos) << text;
}

TEST(LocalEndpoint, OtherFamilyOrTruncatedIsUnnamed) {
    sockaddr_un address;
    endpoint("/a").to_sockaddr(address);
    EXPECT_TRUE(endpoint::from_sockaddr(&address, 0).is_unnamed());
    EXPECT_TRUE(endpoint::from_sockaddr(&address, 1).is_unnamed());
    EXPECT_TRUE(endpoint::from_sockaddr(&address, 2).is_unnamed());
    address.sun_family = AF_INET;
    EXPECT_TRUE(endpoint::from_sockaddr(&address, sizeof address).is_unnamed());
}

TEST(LocalEndpoint, IsOrderedPrintedAndHashed) {
    EXPECT_LT(endpoint("/a"), endpoint("/b"));
    EXPECT_LT(endpoint::abstract("z"), endpoint("/a"));
    std::ostringstream out;
    out << endpoint("/a");
    EXPECT_EQ(out.str(), "/a");
    const std::unordered_set<endpoint> some = {endpoint("/a"), endpoint("/b"), endpoint("/a")};
    EXPECT_EQ(some.size(), 2u);
}

// A peer chooses its abstract name, and error texts show it: no byte of it may control a terminal.
TEST(LocalEndpoint, ShowsNoControlCharacters) {
    for (int first = 1; first < 256; ++first) {
        for (int second = 1; second < 256; ++second) {
            const char name[] = {'\0', 'a', static_cast<char>(first), static_cast<char>(second), 'z'};
            const std::string text = endpoint(std::string_view(name, sizeof name)).to_string();
            for (const char each: text) {
                const auto byte = static_cast<unsigned char>(each);
                ASSERT_FALSE(byte < 0x20 || (byte >= 0x7f && byte < 0xa0)) << first << " " << second;
            }
        }
    }
}

TEST(LocalEndpoint, ShowsUtf8WithoutControlBytes) {
    EXPECT_EQ(endpoint("/tmp/\xc3\xa9\xe2\xbf\xb0").to_string(), "/tmp/\xc3\xa9\xe2\xbf\xb0");
    EXPECT_EQ(endpoint("/tmp/\xc3\x9c").to_string(), "/tmp/\\xc3\\x9c");  // 0x9c is C1's ST
    EXPECT_EQ(endpoint("/tmp/\xc3").to_string(), "/tmp/\\xc3");
    EXPECT_EQ(endpoint("/tmp/\xa9").to_string(), "/tmp/\\xa9");
}

}  // namespace
