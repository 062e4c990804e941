// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <regex>
#include <string>

#include <gtest/gtest.h>

#include <coil/base/assert.hpp>

namespace coil::test {

/// Expects a story to make a mistake that the program survives: its line on stderr matches `words`. A library that was
/// built with its assertions aborts there; in the others the story goes on, and checks what follows.
template <class Story>
void expect_mistake(Story&& story, const std::string& words) {
    if (asserts_enabled()) {
        EXPECT_DEATH(story(), words);
        return;
    }
    testing::internal::CaptureStderr();
    story();
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(std::regex_search(said, std::regex(words))) << "no \"" << words << "\" in: " << said;
}

}  // namespace coil::test
