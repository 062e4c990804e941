// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// The arguments of recv(2) and send(2): a pointer, a size, flags. The last argument of each call has its own
// type, which the compiler prints, so the test notices if one of the calls is accepted.
// expect: stream_recv_flags
// expect: stream_recv_size
// expect: stream_recv_into_an_array_flags
// expect: stream_send_flags
// expect: stream_send_size
// expect: datagram_recv_flags
// expect: datagram_recvfrom_flags
// expect: datagram_send_flags
// expect: datagram_sendto_flags
// expect: packet_recv_flags
// expect: packet_send_flags
// expect: descriptor_recv_size
// expect: descriptor_send_size
// first: the bytes and their size are one argument: coil::buffer(p, n); flags of a socket are coil::message_flags::peek

#include <coil/coro/task.hpp>
#include <coil/io/stream_descriptor.hpp>
#include <coil/net/local.hpp>
#include <coil/net/tcp.hpp>
#include <coil/net/udp.hpp>

#ifdef COIL_MUST_NOT_COMPILE
#define C_CALL(...) __VA_ARGS__
#else
#define C_CALL(p, n, ...) coil::buffer(p, n)
#endif

enum stream_recv_flags { peek = 2 };
enum stream_recv_size : unsigned {};
enum stream_recv_into_an_array_flags {};
enum stream_send_flags {};
enum stream_send_size : unsigned {};
enum datagram_recv_flags {};
enum datagram_recvfrom_flags {};
enum datagram_send_flags {};
enum datagram_sendto_flags {};
enum packet_recv_flags {};
enum packet_send_flags {};
enum descriptor_recv_size : unsigned {};
enum descriptor_send_size : unsigned {};

coil::task<> on_streams(coil::ip::tcp::socket& stream, char* p, std::size_t n) {
    char bytes[100];
    co_await stream.recv(C_CALL(p, n, peek));
    co_await stream.recv(C_CALL(p, stream_recv_size()));
    co_await stream.recv(C_CALL(bytes, sizeof bytes, stream_recv_into_an_array_flags()));
    co_await stream.send(C_CALL(p, n, stream_send_flags()));
    co_await stream.send(C_CALL(p, stream_send_size()));
}

coil::task<> on_datagrams(coil::ip::udp::socket& datagram, const coil::ip::udp::endpoint& to, char* p,
                          std::size_t n) {
    co_await datagram.recv(C_CALL(p, n, datagram_recv_flags()));
    co_await datagram.recvfrom(C_CALL(p, n, datagram_recvfrom_flags()));
    co_await datagram.send(C_CALL(p, n, datagram_send_flags()));
    co_await datagram.sendto(C_CALL(p, n, datagram_sendto_flags()), to);
}

coil::task<> on_packets(coil::local::seq_packet_protocol::socket& packet, char* p, std::size_t n) {
    co_await packet.recv(C_CALL(p, n, packet_recv_flags()));
    co_await packet.send(C_CALL(p, n, packet_send_flags()));
}

coil::task<> on_descriptors(coil::posix::stream_descriptor& pipe, const char* p, char* in) {
    co_await pipe.recv(C_CALL(in, descriptor_recv_size()));
    co_await pipe.send(C_CALL(p, descriptor_send_size()));
}
