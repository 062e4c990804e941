// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/base/buffer.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <coil/base/message_flags.hpp>

namespace coil::test {
namespace {

template <class Buffer>
std::string text_of(Buffer buffer) {
    return {static_cast<const char*>(buffer.data()), buffer.size()};
}

TEST(ConstBuffer, LiteralExcludesNul) {
    EXPECT_EQ(text_of(const_buffer("hello")), "hello");
    EXPECT_TRUE(const_buffer("").empty());
}

// A named array of const char looks like a literal to the compiler: the last byte of "MAGC" was not sent.
TEST(ConstBuffer, ArrayKeepsLastByteUnlessNul) {
    static constexpr char magic[4] = {'M', 'A', 'G', 'C'};
    static constexpr char one[1] = {'x'};
    EXPECT_EQ(text_of(const_buffer(magic)), "MAGC");
    EXPECT_EQ(text_of(const_buffer(one)), "x");
    static_assert(const_buffer(magic).size() == 4);
}

// A range of N bytes of any type gives a buffer of N bytes, unless it is an array of const char that ends
// with a NUL.
TEST(ConstBuffer, RangesKeepAllBytes) {
    const std::string_view expected("a\0b\0", 4);
    char plain[4] = {'a', 0, 'b', 0};
    const unsigned char unsigned_bytes[4] = {'a', 0, 'b', 0};
    const std::array<char, 4> array{'a', 0, 'b', 0};
    const std::array<const char, 4> array_of_const{'a', 0, 'b', 0};
    const std::vector<char> vector(expected.begin(), expected.end());
    const std::string string(expected);
    EXPECT_EQ(text_of(const_buffer(plain)), expected);
    EXPECT_EQ(text_of(const_buffer(mutable_buffer(plain))), expected);
    EXPECT_EQ(text_of(const_buffer(unsigned_bytes)), expected);
    EXPECT_EQ(text_of(const_buffer(array)), expected);
    EXPECT_EQ(text_of(const_buffer(array_of_const)), expected);
    EXPECT_EQ(text_of(const_buffer(vector)), expected);
    EXPECT_EQ(text_of(const_buffer(string)), expected);
    EXPECT_EQ(text_of(const_buffer(expected)), expected);
    EXPECT_EQ(text_of(const_buffer(std::span(plain))), expected);
    EXPECT_EQ(text_of(buffer(array_of_const)), expected);
}

static_assert(std::convertible_to<std::string&, mutable_buffer>);
static_assert(std::convertible_to<std::span<char>, mutable_buffer>);
static_assert(!std::convertible_to<std::string, mutable_buffer>);
static_assert(!std::convertible_to<const std::string&, mutable_buffer>);
static_assert(!std::convertible_to<std::string_view, mutable_buffer>);

TEST(MessageFlags, MatchKernelBits) {
    EXPECT_EQ(message_flags().value(), 0);
    EXPECT_EQ(message_flags::peek.value(), MSG_PEEK);
    EXPECT_EQ((message_flags::peek | message_flags::dont_wait).value(), MSG_PEEK | MSG_DONTWAIT);
    EXPECT_EQ(message_flags(MSG_EOR).value(), MSG_EOR);
    EXPECT_EQ(message_flags(MSG_PEEK | MSG_WAITALL), message_flags::peek | message_flags::wait_all);
    EXPECT_TRUE((message_flags::peek | message_flags::more).has(message_flags::more));
    EXPECT_FALSE(message_flags::peek.has(message_flags::peek | message_flags::more));
}

template <class Number>
constexpr bool converts_to_flags = std::convertible_to<Number, message_flags>;
static_assert(!converts_to_flags<int> && !converts_to_flags<bool> && !converts_to_flags<std::size_t>);
static_assert(!converts_to_flags<char> && !converts_to_flags<decltype(MSG_PEEK)>);
static_assert(!std::constructible_from<message_flags, std::size_t>);

}  // namespace
}  // namespace coil::test
