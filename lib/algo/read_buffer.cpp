// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/algo/read_buffer.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

#include <coil/algo/step.hpp>
#include <coil/base/assert.hpp>
#include <coil/base/error.hpp>

namespace coil::COIL_ABI::detail {
namespace {

// The buffer grows up to this size if a receive fills it, as in bulk transfers. Beyond this size, it grows
// only to hold more unread data, such as a long line.
constexpr std::size_t ample = 65536;

}  // namespace

const char* wanted::name() const noexcept {
    switch (what) {
    case kind::line: return "read_line";
    case kind::until: return "read_until";
    case kind::exactly: return "read_exactly";
    case kind::peek: return "peek";
    }
    return "read";
}

read_buffer::read_buffer(const buffered_reader_options& chosen) noexcept : options_(chosen) {
    options_.initial = std::min(std::max<std::size_t>(options_.initial, 1), options_.limit);
}

read_buffer::read_buffer(read_buffer&& other) noexcept : read_buffer(other.options_) {
    *this = std::move(other);
}

read_buffer& read_buffer::operator=(read_buffer&& other) noexcept {
    options_ = other.options_;
    without_ = std::exchange(other.without_, 0);
    delimiter_ = other.delimiter_;
    delimiter_size_ = other.delimiter_size_;
    was_filled_ = other.was_filled_;
    searched_ = other.searched_;
    byte_buffer::operator=(std::move(other));
    return *this;
}

std::optional<found> read_buffer::look(const wanted& what, std::size_t& without,
                                       std::error_code& error) noexcept {
    switch (what.what) {
    case wanted::kind::line:
        if (auto line = find("\n", without)) {
            if (line->size > 0 && bytes()[line->size - 1] == '\r')
                --line->size;
            return line;
        }
        break;
    case wanted::kind::until:
        if (what.delimiter.empty()) {
            error = std::make_error_code(std::errc::invalid_argument);
            return std::nullopt;
        }
        if (const auto there = find(what.delimiter, without))
            return there;
        break;
    case wanted::kind::exactly:
        if (size() >= what.size)
            return found{what.size, what.size};
        break;
    case wanted::kind::peek:
        if (size() >= what.size)
            return found{size(), 0};
        break;
    }
    if (size() >= options_.limit || what.size > options_.limit)
        error = error::limit_exceeded;
    return std::nullopt;
}

std::optional<found> read_buffer::find(std::string_view delimiter, std::size_t& without) noexcept {
    const std::string_view all = bytes();
    const bool continues_search = delimiter == std::string_view(delimiter_.data(), delimiter_size_);
    if (continues_search)
        without = std::max(without, without_);
    // The delimiter may have begun in the last bytes that the previous search examined.
    const std::size_t from = std::min(without - std::min(without, delimiter.size() - 1), all.size());
    if (const std::string_view rest = all.substr(from); rest.size() >= delimiter.size()) {
        const void* at = delimiter.size() == 1
                             ? std::memchr(rest.data(), delimiter.front(), rest.size())
                             : ::memmem(rest.data(), rest.size(), delimiter.data(), delimiter.size());
        if (at) {
            const auto size = static_cast<std::size_t>(static_cast<const char*>(at) - all.data());
            searched_ += size - from;
            return found{size, size + delimiter.size()};
        }
        searched_ += rest.size();
    }
    without = without_ = all.size();
    if (!continues_search) {
        delimiter_size_ = 0;
        if (delimiter.size() <= remembered_max) {
            std::copy(delimiter.begin(), delimiter.end(), delimiter_.begin());
            delimiter_size_ = static_cast<std::uint8_t>(delimiter.size());
        }
    }
    return std::nullopt;
}

mutable_buffer read_buffer::make_room(std::size_t size) noexcept {
    if (this->size() == 0)
        compact();
    const std::size_t better = better_capacity(size);
    if (better > capacity() && !reserve(better))
        was_filled_ = false;
    // Compacts if that moves at most twice as many bytes as have been consumed since the last compaction, or
    // if there is no other way to make space.
    const bool is_little = room() <= capacity() / 4 && this->size() <= capacity() / 2;
    if (room() == 0 || is_little || size > this->size() + room())
        compact();
    return {end(), room()};
}

std::size_t read_buffer::better_capacity(std::size_t size) const noexcept {
    const std::size_t now = capacity();
    const bool is_tight = room() <= now / 4 && this->size() > now / 2;
    std::size_t better = now;
    if (now == 0)
        better = std::max(options_.initial, size);
    else if (size > now)
        better = std::max(size, 2 * now);
    else if (is_tight || (was_filled_ && now < ample))
        better = 2 * now;
    return std::min(better, options_.limit);
}

void read_buffer::received(std::size_t n) noexcept {
    check_count(n, room());
    was_filled_ = n == room();
    grow(n);
}

void read_buffer::consume(std::size_t n) noexcept {
    COIL_PRECONDITION(
        !is_in_use(),
        "buffered_reader: consume() or take() while a task reads from it; let that await end first");
    if (n > size()) [[unlikely]] {
        report_mistake(
            "buffered_reader: consume() of more bytes than it holds; consume at most leftover().size()");
        n = size();
    }
    shrink(n);
    without_ -= std::min(without_, n);
}

std::size_t read_buffer::take(mutable_buffer into) noexcept {
    const std::size_t n = std::min(into.size(), size());
    if (n > 0)
        std::memcpy(into.data(), bytes().data(), n);
    consume(n);
    return n;
}

}  // namespace coil::COIL_ABI::detail
