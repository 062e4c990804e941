// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "doctor/table.hpp"

#include <gtest/gtest.h>

namespace doctor {
namespace {

TEST(DoctorTable, AlignsColumns) {
    EXPECT_EQ(table({{"kernel", "Linux", "6.18.4", "coil needs 6.1"},
                     {"kernel", "io_uring", "refused", "too old", weight::fatal},
                     {"limits", "RLIMIT_NOFILE", "64", "ulimit -n", weight::warns}},
                    0),
              "  what           found    meaning or remedy\n"
              "kernel\n"
              "  Linux          6.18.4   coil needs 6.1\n"
              "x io_uring       refused  too old\n"
              "limits\n"
              "! RLIMIT_NOFILE  64       ulimit -n\n");
}

TEST(DoctorTable, WrapsLongTextInItsColumn) {
    EXPECT_EQ(table({{"kernel", "Linux", "6.18.4", "one two three four five six seven eight"}}, 41),
              "  what   found   meaning or remedy\n"
              "kernel\n"
              "  Linux  6.18.4  one two three four five\n"
              "                 six seven eight\n");
}

TEST(DoctorTable, DoesNotBreakWords) {
    EXPECT_EQ(table({{"kernel", "Linux", "6.18.4", "a_word_of_more_than_24_letters it is"}}, 41),
              "  what   found   meaning or remedy\n"
              "kernel\n"
              "  Linux  6.18.4  a_word_of_more_than_24_letters\n"
              "                 it is\n");
}

TEST(DoctorTable, KeepsLongLinesIfTooNarrow) {
    EXPECT_EQ(table({{"kernel", "Linux", "6.18.4", "one two three four five six seven eight"}}, 40),
              "  what   found   meaning or remedy\n"
              "kernel\n"
              "  Linux  6.18.4  one two three four five six seven eight\n");
}

TEST(DoctorTable, EmptyTableIsEmptyText) { EXPECT_EQ(table({}, 80), ""); }

}  // namespace
}  // namespace doctor
