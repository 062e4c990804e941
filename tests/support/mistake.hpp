// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <regex>
#include <string>

#include <gtest/gtest.h>

#include <coil/base/assert.hpp>

namespace coil::test {

/// Expects `story` to make a mistake, which the library reports with a line on stderr that matches `words`.
/// If the library was built with assertions, it aborts after printing that line. Otherwise, the story
/// continues and can check the consequences.
template <class Story>
void expect_mistake(Story&& story, const std::string& words) {
    if (detail::asserts_enabled()) {
        EXPECT_DEATH(story(), words);
        return;
    }
    testing::internal::CaptureStderr();
    story();
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(std::regex_search(text, std::regex(words))) << "no \"" << words << "\" in: " << text;
}

}  // namespace coil::test
