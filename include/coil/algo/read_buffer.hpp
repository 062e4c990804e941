// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <coil/version.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

#include <coil/algo/byte_buffer.hpp>
#include <coil/base/buffer.hpp>

namespace coil::COIL_ABI {

struct buffered_reader_options {
    std::size_t initial = 4096;  ///< bytes of memory to begin with
    std::size_t limit = 65536;   ///< bytes that are held at most: the longest line, with its end
};

}  // namespace coil::COIL_ABI

namespace coil::COIL_ABI::detail {

/// What a read of a `buffered_reader` is to find.
struct wanted {
    enum class kind : std::uint8_t { line, until, exactly, peek };

    wanted(kind asked, std::size_t bytes = 0, std::string_view end = {}) noexcept
        : what(asked), size(bytes), delimiter(end) {}

    [[nodiscard]] const char* name() const noexcept;

    kind what;
    std::size_t size;
    std::string_view delimiter;
};

/// Where it is: at the beginning of the buffer.
struct found {
    std::size_t size = 0;      // what it yields
    std::size_t consumed = 0;  // that, and what goes with it
};

/// The bytes that were received and are not yet read.
///
/// What was searched for the end of a line, or for another short delimiter, isn't searched again, also when the search was
/// cancelled and a later call goes on with it.
class read_buffer : public byte_buffer {
public:
    explicit read_buffer(const buffered_reader_options& chosen) noexcept;
    read_buffer(read_buffer&& other) noexcept;
    read_buffer& operator=(read_buffer&& other) noexcept;
    ~read_buffer() = default;

    /// Looks for it among the bytes. `error` where it can't come any more: it would exceed the limit. `without` is the
    /// operation's own: so many bytes are known not to hold the delimiter.
    [[nodiscard]] std::optional<found> look(const wanted& what, std::size_t& without,
                                            std::error_code& error) noexcept;
    /// Room for more bytes: at least one, and so many that there can be `size` in all. Empty where there is no memory.
    [[nodiscard]] mutable_buffer make_room(std::size_t size) noexcept;
    /// `n` bytes were received there.
    void received(std::size_t n) noexcept;
    /// The first `n` bytes were read.
    void consume(std::size_t n) noexcept;
    /// Copies the first bytes to where they are wanted, and consumes them.
    std::size_t take(mutable_buffer into) noexcept;

    [[nodiscard]] std::size_t initial() const noexcept { return options_.initial; }
    /// How many bytes all searches have looked at.
    [[nodiscard]] std::size_t searched() const noexcept { return searched_; }

private:
    [[nodiscard]] std::optional<found> find(std::string_view delimiter, std::size_t& without) noexcept;
    [[nodiscard]] std::size_t better_capacity(std::size_t size) const noexcept;

    static constexpr std::size_t remembered_max = 15;

    buffered_reader_options options_;
    std::size_t without_ = 0;                       // so many bytes are known not to hold
    std::array<char, remembered_max> delimiter_{};  // this, which was looked for in vain
    std::uint8_t delimiter_size_ = 0;
    bool was_filled_ = false;  // the latest bytes took all the room: there may be many more
    std::size_t searched_ = 0;
};

}  // namespace coil::COIL_ABI::detail
