// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Prints the page at an https URL: resolve, connect, TLS, and one HTTP/1.1 request (RFC 9112).

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

#include <coil/coil.hpp>
#include <coil/tls.hpp>

#include "command_line.hpp"
#include "tls_options.hpp"

using coil::ip::tcp;
using coil::posix::stream_descriptor;
namespace tls = coil::tls;
using tls_stream = tls::stream<tcp::socket>;

struct url {
    std::string host;
    std::string port;
    std::string authority;  // host and port, as they were written
    std::string target;     // path and query
};

url parse_url(std::string_view text) {
    constexpr std::string_view scheme = "https://";
    if (!text.starts_with(scheme))
        throw example::usage_error("URL wants an address such as https://example.org/, not \"" +
                                   std::string(text) + "\"");
    text.remove_prefix(scheme.size());
    text = text.substr(0, text.find('#'));
    const bool is_printable =
        std::all_of(text.begin(), text.end(), [](unsigned char each) { return each > 0x20 && each < 0x7f; });
    const std::size_t end = std::min(text.find_first_of("/?"), text.size());
    const std::string_view authority = text.substr(0, end);
    const std::string_view target = text.substr(end);

    std::string_view host = authority;
    std::string_view port;
    const bool is_ipv6 = authority.starts_with('[');
    const std::size_t closing = is_ipv6 ? authority.find(']') : 0;
    if (closing == authority.npos || !is_printable || authority.find('@') != authority.npos)
        throw example::usage_error("cannot use this URL");
    if (const std::size_t colon = authority.find(':', closing); colon != authority.npos) {
        host = authority.substr(0, colon);
        port = authority.substr(colon + 1);
    }
    if (is_ipv6)
        host = authority.substr(1, closing - 1);
    if (host.empty())
        throw example::usage_error("the URL contains no host");
    return {std::string(host), port.empty() ? "443" : std::string(port), std::string(authority),
            (target.starts_with('/') ? "" : "/") + std::string(target)};
}

// A connection whose server must send something within the limit.
struct connection {
    coil::buffered_reader<tls_stream> reader;
    std::chrono::milliseconds time_limit;
};

struct response_head {
    unsigned status = 0;
    std::string reason;                 // such as "Not Found"
    std::optional<std::uint64_t> size;  // Content-Length
    bool is_chunked = false;
    std::string location;  // of a redirection
};

std::uint64_t parse_number(std::string_view digits, int base) {
    std::uint64_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto result = std::from_chars(digits.data(), end, value, base);
    if (result.ec != std::errc() || result.ptr != end)
        throw std::runtime_error("HTTP: \"" + std::string(digits) + "\" is not a size");
    return value;
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view blanks = " \t";
    const std::size_t begin = std::min(text.find_first_not_of(blanks), text.size());
    text.remove_prefix(begin);
    return text.substr(0, text.find_last_not_of(blanks) + 1);
}

std::string lowercase(std::string_view text) {
    std::string result(text);
    for (char& each: result)
        each = static_cast<char>(std::tolower(static_cast<unsigned char>(each)));
    return result;
}

// Reads a line, which the server must not omit. The result is valid until the next read.
coil::task<std::string_view> read_line(connection& from) {
    const auto line = co_await coil::timeout(from.reader.read_line(), from.time_limit);
    if (!line)
        throw std::runtime_error("HTTP: the response is incomplete");
    co_return *line;
}

void parse_status(std::string_view line, response_head& head) {
    if (!line.starts_with("HTTP/1.") || line.size() < 12)
        throw std::runtime_error("HTTP: the server's answer is not HTTP/1");
    head.status = static_cast<unsigned>(parse_number(line.substr(9, 3), 10));
    head.reason = trim(line.substr(12));
}

void parse_field(std::string_view line, response_head& head) {
    const std::size_t colon = std::min(line.find(':'), line.size());
    const std::string name = lowercase(line.substr(0, colon));
    const std::string_view value = trim(line.substr(std::min(colon + 1, line.size())));
    if (name == "content-length") {
        const std::uint64_t size = parse_number(value, 10);
        if (head.size.value_or(size) != size)
            throw std::runtime_error("HTTP: the response has two different sizes");
        head.size = size;
    } else if (name == "transfer-encoding") {
        if (lowercase(value) != "chunked")
            throw std::runtime_error("HTTP: unknown Transfer-Encoding \"" + std::string(value) + "\"");
        head.is_chunked = true;
    } else if (name == "location") {
        head.location = value;
    }
}

