// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Reads lines with a buffered_reader. The argument is the line length in bytes. One round reads one line.

#include <algorithm>
#include <cstring>
#include <string>

#include <coil/algo/buffered_reader.hpp>
#include <coil/algo/buffered_writer.hpp>
#include <coil/coil.hpp>

#include "support/rounds.hpp"

namespace coil::bench {
namespace {

using ip::tcp;

// Both numbers of lines exceed what one buffer holds, so that the counted rounds include several reads from
// the stream.
constexpr std::int64_t lines_counted = 20'000;
constexpr int lines_to_warm_up = 20'000;

std::string line_of(benchmark::State& state) {
    return std::string(static_cast<std::size_t>(state.range(0)) - 1, 'x') + '\n';
}

template <class Stream>
task<> read_lines(benchmark::State& state, io_context& context, Stream from) {
    buffered_reader reader(std::move(from));
    for (int i = 0; i < lines_to_warm_up; ++i)
        co_await reader.read_line();
    std::size_t bytes = 0;
    rounds rounds(state, context, {.bytes = state.range(0), .counted = lines_counted});
    while (rounds.next()) {
        const auto line = co_await reader.read_line();
        bytes += line->size();
    }
    benchmark::DoNotOptimize(bytes);
}

// ---- from memory: the cost of the reader alone ------------------------------------------------------------

/// An endless stream that repeats one line. Each recv fills the whole buffer and completes in the next loop
/// iteration.
class source {
public:
    explicit source(std::string line) : line_(std::move(line)) {}

    template <class Buffer>
    struct description;

    class operation : public detail::awaited {
    public:
        template <class Buffer>
        operation(const description<Buffer>& what, detail::environment& task) noexcept
            : detail::awaited(task), source_(what.from), into_(first(what.into)) {}

        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> waiter) noexcept {
            suspend(waiter);
            env().scheduler().schedule(*this);
        }
        outcome<std::size_t> await_outcome() noexcept { return source_->fill(into_); }
        std::size_t await_resume() noexcept { return source_->fill(into_); }
        void stop() noexcept override {}
        std::string describe() const override { return "source"; }

    private:
        static mutable_buffer first(mutable_buffer buffer) noexcept { return buffer; }
        static mutable_buffer first(mutable_buffers buffers) noexcept { return buffers.front(); }

        source* source_;
        mutable_buffer into_;
    };

    template <class Buffer>
    struct description {
        source* from;
        Buffer into;
        operation operation_in(detail::environment& task) const noexcept { return operation(*this, task); }
    };

    description<mutable_buffer> recv(mutable_buffer into) noexcept { return {this, into}; }
    description<mutable_buffers> recv(mutable_buffers into) noexcept { return {this, into}; }

private:
    std::size_t fill(mutable_buffer into) noexcept {
        for (mutable_buffer rest = into; !rest.empty();) {
            const std::size_t n = std::min(rest.size(), line_.size() - at_);
            std::memcpy(rest.data(), line_.data() + at_, n);
            at_ = (at_ + n) % line_.size();
            rest += n;
        }
        return into.size();
    }

    std::string line_;
    std::size_t at_ = 0;
};

task<> lines_from_memory(benchmark::State& state, io_context& context) {
    co_await read_lines(state, context, source(line_of(state)));
}

// ---- over TCP: two tasks of one context write and read the lines ------------------------------------------

task<> write_lines(tcp::socket to, std::string line) {
    buffered_writer writer(std::move(to));
    for (;;)
        co_await writer.write(line);
}

task<> lines_over_tcp(benchmark::State& state, io_context& context) {
    tcp::acceptor acceptor(context, {ip::address_v4::loopback(), 0});
    tcp::socket near(context);
    co_await near.connect(acceptor.local_endpoint());
    auto writing = co_spawn(context, write_lines(co_await acceptor.accept(), line_of(state)));
    co_await read_lines(state, context, std::move(near));
    writing.request_stop();
    static_cast<void>(co_await as_tuple(writing.join()));
}

void lines_read(benchmark::State& state) { run(state, lines_from_memory); }
void lines_written_and_read_over_tcp(benchmark::State& state) { run(state, lines_over_tcp); }

BENCHMARK(lines_read)->Arg(64)->Arg(1024)->UseRealTime();
BENCHMARK(lines_written_and_read_over_tcp)->Arg(64)->Arg(1024)->UseRealTime();

}  // namespace
}  // namespace coil::bench
