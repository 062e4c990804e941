// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The size, an argument of send(2) and recv(2), is part of the buffer. No function of a socket accepts it as
// flags.
// expect: co_await socket.recv(buffer, FLAGS(buffer.size()))
// expect: co_await socket.send(buffer, FLAGS(buffer.size()))
// expect: co_await socket.recvfrom(buffer, FLAGS(buffer.size()))
// expect: co_await socket.sendto(buffer, to, FLAGS(buffer.size()))
// expect: co_await coil::local::send_descriptors(socket, buffer, files, FLAGS(buffer.size()))
// expect: co_await coil::local::recv_descriptors(socket, buffer, files, FLAGS(buffer.size()))
// expect: co_await socket.send(coil::segments(buffer, 10), FLAGS(buffer.size()))
// expect: co_await socket.recv(coil::mutable_buffers(buffers), FLAGS(buffer.size()))
// expect: co_await socket.send(coil::const_buffers(constants), FLAGS(buffer.size()))
// first: write_coil_buffer_p_n_or_message_flags_peek

#include <array>
#include <span>

#include <coil/coro/task.hpp>
#include <coil/net/local.hpp>
#include <coil/net/tcp.hpp>
#include <coil/net/udp.hpp>

#ifdef COIL_MUST_NOT_COMPILE
#define FLAGS(size) size
#else
#define FLAGS(size) coil::message_flags::peek
#endif

coil::task<> recv(coil::ip::tcp::socket& socket) {
    std::array<char, 100> buffer{};
    std::array buffers{coil::mutable_buffer(buffer), coil::mutable_buffer(buffer)};
    std::array constants{coil::const_buffer(buffer), coil::const_buffer(buffer)};
    co_await socket.recv(buffer, FLAGS(buffer.size()));
    static_cast<void>(buffers), static_cast<void>(constants);
}

coil::task<> send(coil::ip::tcp::socket& socket) {
    std::array<char, 100> buffer{};
    std::array buffers{coil::mutable_buffer(buffer), coil::mutable_buffer(buffer)};
    std::array constants{coil::const_buffer(buffer), coil::const_buffer(buffer)};
    co_await socket.send(buffer, FLAGS(buffer.size()));
    static_cast<void>(buffers), static_cast<void>(constants);
}

coil::task<> recvfrom(coil::ip::udp::socket& socket) {
    std::array<char, 100> buffer{};
    std::array buffers{coil::mutable_buffer(buffer), coil::mutable_buffer(buffer)};
    std::array constants{coil::const_buffer(buffer), coil::const_buffer(buffer)};
    co_await socket.recvfrom(buffer, FLAGS(buffer.size()));
    static_cast<void>(buffers), static_cast<void>(constants);
}

coil::task<> sendto(coil::ip::udp::socket& socket, const coil::ip::udp::endpoint& to) {
    std::array<char, 100> buffer{};
    std::array buffers{coil::mutable_buffer(buffer), coil::mutable_buffer(buffer)};
    std::array constants{coil::const_buffer(buffer), coil::const_buffer(buffer)};
    co_await socket.sendto(buffer, to, FLAGS(buffer.size()));
    static_cast<void>(buffers), static_cast<void>(constants);
}

coil::task<> recv_datagram(coil::ip::udp::socket& socket) {
    std::array<char, 100> buffer{};
    std::array buffers{coil::mutable_buffer(buffer), coil::mutable_buffer(buffer)};
    std::array constants{coil::const_buffer(buffer), coil::const_buffer(buffer)};
    co_await socket.recv(buffer, FLAGS(buffer.size()));
    static_cast<void>(buffers), static_cast<void>(constants);
}

coil::task<> send_datagram(coil::ip::udp::socket& socket) {
    std::array<char, 100> buffer{};
    std::array buffers{coil::mutable_buffer(buffer), coil::mutable_buffer(buffer)};
    std::array constants{coil::const_buffer(buffer), coil::const_buffer(buffer)};
    co_await socket.send(buffer, FLAGS(buffer.size()));
    static_cast<void>(buffers), static_cast<void>(constants);
}

coil::task<> recv_packet(coil::local::seq_packet_protocol::socket& socket) {
    std::array<char, 100> buffer{};
    std::array buffers{coil::mutable_buffer(buffer), coil::mutable_buffer(buffer)};
    std::array constants{coil::const_buffer(buffer), coil::const_buffer(buffer)};
    co_await socket.recv(buffer, FLAGS(buffer.size()));
    static_cast<void>(buffers), static_cast<void>(constants);
}

coil::task<> send_packet(coil::local::seq_packet_protocol::socket& socket) {
    std::array<char, 100> buffer{};
    std::array buffers{coil::mutable_buffer(buffer), coil::mutable_buffer(buffer)};
    std::array constants{coil::const_buffer(buffer), coil::const_buffer(buffer)};
    co_await socket.send(buffer, FLAGS(buffer.size()));
    static_cast<void>(buffers), static_cast<void>(constants);
}

coil::task<> send_descriptors(coil::local::stream_protocol::socket& socket, std::span<const int> files) {
    std::array<char, 100> buffer{};
    std::array buffers{coil::mutable_buffer(buffer), coil::mutable_buffer(buffer)};
    std::array constants{coil::const_buffer(buffer), coil::const_buffer(buffer)};
    co_await coil::local::send_descriptors(socket, buffer, files, FLAGS(buffer.size()));
    static_cast<void>(buffers), static_cast<void>(constants);
}

coil::task<> recv_descriptors(coil::local::stream_protocol::socket& socket,
                              std::span<coil::unique_descriptor> files) {
    std::array<char, 100> buffer{};
    std::array buffers{coil::mutable_buffer(buffer), coil::mutable_buffer(buffer)};
    std::array constants{coil::const_buffer(buffer), coil::const_buffer(buffer)};
    co_await coil::local::recv_descriptors(socket, buffer, files, FLAGS(buffer.size()));
    static_cast<void>(buffers), static_cast<void>(constants);
}

coil::task<> send_segments(coil::ip::udp::socket& socket) {
    std::array<char, 100> buffer{};
    std::array buffers{coil::mutable_buffer(buffer), coil::mutable_buffer(buffer)};
    std::array constants{coil::const_buffer(buffer), coil::const_buffer(buffer)};
    co_await socket.send(coil::segments(buffer, 10), FLAGS(buffer.size()));
    static_cast<void>(buffers), static_cast<void>(constants);
}

coil::task<> recv_buffers(coil::ip::tcp::socket& socket) {
    std::array<char, 100> buffer{};
    std::array buffers{coil::mutable_buffer(buffer), coil::mutable_buffer(buffer)};
    std::array constants{coil::const_buffer(buffer), coil::const_buffer(buffer)};
    co_await socket.recv(coil::mutable_buffers(buffers), FLAGS(buffer.size()));
    static_cast<void>(buffers), static_cast<void>(constants);
}

coil::task<> send_buffers(coil::ip::tcp::socket& socket) {
    std::array<char, 100> buffer{};
    std::array buffers{coil::mutable_buffer(buffer), coil::mutable_buffer(buffer)};
    std::array constants{coil::const_buffer(buffer), coil::const_buffer(buffer)};
    co_await socket.send(coil::const_buffers(constants), FLAGS(buffer.size()));
    static_cast<void>(buffers), static_cast<void>(constants);
}