coil::task<response_head> read_head(connection& from) {
    for (;;) {
        response_head head;
        parse_status(co_await read_line(from), head);
        for (int lines = 0;; ++lines) {
            const std::string_view line = co_await read_line(from);
            if (line.empty())
                break;
            if (lines == 1000)
                throw std::runtime_error("HTTP: the response has more than 1000 header fields");
            parse_field(line, head);
        }
        if (head.status >= 200)  // 1xx: another response follows
            co_return head;
    }
}

// Copies `size` bytes, or all bytes until the end of the stream.
coil::task<> copy(connection& from, std::optional<std::uint64_t> size, stream_descriptor& to) {
    std::array<std::byte, 16384> buffer;
    std::uint64_t left = size.value_or(std::numeric_limits<std::uint64_t>::max());
    while (left > 0) {
        const std::size_t wanted = std::min<std::uint64_t>(left, buffer.size());
        const std::size_t n =
            co_await coil::timeout(from.reader.recv(std::span(buffer).first(wanted)), from.time_limit);
        if (n == 0 && size)
            throw std::runtime_error("HTTP: the response is incomplete");
        if (n == 0)
            co_return;
        co_await coil::write(to, std::span(buffer).first(n));
        left -= n;
    }
}

coil::task<> copy_chunks(connection& from, stream_descriptor& to) {
    for (std::uint64_t size = 1; size > 0;) {
        const std::string_view line = co_await read_line(from);
        size = parse_number(trim(line.substr(0, line.find(';'))), 16);
        if (size == 0)
            break;
        co_await copy(from, size, to);
        const std::string_view end = co_await read_line(from);
        if (!end.empty())
            throw std::runtime_error("HTTP: a chunk is longer than its size");
    }
    for (bool has_more = true; has_more;) {  // trailer fields
        const std::string_view line = co_await read_line(from);
        has_more = !line.empty();
    }
}

struct settings {
    bool is_insecure;
    std::chrono::milliseconds time_limit;
};

coil::task<tls_stream> connect(const url& where, const tls::client_context& trust, settings how) {
    auto& context = co_await coil::this_coro::context;
    tcp::resolver resolver(context);
    const auto addresses = co_await resolver.resolve(where.host, where.port);
    tcp::socket socket = co_await coil::connect(context, addresses);  // races the addresses
    tls::connection_options options;
    options.handshake_limit = how.time_limit;
    if (how.is_insecure)
        co_return co_await tls::connect(std::move(socket), trust, tls::unverified(where.host), options);
    co_return co_await tls::connect(std::move(socket), trust, where.host, options);
}

coil::task<> get(const url& where, const tls::client_context& trust, settings how) {
    auto output = stream_descriptor::borrow(co_await coil::this_coro::context, STDOUT_FILENO);
    tls_stream stream = co_await coil::timeout(connect(where, trust, how), how.time_limit);
    connection from{coil::buffered_reader(std::move(stream)), how.time_limit};
    const std::string request = "GET " + where.target + " HTTP/1.1\r\nHost: " + where.authority +
                                "\r\nUser-Agent: coil\r\nAccept: */*\r\nConnection: close\r\n\r\n";
    co_await coil::timeout(coil::write(from.reader.stream(), request), how.time_limit);

    const response_head head = co_await read_head(from);
    if (head.status < 200 || head.status > 299)
        throw std::runtime_error("https://" + where.authority + where.target + ": " +
                                 std::to_string(head.status) + " " + head.reason +
                                 (head.location.empty() ? "" : "; the page is at " + head.location));
    if (head.is_chunked)
        co_await copy_chunks(from, output);
    else if (head.status != 204)
        co_await copy(from, head.size, output);  // without a size, close_notify ends the body
    co_await from.reader.stream().close();
}

int main(int argc, char** argv) try {
    const example::command_line given(
        argc, argv, "Prints the page at an https URL.",
        {{"url", "URL", "such as https://example.org/", "", true},
         {"ca", "FILE", "certificates to trust, instead of those of the system"},
         {"insecure", nullptr, "do not verify the server's certificate: anyone may read and change the data"},
         {"timeout", "MS", "how long to wait for each step", "10000"}});
    const url where = parse_url(given.text("url"));
    if (given.has("insecure") && given.has("ca"))
        throw example::usage_error("--insecure trusts every server, so --ca has no effect");
    tls::client_context::options chosen;
    chosen.trusted = example::pem_file(given.text("ca"));
    chosen.protocol.alpn = {"http/1.1"};

    const tls::client_context trust(chosen);
    const settings how{.is_insecure = given.has("insecure"), .time_limit = given.milliseconds("timeout")};
    coil::sync_wait(get(where, trust, how));
} catch (...) {
    return example::explain_tls_failure();
}
