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
    std::size_t initial = 4096;  ///< initial size of the buffer in bytes
    std::size_t limit = 65536;   ///< maximum size in bytes; a line and its line end must fit
};

}  // namespace coil::COIL_ABI

namespace coil::COIL_ABI::detail {

/// The data that a read on a `buffered_reader` is waiting for.
struct wanted {
    enum class kind : std::uint8_t { line, until, exactly, peek };

    wanted(kind asked, std::size_t bytes = 0, std::string_view end = {}) noexcept
        : what(asked), size(bytes), delimiter(end) {}

    [[nodiscard]] const char* name() const noexcept;

    kind what;
    std::size_t size;
    std::string_view delimiter;
};

/// The extent of the wanted data, counted from the beginning of the buffer.
struct found {
    std::size_t size = 0;      // bytes in the result
    std::size_t consumed = 0;  // bytes in the result and in its delimiter
};

/// The bytes that have been received but not read yet.
///
/// A search for the end of a line, or for another short delimiter, continues where the previous search
/// stopped, even if the previous read was cancelled.
class read_buffer : public byte_buffer {
public:
    explicit read_buffer(const buffered_reader_options& chosen) noexcept;
    read_buffer(read_buffer&& other) noexcept;
    read_buffer& operator=(read_buffer&& other) noexcept;
    ~read_buffer() = default;

    /// Looks for the wanted data in the buffer. Returns nullopt if the data is incomplete. Sets `error` if
    /// the data would exceed the limit, or if the delimiter is empty. `without` is the number of leading
    /// bytes that do not contain the delimiter. All calls for one read must pass the same `without`.
    [[nodiscard]] std::optional<found> look(const wanted& what, std::size_t& without,
                                            std::error_code& error) noexcept;
    /// Makes space for at least one more byte. Afterwards, the buffer can hold at least `size` bytes in
    /// total. Returns the free space, which is empty if out of memory.
    [[nodiscard]] mutable_buffer make_room(std::size_t size) noexcept;
    /// Called after `n` bytes have been received into the free space. These bytes then count as unread data.
    void received(std::size_t n) noexcept;
    /// Removes the first `n` bytes.
    void consume(std::size_t n) noexcept;
    /// Moves as many bytes as possible into the caller's buffer. Returns the number of bytes moved.
    std::size_t take(mutable_buffer into) noexcept;

    [[nodiscard]] std::size_t initial() const noexcept { return options_.initial; }
    /// Returns the total number of bytes that searches have examined so far. Only for tests.
    [[nodiscard]] std::size_t searched() const noexcept { return searched_; }

private:
    [[nodiscard]] std::optional<found> find(std::string_view delimiter, std::size_t& without) noexcept;
    [[nodiscard]] std::size_t better_capacity(std::size_t size) const noexcept;

    static constexpr std::size_t remembered_max = 15;

    buffered_reader_options options_;
    // The last unsuccessful search was for `delimiter_`, which the first `without_` bytes do not contain.
    std::size_t without_ = 0;
    std::array<char, remembered_max> delimiter_{};
    std::uint8_t delimiter_size_ = 0;
    bool was_filled_ = false;  // the last receive filled the free space, so more bytes may be pending
    std::size_t searched_ = 0;
};

}  // namespace coil::COIL_ABI::detail
