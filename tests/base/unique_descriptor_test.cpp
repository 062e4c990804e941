// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/base/unique_descriptor.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace coil {
namespace {

bool is_open(int number) { return ::fcntl(number, F_GETFD) >= 0; }
int open_one() { return ::eventfd(0, EFD_CLOEXEC); }

TEST(UniqueDescriptor, ClosesOwnedDescriptor) {
    const int number = open_one();
    {
        const unique_descriptor owner(number);
        EXPECT_TRUE(owner);
        EXPECT_EQ(owner.get(), number);
        EXPECT_TRUE(is_open(number));
    }
    EXPECT_FALSE(is_open(number));
}

TEST(UniqueDescriptor, MovesAndReleases) {
    unique_descriptor one(open_one()), other(open_one());
    const int first = one.get(), second = other.get();
    one = std::move(other);
    EXPECT_FALSE(is_open(first));
    EXPECT_EQ(one.get(), second);
    EXPECT_FALSE(other);
    unique_descriptor last(std::move(one));
    EXPECT_EQ(last.release(), second);
    EXPECT_FALSE(last);
    EXPECT_TRUE(is_open(second));
    ::close(second);
}

TEST(UniqueDescriptor, SelfResetKeepsDescriptor) {
    unique_descriptor owner(open_one());
    owner.reset(owner.get());
    EXPECT_TRUE(is_open(owner.get()));
    const int number = owner.get();
    owner.reset();
    EXPECT_FALSE(is_open(number));
    EXPECT_EQ(owner.get(), -1);
}

}  // namespace
}  // namespace coil
