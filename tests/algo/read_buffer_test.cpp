// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// read_buffer: storage and search of a buffered_reader's bytes.

#include <coil/algo/read_buffer.hpp>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include <coil/base/error.hpp>

namespace coil::detail {
namespace {

constexpr std::size_t mebibyte = 1 << 20;

class ReadBuffer : public testing::Test {
protected:
    /// Appends `bytes`, as one receive does.
    static void receive(read_buffer& into, std::string_view bytes) {
        const mutable_buffer room = into.make_room(into.size() + bytes.size());
        ASSERT_GE(room.size(), bytes.size());
        std::memcpy(room.data(), bytes.data(), bytes.size());
        into.received(bytes.size());
    }
    static std::optional<found> look(read_buffer& in, const wanted& what) {
        std::size_t without = 0;
        return look(in, what, without);
    }
    static std::optional<found> look(read_buffer& in, const wanted& what, std::size_t& without) {
        std::error_code error;
        const auto there = in.look(what, without, error);
        EXPECT_FALSE(error) << error.message();
        return there;
    }
};

TEST_F(ReadBuffer, SearchesEachByteOnce) {
    read_buffer buffer({.limit = mebibyte});
    std::size_t without = 0;
    for (std::size_t i = 1; i < mebibyte; ++i) {
        receive(buffer, "x");
        ASSERT_FALSE(look(buffer, {wanted::kind::line}, without));
    }
    receive(buffer, "\n");
    EXPECT_EQ(look(buffer, {wanted::kind::line}, without)->size, mebibyte - 1);
    EXPECT_LT(buffer.searched(), mebibyte);
}

TEST_F(ReadBuffer, SearchesEachByteOnceAcrossReads) {
    read_buffer buffer({.limit = mebibyte});
    for (std::size_t i = 1; i < mebibyte; ++i) {
        receive(buffer, "x");
        ASSERT_FALSE(look(buffer, {wanted::kind::line}));
    }
    EXPECT_LT(buffer.searched(), mebibyte);
}

TEST_F(ReadBuffer, RescansAtMostOneDelimiter) {
    for (const std::string_view delimiter: {"\r\n\r\n", "a delimiter of more than 15 bytes"}) {
        read_buffer buffer({.limit = mebibyte});
        std::size_t without = 0;
        constexpr std::size_t size = 100'000;
        for (std::size_t i = 0; i < size; ++i) {
            receive(buffer, std::string_view(&delimiter[i % (delimiter.size() - 1)], 1));
            ASSERT_FALSE(look(buffer, {wanted::kind::until, 0, delimiter}, without));
        }
        receive(buffer, delimiter);
        EXPECT_EQ(look(buffer, {wanted::kind::until, 0, delimiter}, without)->size, size);
        EXPECT_LE(buffer.searched(), size * delimiter.size());
    }
}

TEST_F(ReadBuffer, SearchesAnewForOtherDelimiter) {
    read_buffer buffer({});
    receive(buffer, "a;b\nc");
    EXPECT_FALSE(look(buffer, {wanted::kind::until, 0, "--"}));
    EXPECT_EQ(look(buffer, {wanted::kind::until, 0, ";"})->size, 1u);
    EXPECT_FALSE(look(buffer, {wanted::kind::until, 0, "a delimiter of more than 15 bytes"}));
    EXPECT_EQ(look(buffer, {wanted::kind::line})->size, 3u);
    buffer.consume(4);
    EXPECT_FALSE(look(buffer, {wanted::kind::line}));
    receive(buffer, "\n");
    EXPECT_EQ(look(buffer, {wanted::kind::line})->size, 1u);
}

TEST_F(ReadBuffer, ConsumeResetsSearchPosition) {
    read_buffer buffer({});
    receive(buffer, "abcdef");
    EXPECT_FALSE(look(buffer, {wanted::kind::line}));
    buffer.consume(6);
    receive(buffer, "\nxyzxyz\n");
    EXPECT_EQ(look(buffer, {wanted::kind::line})->size, 0u);
    buffer.consume(1);
    EXPECT_EQ(look(buffer, {wanted::kind::line})->size, 6u);
}

TEST_F(ReadBuffer, MovedFromIsEmpty) {
    read_buffer buffer({});
    receive(buffer, "abcdef");
    EXPECT_FALSE(look(buffer, {wanted::kind::line}));
    read_buffer other(std::move(buffer));
    EXPECT_EQ(other.bytes(), "abcdef");
    EXPECT_EQ(buffer.size(), 0u);
    receive(buffer, "a\n");
    EXPECT_EQ(look(buffer, {wanted::kind::line})->size, 1u);
    receive(other, "\n");
    EXPECT_EQ(look(other, {wanted::kind::line})->size, 6u);
    buffer = std::move(other);
    EXPECT_EQ(buffer.bytes(), "abcdef\n");
}

TEST_F(ReadBuffer, GrowsWithContents) {
    read_buffer buffer({.initial = 16, .limit = 1000});
    EXPECT_EQ(buffer.capacity(), 0u);
    EXPECT_EQ(buffer.make_room(0).size(), 16u);
    std::string all;
    while (all.size() < 1000) {
        const std::string piece(std::min<std::size_t>(7, 1000 - all.size()), static_cast<char>(all.size()));
        receive(buffer, piece);
        all += piece;
        EXPECT_LE(buffer.capacity(), std::max<std::size_t>(32, 3 * all.size()));
    }
    EXPECT_EQ(buffer.bytes(), all);
    EXPECT_EQ(buffer.capacity(), 1000u);
}

TEST_F(ReadBuffer, GrowsWhenReceivesFillIt) {
    read_buffer buffer({.initial = 16, .limit = mebibyte});
    std::size_t largest = 0;
    for (int i = 0; i < 30; ++i) {
        const auto room = buffer.make_room(0);
        largest = std::max(largest, room.size());
        buffer.received(room.size());
        buffer.consume(room.size());
    }
    EXPECT_EQ(largest, 65536u);  // less than `limit`, which is for long lines
}

TEST_F(ReadBuffer, MovesAtMostTwiceTheBytesRead) {
    read_buffer buffer({.initial = 4096});
    const char* before = nullptr;
    std::size_t moved = 0;
    std::size_t consumed = 0;
    for (int i = 0; i < 100'000; ++i) {
        const auto room = buffer.make_room(0);
        ASSERT_GE(room.size(), 1u);
        if (buffer.size() > 0 && buffer.bytes().data() != before)
            moved += buffer.size();
        buffer.received(std::min<std::size_t>(room.size(), 61));
        const std::size_t n = std::min<std::size_t>(buffer.size(), 59);
        buffer.consume(n);
        consumed += n;
        if (buffer.size() > 2000) {
            consumed += buffer.size();
            buffer.consume(buffer.size());
        }
        before = buffer.bytes().data();
    }
    EXPECT_LE(moved, 2 * consumed);
}

TEST_F(ReadBuffer, MakesRoomForWholeRequest) {
    read_buffer buffer({.initial = 16, .limit = 5000});
    receive(buffer, "abc");
    EXPECT_GE(buffer.make_room(4000).size(), 3997u);
    buffer.consume(3);
    EXPECT_GE(buffer.make_room(5000).size(), 5000u);
}

}  // namespace
}  // namespace coil::detail
