// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// Runs random scripts of operations on io_uring and on epoll, and compares the results.
//
// A script opens links: connections, pairs of datagram sockets, pipes, eventfds and listeners. An end of a
// link is either used through the engine, or it is a plain peer that the script uses with direct system
// calls. In each step, a script submits operations and acts as a peer, in the same way on both engines. It
// then waits until no engine has more to do, and compares the results, the bytes and the flags of the
// completions. A model of the links checks that no byte is lost, repeated or moved.
//
// The outcome does not depend on time. A script never acts while packets are under way (see `wire`), and
// waits for a completion for as long as poll(2) says that the completion must come.
//
// These results may differ, so the comparison leaves them out:
//   - The order of completions of different operations. io_uring runs some of them as deferred work.
//   - The number of completions into which a multishot receive divides its bytes. Kernels divide them
//     differently. The bytes, the last completion and the order are compared.
//   - The moment of -ENOBUFS. A multishot receive whose buffers run out ends when it looks for a buffer:
//     in some kernels after its last buffer, on epoll when the next data arrives. A submission with an
//     empty group likewise. The script therefore sends data, or cancels, until the receive has ended on
//     both engines.
//   - How many bytes a TCP socket with a full buffer accepts. This depends on when the acknowledgements
//     come. The total is compared.
//   - The operation that gets an event, if they wait for the same direction of a descriptor or if several
//     wait for the same error. io_uring wakes waiters in LIFO order. coil has one reader and one writer
//     per descriptor, and so has a script. No error occurs while both wait.
//   - The effect of a READ or WRITE of no bytes on a socket: on epoll none, as with readv(2) and
//     writev(2). coil completes an empty transfer on a stream itself.
//   - Whether a poll that does not request POLLRDHUP completes when the peer has finished. io_uring always
//     reports POLLRDHUP. io_uring also reports POLLPRI when ordinary data arrives.
//   - How many bytes a pipe accepts, on kernels whose pipes do not know RWF_NOWAIT. io_uring then writes on a
//     kernel thread, until all bytes are written. A script writes at most 4096 bytes at a time there.
//   - Whether a cancel or arriving data wins, if both come before one enter. The bytes must not be lost.
//
// COIL_TEST_SEED is the seed of the first script, and COIL_TEST_OPERATIONS the number of operations to
// run. To replay a failure, set the seed that the failure prints, and COIL_TEST_OPERATIONS=1.

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "ring/abi.hpp"
#include "ring/buffer_ring.hpp"
#include "ring/epoll_kernel.hpp"
#include "ring/kernel.hpp"
#include "ring/uring_kernel.hpp"
#include "support/io_uring.hpp"

namespace coil::ring {
namespace {

using namespace std::chrono_literals;

// A completion that must come has come after this time, even on a slow machine.
constexpr auto patience = 10s;

enum class family : unsigned char { tcp, udp, unix_stream, unix_dgram, pipe, eventfd };
constexpr const char* family_names[] = {"tcp", "udp", "unix stream", "unix dgram", "pipe", "eventfd"};

bool is_inet(family kind) { return kind == family::tcp || kind == family::udp; }
bool is_datagram(family kind) { return kind == family::udp || kind == family::unix_dgram; }
bool is_socket(family kind) { return kind != family::pipe && kind != family::eventfd; }

enum class verb : unsigned char {
    nop,
    cancel,
    connect,
    accept,
    send,
    sendmsg,
    write,
    writev,
    recv,
    recvmsg,
    read,
    readv,
    recv_selected,
    recv_multishot,
    recvmsg_multishot,
    poll,
    poll_multishot,
};
constexpr const char* verb_names[] = {
    "nop",     "cancel",        "connect",       "accept",         "send",
    "sendmsg", "write",         "writev",        "recv",           "recvmsg",
    "read",    "readv",         "recv selected", "recv multishot", "recvmsg multishot",
    "poll",    "poll multishot"};

bool is_write(verb what) { return what >= verb::send && what <= verb::writev; }
bool is_read(verb what) { return what >= verb::recv && what <= verb::recvmsg_multishot; }
bool is_multishot_read(verb what) { return what == verb::recv_multishot || what == verb::recvmsg_multishot; }
bool selects_buffer(verb what) { return what >= verb::recv_selected && what <= verb::recvmsg_multishot; }

/// One operation, as both engines get it.
struct order {
    verb what = verb::nop;
    unsigned number = 0;
    unsigned end = 0;  // the descriptor
    std::size_t size = 0;
    unsigned flags = 0;     // MSG_ flags, or the events of a poll
    unsigned parts = 1;     // the number of buffers of a vector operation
    unsigned group = 0;     // of buffers
    unsigned target = 0;    // the number of the operation to cancel, or the end to connect to
    bool is_quiet = false;  // a cancel that completes only if it fails
    bool is_vague = false;  // the last result is not compared
    std::string payload{};

    [[nodiscard]] std::string text() const {
        std::string line = "#" + std::to_string(number) + " " + verb_names[static_cast<unsigned>(what)];
        if (what == verb::cancel)
            return line + " #" + std::to_string(target) + (is_quiet ? " quietly" : "");
        line += " on " + std::to_string(end);
        if (what == verb::connect)
            line += " to " + std::to_string(target);
        if (is_read(what) || is_write(what))
            line += ", " + std::to_string(size) + " bytes";
        if (parts != 1)
            line += " in " + std::to_string(parts) + " parts";
        if (selects_buffer(what))
            line += ", group " + std::to_string(group);
        if (flags != 0)
            line += ", flags " + std::to_string(flags);
        return line;
    }
};

/// A completion, with the bytes that it has received.
struct answer {
    std::int32_t result = 0;
    std::uint32_t flags = 0;
    std::string bytes{};
    std::string about{};  // what recvmsg says about a message
};

/// An operation in flight on one engine.
struct flight {
    order what{};
    std::vector<char> memory{};
    iovec parts[4]{};
    msghdr message{};
    sockaddr_storage address{};
    socklen_t address_size = 0;
    std::vector<answer> answers{};  // since the last comparison
    std::size_t received = 0;       // the bytes of these
    bool has_ended = false;
    bool is_new = true;  // was submitted after the last comparison
};

/// A group of buffers of one engine.
class buffers_of_group {
public:
    buffers_of_group(unsigned count, std::size_t size, bool incremental)
        : is_incremental(incremental), ring(count), size_(size), bytes_(count * size), used_(count) {
        ring.clear();
        for (unsigned id = 0; id < count; ++id)
            finished_.push_back(static_cast<std::uint16_t>(id));
        refill();
    }

    void refill() {
        for (const std::uint16_t id: finished_) {
            used_[id] = 0;
            ring.provide(&bytes_[id * size_], size_, id);
        }
        free += static_cast<unsigned>(finished_.size());
        finished_.clear();
    }
    /// Returns the bytes that a completion has put into a buffer.
    std::string_view take(std::uint32_t flags, std::size_t size) {
        const auto id = static_cast<std::uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
        EXPECT_LE(used_[id] + size, size_);
        const std::string_view taken(&bytes_[id * size_ + used_[id]], size);
        used_[id] += size;
        if (!(flags & abi::buffer_has_more)) {
            finished_.push_back(id);
            --free;
        }
        return taken;
    }

    bool is_incremental;
    bool is_usable = false;
    unsigned free = 0;
    buffer_ring ring;

private:
    std::size_t size_;
    std::vector<char> bytes_;
    std::vector<std::size_t> used_;
    std::vector<std::uint16_t> finished_;
};

/// One engine, and everything that the script has opened on it.
class player {
public:
    player(const char* called, std::unique_ptr<kernel> engine) : name(called), kernel_(std::move(engine)) {
        EXPECT_EQ(kernel_->set_up(memory_, {64, 256}), 0);
        EXPECT_EQ(kernel_->enable(memory_), 0);
        tail_ = *memory_.sq.ktail;
        groups.emplace_back(std::make_unique<buffers_of_group>(8u, 256u, false));
        groups.emplace_back(std::make_unique<buffers_of_group>(4u, 1024u, true));
        groups.emplace_back(std::make_unique<buffers_of_group>(2u, 160u, false));
        for (std::size_t i = 0; i < groups.size(); ++i)
            groups[i]->is_usable =
                kernel_->register_buffers(memory_, groups[i]->ring, static_cast<std::uint16_t>(i),
                                          groups[i]->is_incremental) == 0;
    }
    player(const player&) = delete;
    player& operator=(const player&) = delete;
    ~player() {
        kernel_->tear_down(memory_, !flights.empty(), kernel_->now() + patience);
        for (const int each: descriptors)
            if (each >= 0)
                ::close(each);
    }

    [[nodiscard]] kernel& engine() const { return *kernel_; }
    int& descriptor(unsigned end) {
        if (end >= descriptors.size())
            descriptors.resize(end + std::size_t{1}, -1);
        return descriptors[end];
    }

    void submit(const order& what);
    void enter(unsigned wait = 0, time_point deadline = time_point::max()) {
        const unsigned to_submit = tail_ - __atomic_load_n(memory_.sq.khead, __ATOMIC_ACQUIRE);
        const int result = kernel_->enter(memory_, to_submit, wait, deadline);
        EXPECT_TRUE(result >= 0 || result == -ETIME || result == -EINTR) << name << ": enter: " << result;
    }
    /// Returns the number of completions collected.
    unsigned collect();
    /// Cancels an operation, as coil does: a cancel that comes while io_uring tries the operation again
    /// has no effect, so it is repeated.
    void cancel_until_ended(const order& cancel);
    /// Returns an operation in flight that can continue, as poll(2) says, or null. Calls `is_excepted` to
    /// find out if an operation waits nevertheless.
    [[nodiscard]] const order* due(const std::function<bool(const order&)>& is_excepted);
    [[nodiscard]] bool is_dry(const order& what) const {
        return selects_buffer(what.what) && groups[what.group]->free == 0;
    }

    const char* name;
    std::vector<int> descriptors;                    // by end; -1 if closed
    std::map<unsigned, sockaddr_storage> addresses;  // of ends that listen
    std::map<unsigned, socklen_t> address_sizes;
    std::map<unsigned, flight> flights;
    std::vector<std::pair<unsigned, int>> accepted;  // listeners and descriptors, oldest first
    std::vector<std::unique_ptr<buffers_of_group>> groups;

private:
    io_uring_sqe& next_sqe() {
        io_uring_sqe& sqe = memory_.sq.sqes[tail_++ & *memory_.sq.kring_mask];
        std::memset(&sqe, 0, sizeof sqe);
        __atomic_store_n(memory_.sq.ktail, tail_, __ATOMIC_RELEASE);
        return sqe;
    }
    void prepare_memory(flight& made);
    answer read_answer(flight& of, const io_uring_cqe& cqe);
    [[nodiscard]] std::string read_datagram(std::string_view buffer, const msghdr& layout,
                                            std::string& about) const;

    std::unique_ptr<kernel> kernel_;
    io_uring memory_{};
    unsigned tail_ = 0;
    std::vector<pollfd> polled_;
    std::vector<const order*> polled_orders_;
};

void player::prepare_memory(flight& made) {
    const order& what = made.what;
    if (is_write(what.what))
        made.memory.assign(what.payload.begin(), what.payload.end());
    else if (!selects_buffer(what.what))
        made.memory.assign(what.size, '?');
    // The parts have different sizes. Some of them may be empty.
    std::size_t begin = 0;
    for (unsigned i = 0; i < what.parts; ++i) {
        const std::size_t end = made.memory.size() * (i + 1) * (i + 1) / (what.parts * what.parts);
        made.parts[i] = {made.memory.data() + begin, end - begin};
        begin = end;
    }
    made.message.msg_iov = made.parts;
    made.message.msg_iovlen = what.parts;
    if (what.what == verb::recvmsg || what.what == verb::recvmsg_multishot) {
        made.message.msg_name = &made.address;
        made.message.msg_namelen = sizeof(sockaddr_in);
    }
    if (what.what == verb::recvmsg_multishot)
        made.message.msg_controllen = 24;
}

void player::submit(const order& what) {
    flight& made = flights[what.number];
    made.what = what;
    prepare_memory(made);
    io_uring_sqe& sqe = next_sqe();
    const int fd = what.what == verb::nop || what.what == verb::cancel ? -1 : descriptor(what.end);
    const auto size = static_cast<unsigned>(what.size);
    const auto flags = static_cast<int>(what.flags);
    constexpr auto own_position = ~std::uint64_t{0};
    switch (what.what) {
    case verb::nop: io_uring_prep_nop(&sqe); break;
    case verb::cancel: io_uring_prep_cancel64(&sqe, what.target, 0); break;
    case verb::connect:
        made.address = addresses[what.target];
        made.address_size = address_sizes[what.target];
        io_uring_prep_connect(&sqe, fd, reinterpret_cast<sockaddr*>(&made.address), made.address_size);
        break;
    case verb::accept:
        made.address_size = sizeof made.address;
        io_uring_prep_accept(&sqe, fd, reinterpret_cast<sockaddr*>(&made.address), &made.address_size,
                             SOCK_CLOEXEC);
        break;
    case verb::send: io_uring_prep_send(&sqe, fd, made.memory.data(), size, flags | MSG_NOSIGNAL); break;
    case verb::sendmsg: io_uring_prep_sendmsg(&sqe, fd, &made.message, what.flags | MSG_NOSIGNAL); break;
    case verb::write: io_uring_prep_write(&sqe, fd, made.memory.data(), size, own_position); break;
    case verb::writev: io_uring_prep_writev(&sqe, fd, made.parts, what.parts, own_position); break;
    case verb::recv: io_uring_prep_recv(&sqe, fd, made.memory.data(), size, flags); break;
    case verb::recvmsg: io_uring_prep_recvmsg(&sqe, fd, &made.message, what.flags); break;
    case verb::read: io_uring_prep_read(&sqe, fd, made.memory.data(), size, own_position); break;
    case verb::readv: io_uring_prep_readv(&sqe, fd, made.parts, what.parts, own_position); break;
    case verb::recv_selected: io_uring_prep_recv(&sqe, fd, nullptr, 0, flags); break;
    case verb::recv_multishot: io_uring_prep_recv_multishot(&sqe, fd, nullptr, 0, flags); break;
    case verb::recvmsg_multishot: io_uring_prep_recvmsg_multishot(&sqe, fd, &made.message, what.flags); break;
    case verb::poll: io_uring_prep_poll_add(&sqe, fd, what.flags); break;
    case verb::poll_multishot: io_uring_prep_poll_multishot(&sqe, fd, what.flags); break;
    }
    if (selects_buffer(what.what)) {
        sqe.flags |= IOSQE_BUFFER_SELECT;
        sqe.buf_group = static_cast<std::uint16_t>(what.group);
    }
    if (what.is_quiet)
        sqe.flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe.user_data = what.number;
}

// A buffer of a multishot RECVMSG has a header, and then space for the address, the control messages and
// the bytes.
std::string player::read_datagram(std::string_view buffer, const msghdr& layout, std::string& about) const {
    io_uring_recvmsg_out header{};
    const std::size_t begin = sizeof header + layout.msg_namelen + layout.msg_controllen;
    if (buffer.size() < begin)
        return "a buffer of " + std::to_string(buffer.size()) + " bytes";
    std::memcpy(&header, buffer.data(), sizeof header);
    about = "name " + std::to_string(header.namelen) + ", control " + std::to_string(header.controllen) +
            ", payload " + std::to_string(header.payloadlen) + ", flags " + std::to_string(header.flags);
    return std::string(buffer.substr(begin));
}

answer player::read_answer(flight& of, const io_uring_cqe& cqe) {
    answer made{cqe.res, cqe.flags & (IORING_CQE_F_MORE | IORING_CQE_F_BUFFER)};
    const order& what = of.what;
    if (what.what == verb::accept && cqe.res >= 0)
        accepted.emplace_back(what.end, std::exchange(made.result, 0));
    if (!is_read(what.what) || cqe.res < 0)
        return made;
    const auto size = static_cast<std::size_t>(cqe.res);
    int type = 0;
    socklen_t type_size = sizeof type;
    ::getsockopt(descriptor(what.end), SOL_SOCKET, SO_TYPE, &type, &type_size);
    const bool is_datagram = type == SOCK_DGRAM;
    if (cqe.flags & IORING_CQE_F_BUFFER) {
        made.bytes = groups[what.group]->take(cqe.flags, size);
        if (what.what == verb::recvmsg_multishot)
            made.bytes = read_datagram(made.bytes, of.message, made.about);
    } else {
        made.bytes.assign(of.memory.data(), std::min(size, of.memory.size()));
    }
    // The address and the flags mean nothing on a stream.
    if (what.what == verb::recvmsg && cqe.res > 0 && is_datagram)
        made.about = "name " + std::to_string(of.message.msg_namelen) + ", flags " +
                     std::to_string(of.message.msg_flags & (MSG_TRUNC | MSG_CTRUNC | MSG_EOR));
    return made;
}

unsigned player::collect() {
    const unsigned head = *memory_.cq.khead;
    const unsigned end = __atomic_load_n(memory_.cq.ktail, __ATOMIC_ACQUIRE);
    for (unsigned at = head; at != end; ++at) {
        const io_uring_cqe& cqe = memory_.cq.cqes[at & *memory_.cq.kring_mask];
        const auto found = flights.find(static_cast<unsigned>(cqe.user_data));
        if (found == flights.end() || found->second.has_ended) {
            ADD_FAILURE() << name << ": #" << cqe.user_data << " completes again: " << cqe.res;
            continue;
        }
        flight& of = found->second;
        of.answers.push_back(read_answer(of, cqe));
        of.received += of.answers.back().bytes.size();
        of.has_ended = !(cqe.flags & IORING_CQE_F_MORE);
    }
    __atomic_store_n(memory_.cq.khead, end, __ATOMIC_RELEASE);
    return end - head;
}

void player::cancel_until_ended(const order& cancel) {
    const auto limit = std::chrono::steady_clock::now() + patience;
    do {
        flights.erase(cancel.number);
        submit(cancel);
        enter(1, kernel_->now() + 1ms);
        collect();
    } while (!flights.at(cancel.target).has_ended && std::chrono::steady_clock::now() < limit);
}

const order* player::due(const std::function<bool(const order&)>& is_excepted) {
    std::vector<pollfd>& polled = polled_;
    std::vector<const order*>& orders = polled_orders_;
    polled.clear();
    orders.clear();
    for (const auto& [number, each]: flights) {
        const order& what = each.what;
        if (each.has_ended || what.what == verb::cancel || is_excepted(what))
            continue;
        if (what.what == verb::nop)
            return &what;
        short events = POLLIN | POLLRDHUP;
        if (what.what == verb::poll)
            events = static_cast<short>(what.flags);
        else if (is_write(what.what) || what.what == verb::connect)
            events = POLLOUT;
        polled.push_back({descriptor(what.end), events, 0});
        orders.push_back(&what);
    }
    if (polled.empty() || ::poll(polled.data(), polled.size(), 0) <= 0)
        return nullptr;
    const auto ready =
        std::find_if(polled.begin(), polled.end(), [](const pollfd& each) { return each.revents; });
    return orders[static_cast<std::size_t>(ready - polled.begin())];
}

/// Waits until the loopback interface has delivered all packets. Each CPU delivers its packets in FIFO
/// order, so a datagram that this thread sends arrives after all packets that it has sent before. A packet
/// may be answered by another packet, which may be answered in turn.
class wire {
public:
    wire() : number_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        const timeval limit{10, 0};
        EXPECT_EQ(::bind(number_, any, size), 0);
        EXPECT_EQ(::getsockname(number_, any, &size), 0);
        EXPECT_EQ(::connect(number_, any, size), 0);
        EXPECT_EQ(::setsockopt(number_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
        ::sched_getaffinity(0, sizeof before_, &before_);
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<unsigned>(std::max(::sched_getcpu(), 0)), &one);
        ::sched_setaffinity(0, sizeof one, &one);
        handler_ = std::signal(SIGPIPE, SIG_IGN);
    }
    wire(const wire&) = delete;
    wire& operator=(const wire&) = delete;
    ~wire() {
        std::signal(SIGPIPE, handler_);
        ::sched_setaffinity(0, sizeof before_, &before_);
        ::close(number_);
    }

    void flush() const {
        for (int answers = 0; answers < 3; ++answers) {
            char byte = 'x';
            EXPECT_EQ(::send(number_, &byte, 1, 0), 1);
            EXPECT_EQ(::recv(number_, &byte, 1, 0), 1);
        }
    }
    /// Returns true if this TCP socket has sent all its bytes. It may have to wait for an acknowledgement
    /// before.
    static bool has_sent_all(int descriptor) {
        tcp_info about{};
        socklen_t size = sizeof about;
        int unsent = 0;
        return ::ioctl(descriptor, SIOCOUTQNSD, &unsent) < 0 || unsent == 0 ||
               ::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &about, &size) < 0 ||
               about.tcpi_state == TCP_CLOSE;
    }
    /// Makes a TCP socket acknowledge what it has received.
    static void acknowledge(int descriptor) {
        const int on = 1;
        ::setsockopt(descriptor, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    }

private:
    int number_;
    cpu_set_t before_{};
    void (*handler_)(int) = nullptr;
};

// Returns the bytes that an end sends at this position of its stream. Ends and positions have different
// bytes.
std::string bytes_at(unsigned end, std::uint64_t position, std::size_t size) {
    static const std::string random = [] {
        std::mt19937 numbers;
        std::string made(1u << 20, '\0');
        for (std::size_t i = 0; i < made.size(); i += 4) {
            const auto four = static_cast<std::uint32_t>(numbers());
            std::memcpy(&made[i], &four, 4);
        }
        return made;
    }();
    std::string made;
    while (made.size() < size) {
        const std::size_t at = (position + made.size() + end * std::uint64_t{40503}) % random.size();
        made.append(random, at, size - made.size());
    }
    return made;
}

std::string text_of(std::string_view bytes) {
    const std::size_t mixed = std::hash<std::string_view>()(bytes);
    return std::to_string(bytes.size()) + " bytes " + std::to_string(mixed % 10000);
}

/// One end of a link, as the script sees it. Both engines are in this state between two steps.
struct end_state {
    struct datagram {
        std::uint64_t position;
        std::size_t size;
    };

    family kind = family::tcp;
    bool is_ours = false;  // is used through the engine
    bool is_open = true;
    bool is_finished = false;  // does not send any more
    bool is_shut = false;
    unsigned other = 0;
    unsigned reader = 0, writer = 0;  // numbers of operations in flight, or 0
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    bool is_full = false;  // a send has failed with -EAGAIN, and the other end has received nothing since
    std::deque<datagram> datagrams{};  // sent by this end, and not received
};

struct link_state {
    family kind = family::tcp;
    bool is_listener = false;
    std::vector<unsigned> ends{};
    std::deque<unsigned> clients{};   // of a listener: ends that are connected and not accepted
    std::vector<unsigned> accepts{};  // of a listener: operations in flight
};

/// One script, which runs on both engines.
class duel {
public:
    explicit duel(unsigned seed) : random_(seed) {
        players_[0] = std::make_unique<player>("io_uring", std::make_unique<uring_kernel>());
        players_[1] = std::make_unique<player>("epoll", std::make_unique<epoll_kernel>());
        ends_.emplace_back();
    }

    /// Returns the number of operations.
    unsigned run(unsigned operations);
    [[nodiscard]] std::string trace() const;

private:
    // Choices.
    std::size_t below(std::size_t limit) { return random_() % limit; }
    bool chance(unsigned percent) { return below(100) < percent; }
    template <class T>
    T pick(std::initializer_list<T> from) {
        return from.begin()[below(from.size())];
    }
    std::size_t some_size(family kind);
    [[nodiscard]] bool may_send(unsigned end);
    [[nodiscard]] bool has_events(unsigned end, short events) const;
    [[nodiscard]] bool has_error(unsigned end) const {
        return !ends_[ends_[end].other].is_open || has_events(end, 0);
    }
    [[nodiscard]] bool may_use(unsigned group) const;
    void refill(unsigned group);

    // Links.
    unsigned add_end(family kind, bool is_ours);
    void open_link();
    void open_tcp(unsigned ours, unsigned theirs);
    void open_udp(unsigned ours, unsigned theirs);
    void open_unix(family kind, unsigned ours, unsigned theirs);
    void open_pipe(unsigned reads, unsigned writes);
    void open_listener(family kind);
    void close_end(unsigned end, bool reset = false);
    void close_link(std::size_t which);

    // Steps.
    void step();
    void touch(std::size_t which);
    void touch_listener(std::size_t which);
    void act_as_peer(unsigned end);
    void act_by_engine(unsigned end);
    void read_by_engine(unsigned end);
    void write_by_engine(unsigned end);
    void poll_by_engine(unsigned end, bool as_reader);
    void send_directly(unsigned end, std::size_t size);
    void end_multishot_with_empty_datagram(unsigned end, std::size_t size);
    void settle_error(unsigned end);
    void recv_directly(unsigned end, std::size_t size);
    void shut(unsigned end, int how);
    void cancel_one(unsigned target);
    void cancel_and_settle(const std::vector<unsigned>& targets);
    void race_with_cancel(unsigned end);
    void connect_to_closed_port();
    void use_closed_descriptor();

    // Results.
    unsigned submit(order what);
    void each_player(const std::function<void(player&)>& acts) {
        for (const auto& each: players_)
            acts(*each);
    }
    void enter_all();
    void settle();
    void expect_packets(unsigned end);
    [[nodiscard]] bool have_sent_all();
    [[nodiscard]] const order* due(player& on) const;
    [[nodiscard]] bool is_lagging() const;
    [[nodiscard]] bool is_dry(const order& what) const {
        return players_[0]->is_dry(what) || players_[1]->is_dry(what);
    }
    void compare();
    void compare(const flight& first, const flight& second);
    [[nodiscard]] std::string summary(const flight& of, bool may_be_dry) const;
    void apply(const flight& ended);
    void apply_write(const order& what, const answer& last, bool is_new);
    void check_read(const flight& of);
    void check_poll(player& on, const flight& of);
    void check_received(unsigned end, const order& what, const answer& each);
    void end_dry_operations();
    void link_accepted();
    void link(unsigned first, unsigned second);
    void same(const std::string& what, const std::string& first, const std::string& second);
    void note(const std::string& line) { trace_.push_back(line); }
    [[nodiscard]] static bool has_failed() { return testing::Test::HasFailure(); }

    std::mt19937 random_;
    std::array<std::unique_ptr<player>, 2> players_;
    wire wire_;
    std::deque<end_state> ends_;    // adding one does not move the others
    std::deque<link_state> links_;  // adding one does not move the others
    unsigned numbers_ = 0;
    unsigned steps_ = 0;
    bool is_first_ = true;       // nothing has happened to this link in this step
    bool packets_ = false;       // packets may be under way
    std::set<unsigned> unsent_;  // TCP ends that may have sent them
    std::set<unsigned> news_;    // ends that may have received something after the last comparison
    std::vector<std::string> trace_;
};

// ---- results
// ----------------------------------------------------------------------------------------------

std::string duel::trace() const {
    std::string all;
    // The end of a long trace is enough to understand a failure.
    const std::size_t first = trace_.size() > 1500 ? trace_.size() - 1500 : 0;
    for (std::size_t i = first; i < trace_.size(); ++i)
        all += "    " + trace_[i] + "\n";
    return all;
}

void duel::same(const std::string& what, const std::string& first, const std::string& second) {
    EXPECT_EQ(first, second) << what << " differs: the first result is of " << players_[0]->name << ".";
}

unsigned duel::submit(order what) {
    if (what.number == 0)
        what.number = ++numbers_;
    note(what.text());
    if (is_write(what.what) || what.what == verb::connect)
        expect_packets(what.end);
    each_player([&](player& each) { each.submit(what); });
    return what.number;
}

// Enters both rings. No packet is under way when an operation on a TCP or UDP socket begins.
void duel::enter_all() {
    if (packets_)
        return settle();
    note("enter");
    each_player([](player& each) {
        each.enter();
        each.collect();
    });
}

void duel::expect_packets(unsigned end) {
    packets_ = packets_ || is_inet(ends_[end].kind);
    if (ends_[end].kind == family::tcp)
        unsent_.insert({end, ends_[end].other});
}

bool duel::have_sent_all() {
    std::erase_if(unsent_, [&](unsigned end) {
        return std::all_of(players_.begin(), players_.end(), [&](const auto& each) {
            const int fd = each->descriptor(end);
            if (fd >= 0)
                wire::acknowledge(fd);
            return fd < 0 || wire::has_sent_all(fd);
        });
    });
    return unsent_.empty();
}

// Returns an operation of this engine that can continue, or null. A multishot poll reports an event only
// once. A multishot receive waits although its datagram socket has been shut down.
const order* duel::due(player& on) const {
    return on.due([this](const order& what) {
        return what.what == verb::poll_multishot ||
               (is_multishot_read(what.what) && is_datagram(ends_[what.end].kind) && ends_[what.end].is_shut);
    });
}

bool duel::is_lagging() const {
    for (const auto& [number, first]: players_[0]->flights) {
        const flight& second = players_[1]->flights.at(number);
        if (first.what.what == verb::cancel || (is_dry(first.what) && !first.what.is_vague))
            continue;
        if (first.has_ended != second.has_ended ||
            (!first.what.is_vague && first.received != second.received))
            return true;
    }
    return false;
}

// Enters both rings until no operation can continue. If the engines differ, the slower one gets more time.
void duel::settle() {
    const auto limit = std::chrono::steady_clock::now() + patience;
    for (bool is_at_rest = false; !is_at_rest && !has_failed();) {
        if (packets_)
            wire_.flush();
        unsigned completions = 0;
        each_player([&](player& each) {
            each.enter();
            completions += each.collect();
        });
        if (completions > 0)
            continue;
        is_at_rest = !due(*players_[0]) && !due(*players_[1]) && !is_lagging() && have_sent_all();
        if (is_at_rest)
            continue;
        if (std::chrono::steady_clock::now() > limit) {
            compare();
            each_player([&](player& each) {
                const order* what = due(each);
                EXPECT_FALSE(what) << each.name << " does not continue " << what->text();
            });
            EXPECT_TRUE(has_failed()) << "a TCP socket does not send its bytes";
            return;
        }
        each_player([&](player& each) {
            if (due(each))
                each.enter(1, each.engine().now() + 1ms);
            each.collect();
        });
    }
    packets_ = false;
    unsent_.clear();
}

std::string duel::summary(const flight& of, bool may_be_dry) const {
    const bool is_stream = !is_datagram(ends_[of.what.end].kind);
    const bool is_ended = of.has_ended && !(may_be_dry && of.answers.back().result == -ENOBUFS);
    std::string bytes, text;
    for (const answer& each: of.answers) {
        if (is_multishot_read(of.what.what) && is_stream && each.result > 0) {
            bytes += each.bytes;
            continue;
        }
        if (may_be_dry && each.result == -ENOBUFS)
            continue;
        if (of.what.what == verb::poll_multishot && each.flags & IORING_CQE_F_MORE)
            continue;  // see check_poll()
        text += of.what.what == verb::poll && each.result > 0 ? "events" : std::to_string(each.result);
        if (each.result > 0 && each.flags & IORING_CQE_F_BUFFER)
            text += " in a buffer";
        if (!each.bytes.empty())
            text += " = " + text_of(each.bytes);
        if (!each.about.empty())
            text += " (" + each.about + ")";
        text += each.flags & IORING_CQE_F_MORE ? " more, " : " ";
    }
    if (!bytes.empty())
        text = text_of(bytes) + ", then " + text;
    return text + (may_be_dry ? "dry" : is_ended ? "end" : "in flight");
}

// Compares all completions since the last comparison, and brings the model up to date.
void duel::compare() {
    if (has_failed())
        return;
    for (const auto& [number, first]: players_[0]->flights)
        compare(first, players_[1]->flights.at(number));
    if (has_failed())
        return;
    for (const auto& [number, first]: players_[0]->flights)
        if (first.has_ended && (is_write(first.what.what) || first.what.what == verb::connect))
            apply(first);
    each_player([&](player& each) {
        for (auto& [number, of]: each.flights) {
            if (of.what.what == verb::poll_multishot && !of.has_ended)
                check_poll(each, of);
            of.is_new = false;
        }
    });
    news_.clear();
    std::vector<unsigned> ended;
    for (auto& [number, first]: players_[0]->flights) {
        flight& second = players_[1]->flights.at(number);
        if (is_read(first.what.what))
            check_read(first);
        const bool is_over = first.has_ended && second.has_ended;
        if (is_over && !is_write(first.what.what) && first.what.what != verb::connect)
            apply(first);
        if (is_over || first.what.what == verb::cancel)
            ended.push_back(number);
        for (flight* each: {&first, &second}) {
            each->answers.erase(each->answers.begin(), each->answers.end() - each->has_ended);
            each->received = 0;
        }
    }
    for (const unsigned number: ended)
        each_player([&](player& each) { each.flights.erase(number); });
    link_accepted();
}

void duel::compare(const flight& first, const flight& second) {
    const bool may_be_dry = is_dry(first.what) && !(first.has_ended && second.has_ended);
    const std::string text = summary(first, may_be_dry);
    if (!first.answers.empty() || !second.answers.empty())
        note("    #" + std::to_string(first.what.number) + " -> " + text);
    if (first.what.is_vague)
        return;
    same(first.what.text(), text, summary(second, may_be_dry));
    // io_uring reports the first event that has come, and epoll all of them.
    EXPECT_TRUE(has_failed() || first.what.what != verb::poll || first.answers.empty() ||
                (first.answers.back().result & second.answers.back().result))
        << "different events: " << first.what.text();
}

void duel::apply(const flight& ended) {
    const order& what = ended.what;
    end_state& of = ends_[what.end];
    if (of.reader == what.number)
        of.reader = 0;
    if (of.writer == what.number)
        of.writer = 0;
    const std::int32_t result = ended.answers.empty() ? -ECANCELED : ended.answers.back().result;
    if (selects_buffer(what.what) && result == 0)
        refill(what.group);  // io_uring may use a buffer for the end of the stream
    if (is_write(what.what) && result == -EAGAIN)
        of.is_full = true;
    if (is_write(what.what) && result >= 0)
        apply_write(what, ended.answers.back(), ended.is_new);
    for (link_state& each: links_) {
        std::erase(each.accepts, what.number);
        if (what.what == verb::connect && each.is_listener && each.ends[0] == what.target && result == 0)
            each.clients.push_back(what.end);
    }
    if (what.what == verb::connect && result != 0)
        close_end(what.end);
}

void duel::apply_write(const order& what, const answer& last, bool is_new) {
    end_state& of = ends_[what.end];
    const auto size = static_cast<std::size_t>(last.result);
    EXPECT_LE(size, what.size) << what.text();
    if (is_datagram(of.kind) && ends_[of.other].is_open)
        of.datagrams.push_back({of.sent, size});
    of.sent += size;
    if (is_new && size > 0)
        news_.insert(of.other);
}

// Checks that these bytes are those that the peer has sent after the bytes received before.
void duel::check_received(unsigned end, const order& what, const answer& each) {
    end_state& of = ends_[end];
    end_state& from = ends_[of.other];
    from.is_full = false;
    if (each.result < 0 || of.kind == family::eventfd)
        return;
    if (!is_datagram(of.kind)) {
        EXPECT_TRUE(each.bytes == bytes_at(of.other, of.received, each.bytes.size()))
            << what.text() << " gets wrong bytes";
        if (!(what.flags & MSG_PEEK) || !is_socket(of.kind))
            of.received += each.bytes.size();
        return;
    }
    if (from.datagrams.empty()) {
        EXPECT_EQ(each.result, 0) << what.text() << ": there is no datagram";
        return;
    }
    const auto [position, size] = from.datagrams.front();
    EXPECT_LE(each.bytes.size(), size) << what.text();
    EXPECT_TRUE(each.bytes == bytes_at(of.other, position, each.bytes.size()))
        << what.text() << " gets wrong bytes";
    if (!(what.flags & MSG_PEEK))
        from.datagrams.pop_front();
}

void duel::check_read(const flight& of) {
    for (const answer& each: of.answers)
        if (each.result > 0 || (each.result == 0 && is_datagram(ends_[of.what.end].kind)))
            check_received(of.what.end, of.what, each);
}

// A multishot poll reports the events that are present when it is submitted, and those that come later.
// epoll may repeat them.
void duel::check_poll(player& on, const flight& of) {
    const int now = on.engine().poll(on.descriptor(of.what.end), static_cast<short>(of.what.flags));
    const int expected = of.is_new ? now : news_.contains(of.what.end) ? now & POLLIN : 0;
    EXPECT_TRUE(expected == 0 || std::any_of(of.answers.begin(), of.answers.end(),
                                             [&](const answer& each) { return each.result & expected; }))
        << on.name << " does not report " << expected << " to " << of.what.text();
}

// The peer of an accepted connection is the client that has connected first.
void duel::link_accepted() {
    while (!players_[0]->accepted.empty() && !has_failed()) {
        const unsigned listener = players_[0]->accepted.front().first;
        const unsigned made = add_end(ends_[listener].kind, true);
        each_player([&](player& each) {
            const auto found = std::find_if(each.accepted.begin(), each.accepted.end(),
                                            [&](const auto& pair) { return pair.first == listener; });
            if (found == each.accepted.end()) {
                ADD_FAILURE() << each.name << " has accepted fewer connections";
                return;
            }
            each.descriptor(made) = found->second;
            each.accepted.erase(found);
        });
        for (link_state& each: links_) {
            if (!each.is_listener || each.ends[0] != listener || each.clients.empty())
                continue;
            link(each.clients.front(), made);
            each.clients.pop_front();
            break;
        }
        EXPECT_NE(ends_[made].other, 0u) << "an accepted connection has no peer";
    }
}

// A receive whose group has no buffer may have ended or not. Makes it end on both engines, and refills the
// group.
void duel::end_dry_operations() {
    for (unsigned end = 0; end < ends_.size() && !has_failed(); ++end) {
        const unsigned number = ends_[end].is_open ? ends_[end].reader : 0;
        if (number == 0)
            continue;
        const order what = players_[0]->flights.at(number).what;
        if (!is_dry(what))
            continue;
        const end_state& peer = ends_[ends_[end].other];
        if (peer.is_open && !peer.is_finished && peer.writer == 0 && !ends_[end].is_shut && chance(70)) {
            send_directly(ends_[end].other, 20);
        } else {
            each_player([&](player& each) { each.flights.at(number).what.is_vague = true; });
            submit({.what = verb::cancel, .target = number, .is_quiet = true, .is_vague = true});
        }
        settle();
        compare();
        EXPECT_EQ(ends_[end].reader, 0u) << what.text() << " is still in flight, without buffers";
        each_player([&](player& each) { each.groups[what.group]->refill(); });
        note("refill group " + std::to_string(what.group));
    }
}

// ---- links
// ------------------------------------------------------------------------------------------------

unsigned duel::add_end(family kind, bool is_ours) {
    ends_.push_back({.kind = kind, .is_ours = is_ours});
    return static_cast<unsigned>(ends_.size() - 1);
}

void duel::link(unsigned first, unsigned second) {
    ends_[first].other = second;
    ends_[second].other = first;
    links_.push_back({.kind = ends_[first].kind, .ends = {first, second}});
    note("link " + std::to_string(first) + (ends_[first].is_ours ? " (engine) " : " (plain) ") +
         std::to_string(second) + (ends_[second].is_ours ? " (engine): " : " (plain): ") +
         family_names[static_cast<unsigned>(ends_[first].kind)]);
    if (ends_[first].kind == family::tcp)
        for (const unsigned end: {first, second})
            each_player([&](player& each) {
                const int on = 1;
                ::setsockopt(each.descriptor(end), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            });
}

void duel::open_link() {
    switch (below(9)) {
    case 0:
    case 1: return open_tcp(add_end(family::tcp, true), add_end(family::tcp, chance(30)));
    case 2: return open_udp(add_end(family::udp, true), add_end(family::udp, chance(30)));
    case 3:
    case 4:
        return open_unix(family::unix_stream, add_end(family::unix_stream, true),
                         add_end(family::unix_stream, chance(30)));
    case 5:
        return open_unix(family::unix_dgram, add_end(family::unix_dgram, true),
                         add_end(family::unix_dgram, chance(30)));
    case 6: {
        const bool reads = chance(60);
        return open_pipe(add_end(family::pipe, reads), add_end(family::pipe, !reads || chance(30)));
    }
    case 7: {
        const unsigned made = add_end(family::eventfd, true);
        const int flags = EFD_CLOEXEC | pick<int>({0, EFD_NONBLOCK, EFD_SEMAPHORE});
        const auto count = static_cast<unsigned>(below(3));
        each_player(
            [&](player& each) { each.engine().adopt(each.descriptor(made) = ::eventfd(count, flags)); });
        ends_[made].other = made;
        links_.push_back({.kind = family::eventfd, .ends = {made}});
        return note("eventfd " + std::to_string(made));
    }
    default: return open_listener(pick({family::tcp, family::unix_stream}));
    }
}

// Returns a bound socket, and stores its address.
int bound_socket(player& on, unsigned end, family kind, int type, bool by_engine) {
    const int domain = is_inet(kind) ? AF_INET : AF_UNIX;
    const int made =
        by_engine ? on.engine().socket(domain, type, 0) : ::socket(domain, type | SOCK_CLOEXEC, 0);
    sockaddr_storage& address = on.addresses[end];
    address.ss_family = static_cast<sa_family_t>(domain);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (is_inet(kind))
        reinterpret_cast<sockaddr_in&>(address).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // A UNIX socket with an empty name gets a free one.
    socklen_t size = is_inet(kind) ? sizeof(sockaddr_in) : sizeof(sa_family_t);
    EXPECT_EQ(::bind(made, any, size), 0) << std::strerror(errno);
    size = sizeof address;
    EXPECT_EQ(::getsockname(made, any, &size), 0);
    on.address_sizes[end] = size;
    return on.descriptor(end) = made;
}

int connect_to(player& on, int from, unsigned listener) {
    const auto* any = reinterpret_cast<const sockaddr*>(&on.addresses[listener]);
    return ::connect(from, any, on.address_sizes[listener]) == 0 ? 0 : -errno;
}

// If the engine makes the socket, it knows that it is a TCP socket. If the engine adopts the socket, it
// does not know that.
void duel::open_tcp(unsigned ours, unsigned theirs) {
    const bool is_made = chance(60);
    const unsigned listener = add_end(family::tcp, false);
    each_player([&](player& each) {
        const int listens = bound_socket(each, listener, family::tcp, SOCK_STREAM, false);
        EXPECT_EQ(::listen(listens, 1), 0);
        const int made = is_made ? each.engine().socket(AF_INET, SOCK_STREAM, 0)
                                 : ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int result = connect_to(each, made, listener);
        EXPECT_TRUE(result == 0 || result == -EINPROGRESS) << std::strerror(-result);
        if (!is_made)
            each.engine().adopt(made);
        each.descriptor(ours) = made;
        each.descriptor(theirs) = ::accept4(listens, nullptr, nullptr, SOCK_CLOEXEC);
        if (ends_[theirs].is_ours)
            each.engine().adopt(each.descriptor(theirs));
        ::close(std::exchange(each.descriptor(listener), -1));
    });
    ends_[listener].is_open = false;
    link(ours, theirs);
    expect_packets(ours);
}

void duel::open_udp(unsigned ours, unsigned theirs) {
    each_player([&](player& each) {
        const int first = bound_socket(each, ours, family::udp, SOCK_DGRAM, true);
        const int second = bound_socket(each, theirs, family::udp, SOCK_DGRAM, ends_[theirs].is_ours);
        EXPECT_EQ(connect_to(each, first, theirs), 0);
        EXPECT_EQ(connect_to(each, second, ours), 0);
    });
    link(ours, theirs);
}

void duel::open_unix(family kind, unsigned ours, unsigned theirs) {
    const int type = kind == family::unix_stream ? SOCK_STREAM : SOCK_DGRAM;
    const int space = chance(50) ? 2304 : 0;
    const bool is_made = chance(50);
    each_player([&](player& each) {
        int made[2];
        if (is_made)
            EXPECT_EQ(each.engine().socketpair(AF_UNIX, type, 0, made), 0);
        else
            EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, made), 0);
        each.descriptor(ours) = made[0];
        each.descriptor(theirs) = made[1];
        for (const int fd: made) {
            if (!is_made)
                each.engine().adopt(fd);
            if (space > 0)
                ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &space, sizeof space);
        }
    });
    link(ours, theirs);
}

void duel::open_pipe(unsigned reads, unsigned writes) {
    const int flags = O_CLOEXEC | (chance(50) ? O_NONBLOCK : 0);
    each_player([&](player& each) {
        int made[2];
        EXPECT_EQ(::pipe2(made, flags), 0);
        each.descriptor(reads) = made[0];
        each.descriptor(writes) = made[1];
        for (const unsigned end: {reads, writes})
            if (ends_[end].is_ours)
                each.engine().adopt(each.descriptor(end));
    });
    ends_[reads].is_finished = true;
    ends_[writes].is_shut = true;
    link(reads, writes);
}

void duel::open_listener(family kind) {
    const unsigned made = add_end(kind, true);
    each_player([&](player& each) {
        const int fd = bound_socket(each, made, kind, SOCK_STREAM, true);
        EXPECT_EQ(each.engine().listen(fd, 8), 0);
    });
    links_.push_back({.kind = kind, .is_listener = true, .ends = {made}});
    note("listener " + std::to_string(made) + ": " + family_names[static_cast<unsigned>(kind)]);
}

void duel::close_end(unsigned end, bool reset) {
    end_state& closed = ends_[end];
    if (!std::exchange(closed.is_open, false))
        return;
    note((reset ? "reset " : "close ") + std::to_string(end));
    expect_packets(end);
    closed.is_finished = true;
    ends_[closed.other].datagrams.clear();
    each_player([&](player& each) {
        const int fd = std::exchange(each.descriptor(end), -1);
        if (reset) {
            const linger immediately{1, 0};
            ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &immediately, sizeof immediately);
        }
        // The socketpair of an engine is closed through the engine, also if an end is used as a plain
        // peer.
        EXPECT_EQ(each.engine().close(fd), 0);
    });
}

void duel::close_link(std::size_t which) {
    const link_state closed = links_[which];
    std::vector<unsigned> targets = closed.accepts;
    for (const unsigned end: closed.ends)
        for (const unsigned number: {ends_[end].reader, ends_[end].writer})
            if (number != 0)
                targets.push_back(number);
    cancel_and_settle(targets);
    for (const unsigned end: closed.ends)
        close_end(end, closed.kind == family::tcp && chance(50));
    for (const unsigned end: links_[which].clients)
        close_end(end);
    links_.erase(links_.begin() + static_cast<std::ptrdiff_t>(which));
}

// ---- operations
// -------------------------------------------------------------------------------------------

bool pipes_never_wait() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    char byte = 0;
    const iovec part{&byte, 1};
    const bool is_written = ::pwritev2(ends[1], &part, 1, -1, RWF_NOWAIT) == 1;
    ::close(ends[0]);
    ::close(ends[1]);
    return is_written;
}

std::size_t duel::some_size(family kind) {
    if (chance(8))
        return below(3);
    if (kind == family::unix_stream && chance(20))
        return 1 + below(20'000);
    static const std::size_t pipe_write_max = pipes_never_wait() ? 100'000 : 4096;
    if (kind == family::pipe && chance(20))
        return 1 + below(pipe_write_max);
    return 1 + below(chance(20) ? 1500 : 300);
}

// Keeps TCP and UDP far from the limits of their buffers. Does not let an operation begin on a UNIX socket
// or a pipe that has some space, but not enough to be writable. io_uring then tries to write, and epoll
// may wait. If the peer has finished, io_uring tries a write that waits again and again.
bool duel::may_send(unsigned end) {
    const end_state& from = ends_[end];
    const end_state& to = ends_[from.other];
    if (!is_inet(from.kind) && from.kind != family::eventfd) {
        const bool is_full = from.kind == family::pipe ? from.sent - to.received == 65536 : from.is_full;
        return (is_full && !has_events(end, POLLRDHUP)) || has_events(end, POLLOUT);
    }
    if (from.kind == family::udp)
        return from.datagrams.size() < 6;
    return from.kind != family::tcp || from.sent - to.received < 8000;
}

bool duel::has_events(unsigned end, short events) const {
    return std::any_of(players_.begin(), players_.end(), [&](const auto& each) {
        return each->engine().poll(each->descriptor(end), events) != 0;
    });
}

void duel::read_by_engine(unsigned end) {
    settle_error(end);
    end_state& of = ends_[end];
    order made{.end = end, .size = some_size(of.kind)};
    if (!is_socket(of.kind)) {
        made.what = pick({verb::read, verb::readv});
    } else {
        made.what = pick({verb::recv, verb::recv, verb::recvmsg, verb::read, verb::readv, verb::recv_selected,
                          verb::recv_multishot, verb::recv_multishot,
                          is_datagram(of.kind) ? verb::recvmsg_multishot : verb::recv_multishot});
        if (made.what == verb::recv || made.what == verb::recvmsg) {
            const unsigned datagram_flag = of.kind == family::udp ? MSG_TRUNC : 0;
            made.flags = pick({0u, 0u, unsigned{MSG_PEEK}, unsigned{MSG_DONTWAIT}, unsigned{MSG_WAITALL},
                               unsigned{MSG_PEEK | MSG_DONTWAIT}, datagram_flag});
        }
    }
    if (of.kind == family::eventfd)
        made.size = pick<std::size_t>({8, 8, 20});
    if (made.what == verb::read || made.what == verb::readv || is_datagram(of.kind))
        made.size = std::max<std::size_t>(made.size, 1);
    if (made.what == verb::recvmsg || made.what == verb::readv)
        made.parts = 1 + static_cast<unsigned>(below(4));
    const auto& unread = ends_[of.other].datagrams;
    if (made.what == verb::recvmsg_multishot &&
        std::any_of(unread.begin(), unread.end(), [](const auto& each) { return each.size == 0; }))
        made.what = verb::recv_multishot;
    if (selects_buffer(made.what)) {
        made.size = 0;
        made.group = static_cast<unsigned>(below(3));
        // A datagram never shares a buffer with another one.
        if (is_datagram(of.kind) && made.group == 1)
            made.group = 0;
        if (!may_use(made.group))
            return;
        if (chance(60))
            refill(made.group);
    }
    const unsigned number = submit(made);
    of.reader = number;
    // io_uring receives on a kernel thread after a shutdown. The first operation gets an error of the
    // peer.
    if ((is_datagram(of.kind) && of.is_shut) || has_error(end)) {
        settle();
        return compare();
    }
    // If the operation need not wait, a cancel in the same batch may come before or after epoll performs
    // it.
    const bool may_end = is_dry(made) || has_events(end, POLLIN | POLLRDHUP);
    if (is_first_ && !may_end && chance(10))
        cancel_one(number);
}

void duel::write_by_engine(unsigned end) {
    settle_error(end);
    end_state& of = ends_[end];
    // epoll may perform a read after the writes that are submitted after it.
    if (const unsigned reader = ends_[of.other].reader; reader != 0 && players_[0]->flights.at(reader).is_new)
        settle();
    order made{.end = end, .size = some_size(of.kind)};
    if (is_socket(of.kind)) {
        made.what = pick({verb::send, verb::send, verb::sendmsg, verb::write, verb::writev});
        if (made.what == verb::send || made.what == verb::sendmsg)
            made.flags = pick({0u, unsigned{MSG_WAITALL}, unsigned{MSG_DONTWAIT}});
    } else {
        made.what = pick({verb::write, verb::writev});
    }
    if (made.what == verb::write || made.what == verb::writev)
        made.size = std::max<std::size_t>(made.size, 1);
    // With MSG_WAITALL, epoll sends the parts one by one, so a different number of bytes fills a UNIX
    // socket. move_much() covers that.
    if (of.kind == family::unix_stream && has_events(end, POLLRDHUP))
        made.flags &= ~unsigned{MSG_WAITALL};
    const bool fills = of.kind == family::unix_stream && (made.flags & MSG_WAITALL);
    if ((made.what == verb::sendmsg && !fills) || made.what == verb::writev)
        made.parts = 1 + static_cast<unsigned>(below(4));
    if (of.kind == family::eventfd) {
        const std::uint64_t count = 1 + below(3);
        made.size = pick<std::size_t>({4, 8, 8, 8});
        made.payload.assign(reinterpret_cast<const char*>(&count), made.size);
    } else {
        made.payload = bytes_at(end, of.sent, made.size);
    }
    of.writer = submit(made);
    if (of.kind == family::eventfd)
        return settle();  // io_uring writes to an eventfd on a kernel thread
    end_multishot_with_empty_datagram(end, made.size);
    if (has_error(end))
        return settle();  // the first operation gets it
    if (is_first_ && !has_events(end, POLLOUT) && chance(10))
        cancel_one(of.writer);
}

void duel::poll_by_engine(unsigned end, bool as_reader) {
    settle_error(end);
    order made{.what = pick({verb::poll, verb::poll_multishot}), .end = end, .flags = POLLOUT | POLLRDHUP};
    if (as_reader)
        made.flags = pick({unsigned{POLLIN | POLLRDHUP}, unsigned{POLLRDHUP}});
    unsigned& place = as_reader ? ends_[end].reader : ends_[end].writer;
    place = submit(made);
    if (is_first_ && chance(10))
        cancel_one(place);
}

// An empty datagram ends a multishot RECVMSG. epoll may receive further datagrams before that.
void duel::end_multishot_with_empty_datagram(unsigned end, std::size_t size) {
    const unsigned reader = ends_[ends_[end].other].reader;
    if (size == 0 && reader != 0 && players_[0]->flights.at(reader).what.what == verb::recvmsg_multishot)
        settle();
}

// The operations in flight get an error of the peer, and not the call that comes next. In one enter, io_uring
// continues with waiting operations before it begins new ones, and epoll does so afterwards.
void duel::settle_error(unsigned end) {
    const end_state& of = ends_[end];
    if ((of.reader != 0 || of.writer != 0) && has_error(end)) {
        settle();
        compare();
    }
}

void duel::send_directly(unsigned end, std::size_t size) {
    settle_error(end);
    end_state& of = ends_[end];
    const std::string payload = bytes_at(end, of.sent, size);
    std::string results[2];
    long result = 0;
    const bool by_engine = of.is_ours && is_socket(of.kind);
    for (std::size_t i = 0; i < 2; ++i) {
        player& on = *players_[i];
        const int fd = on.descriptor(end);
        constexpr int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
        if (by_engine)
            result = on.engine().sendto(fd, payload.data(), size, flags, nullptr, 0);
        else if (is_socket(of.kind))
            result = ::send(fd, payload.data(), size, flags);
        else if (on.engine().poll(fd, POLLOUT) == POLLOUT)
            result = ::write(fd, payload.data(), size);
        else
            result = -EAGAIN;
        if (result == -1)
            result = -errno;
        results[i] = std::to_string(result);
    }
    note((by_engine ? "sendto on " : "peer sends on ") + std::to_string(end) + ", " + std::to_string(size) +
         " bytes: " + results[0]);
    same("sendto on " + std::to_string(end), results[0], results[1]);
    expect_packets(end);
    of.is_full = result == -EAGAIN;
    if (result >= 0)
        apply_write({.what = verb::send, .end = end, .size = size}, {static_cast<std::int32_t>(result), 0},
                    true);
    end_multishot_with_empty_datagram(end, size);
}

void duel::recv_directly(unsigned end, std::size_t size) {
    const end_state& of = ends_[end];
    if (is_datagram(of.kind) && ends_[of.other].writer != 0) {  // the model does not have the datagram yet
        settle();
        compare();
    }
    if (of.reader != 0)
        settle();  // io_uring reports an event to a poll even if it is over before the enter
    std::string results[2];
    answer got;
    for (std::size_t i = 0; i < 2; ++i) {
        player& on = *players_[i];
        const int fd = on.descriptor(end);
        std::string bytes(size, '\0');
        long result = -EAGAIN;
        if (is_socket(of.kind))
            result = ::recv(fd, bytes.data(), size, MSG_DONTWAIT);
        else if (on.engine().poll(fd, POLLIN) > 0)
            result = ::read(fd, bytes.data(), size);
        if (result == -1)
            result = -errno;
        bytes.resize(static_cast<std::size_t>(std::max(result, 0l)));
        results[i] = std::to_string(result) + " " + text_of(bytes);
        got = {static_cast<std::int32_t>(result), 0, bytes};
    }
    note("recv on " + std::to_string(end) + ", " + std::to_string(size) + " bytes: " + results[0]);
    same("recv on " + std::to_string(end), results[0], results[1]);
    expect_packets(end);  // an acknowledgement
    if (got.result > 0 || (got.result == 0 && is_datagram(of.kind)))
        check_received(end, {.what = verb::recv, .end = end, .size = size}, got);
}

// A send that waits on a UNIX socket ends if both directions are shut down. If only one is, io_uring tries
// the send again, and it may send a part or fail. epoll reports nothing, so the send continues to wait.
void duel::shut(unsigned end, int how) {
    end_state& of = ends_[end];
    if ((of.other != 0 && ends_[of.other].writer != 0) || (of.writer != 0 && how == SHUT_RD))
        how = SHUT_RDWR;
    note("shutdown " + std::to_string(end) + " " + std::to_string(how));
    std::string results[2];
    for (std::size_t i = 0; i < 2; ++i)
        results[i] = std::to_string(players_[i]->engine().shutdown(players_[i]->descriptor(end), how));
    same("shutdown of " + std::to_string(end), results[0], results[1]);
    of.is_finished = of.is_finished || how != SHUT_RD;
    of.is_shut = of.is_shut || how != SHUT_WR;
    ends_[of.other].is_finished = ends_[of.other].is_finished || how != SHUT_WR;
    expect_packets(end);
    if (is_datagram(of.kind)) {  // a result of 0 is the shutdown, and not an empty datagram that comes later
        settle();
        compare();
    }
}

void duel::cancel_one(unsigned target) {
    const end_state& of = ends_[players_[0]->flights.at(target).what.end];
    if (of.is_shut || of.is_finished || (of.other != 0 && ends_[of.other].is_finished)) {
        const order what{.what = verb::cancel, .number = ++numbers_, .target = target, .is_vague = true};
        note(what.text() + " until it has ended");
        return each_player([&](player& each) { each.cancel_until_ended(what); });
    }
    submit({.what = verb::cancel, .target = target, .is_quiet = chance(50)});
    settle();  // an event that comes later does not race with the cancel
}

void duel::cancel_and_settle(const std::vector<unsigned>& targets) {
    settle();
    compare();
    for (const unsigned number: targets)
        if (!has_failed() && players_[0]->flights.contains(number))
            cancel_one(number);
    settle();
    compare();
}

bool duel::may_use(unsigned group) const {
    for (const auto& each: players_)
        if (!each->groups[group]->is_usable)
            return false;
    const auto& flights = players_[0]->flights;
    return std::none_of(flights.begin(), flights.end(), [&](const auto& pair) {
        return selects_buffer(pair.second.what.what) && pair.second.what.group == group;
    });
}

void duel::refill(unsigned group) {
    note("refill group " + std::to_string(group));
    each_player([&](player& each) { each.groups[group]->refill(); });
}

// ---- steps
// ------------------------------------------------------------------------------------------------

void duel::act_as_peer(unsigned end) {
    end_state& of = ends_[end];
    const std::size_t choice = below(100);
    if (choice < 50 && !(of.kind == family::pipe && of.is_finished)) {
        // A writable pipe has space for this number of bytes.
        const std::size_t limit = of.kind == family::pipe ? 4096 : SIZE_MAX;
        if (may_send(end))
            send_directly(end, std::min(some_size(of.kind), limit));
    } else if (choice < 88 && !(of.kind == family::pipe && of.is_shut)) {
        recv_directly(end, some_size(of.kind));
    } else if (choice < 94 && is_socket(of.kind)) {
        shut(end, pick({SHUT_WR, SHUT_WR, SHUT_RD, SHUT_RDWR}));
    } else if (choice >= 98) {
        const end_state& other = ends_[of.other];
        if (other.reader != 0 && other.writer != 0)
            return;
        // A receive with MSG_WAITALL that has some bytes reports no error. io_uring may try the receive again
        // only in a later enter, and then consumes the error.
        if (other.reader != 0)
            settle();
        close_end(end, of.kind == family::tcp && chance(50));
    }
}

void duel::act_by_engine(unsigned end) {
    end_state& of = ends_[end];
    const bool reads = !(of.kind == family::pipe && of.is_shut);
    const bool writes = !(of.kind == family::pipe && of.is_finished);
    const std::size_t choice = below(100);
    if (choice < 40) {
        if (reads && of.reader == 0)
            read_by_engine(end);
        else if (is_first_ && of.reader != 0 && chance(25))
            chance(30) ? race_with_cancel(end) : cancel_one(of.reader);
    } else if (choice < 75) {
        if (writes && of.writer == 0 && may_send(end))
            write_by_engine(end);
        else if (is_first_ && of.writer != 0 && chance(25))
            cancel_one(of.writer);
    } else if (choice < 83) {
        const bool as_reader = chance(70);
        if ((as_reader ? reads && of.reader == 0 : writes && of.writer == 0))
            poll_by_engine(end, as_reader);
    } else if (choice < 90) {
        if (writes && of.writer == 0 && is_socket(of.kind) && may_send(end))
            send_directly(end, some_size(of.kind));
    } else if (choice < 95) {
        if (reads && of.kind != family::eventfd &&
            (of.reader == 0 || players_[0]->flights.at(of.reader).what.what >= verb::poll))
            recv_directly(end, some_size(of.kind));
    } else if (choice < 97) {
        if (is_socket(of.kind))
            shut(end, pick({SHUT_WR, SHUT_RD, SHUT_RDWR}));
    } else {
        submit({.what = verb::nop});
    }
}

void duel::touch(std::size_t which) {
    if (links_[which].is_listener)
        return touch_listener(which);
    if (chance(4))
        return close_link(which);
    const std::size_t count = 1 + below(3);
    for (std::size_t i = 0; i < count && !has_failed(); ++i) {
        is_first_ = i == 0;
        const link_state& on = links_[which];
        unsigned end = on.ends[below(on.ends.size())];
        if (!ends_[end].is_open)
            end = ends_[end].other;
        if (!ends_[end].is_open)
            return close_link(which);
        if (ends_[end].is_ours)
            act_by_engine(end);
        else
            act_as_peer(end);
        if (chance(30))
            enter_all();
    }
}

void duel::touch_listener(std::size_t which) {
    link_state& on = links_[which];
    const unsigned listener = on.ends[0];
    const std::size_t choice = below(100);
    if (choice < 45) {
        if (on.accepts.size() < 3)
            on.accepts.push_back(submit({.what = verb::accept, .end = listener}));
    } else if (choice < 80) {
        if (on.clients.size() >= 4)
            return;
        const unsigned made = add_end(on.kind, true);
        each_player([&](player& each) {
            each.descriptor(made) =
                each.engine().socket(on.kind == family::tcp ? AF_INET : AF_UNIX, SOCK_STREAM, 0);
        });
        submit({.what = verb::connect, .end = made, .target = listener});
    } else if (choice < 90) {
        if (!on.accepts.empty())
            cancel_one(on.accepts[below(on.accepts.size())]);
    } else if (choice < 93) {
        note("shutdown listener " + std::to_string(listener));
        shut(listener, SHUT_RDWR);
        settle();
        compare();
        close_link(which);
    } else if (choice < 96) {
        close_link(which);
    }
}

void duel::step() {
    note("step " + std::to_string(++steps_));
    if (links_.size() < 6 && chance(50))
        open_link();
    switch (below(60)) {
    case 0: connect_to_closed_port(); break;
    case 1: use_closed_descriptor(); break;
    default: break;
    }
    std::vector<std::size_t> order(links_.size());
    for (std::size_t i = 0; i < order.size(); ++i)
        order[i] = i;
    std::shuffle(order.begin(), order.end(), random_);
    order.resize(std::min(order.size(), 1 + below(4)));
    // Closing a link moves the links behind it.
    std::sort(order.rbegin(), order.rend());
    for (const std::size_t which: order)
        if (!has_failed())
            touch(which);
    settle();
    compare();
    end_dry_operations();
}

unsigned duel::run(unsigned operations) {
    while (numbers_ < operations && !has_failed())
        step();
    while (!links_.empty() && !has_failed())
        close_link(links_.size() - 1);
    settle();
    compare();
    EXPECT_TRUE(has_failed() || players_[0]->flights.empty());
    return numbers_;
}

// Submits a receive, cancels it and sends to it before the engines see either of them. The receive either
// gets the bytes, or they can be received later.
void duel::race_with_cancel(unsigned end) {
    settle();
    compare();
    end_state& of = ends_[end];
    if (has_failed() || of.reader == 0 || is_inet(of.kind))
        return;
    const unsigned number = of.reader;
    const order what = players_[0]->flights.at(number).what;
    const bool is_plain = (what.what == verb::recv && what.flags == 0) || what.what == verb::read;
    const end_state& peer = ends_[of.other];
    if (!is_plain || of.kind == family::eventfd || what.size == 0 || of.is_shut || !peer.is_open ||
        peer.is_finished || peer.writer != 0)
        return;
    each_player([&](player& each) { each.flights.at(number).what.is_vague = true; });
    const std::size_t size = 1 + below(what.size);
    send_directly(of.other, size);
    submit({.what = verb::cancel, .target = number, .is_vague = true});
    settle();
    each_player([&](player& each) {
        flight& ended = each.flights.at(number);
        if (ended.answers.size() != 1)
            return;
        answer& got = ended.answers.front();
        if (got.result == -ECANCELED) {
            got.bytes.resize(size);
            got.result = static_cast<std::int32_t>(::read(each.descriptor(end), got.bytes.data(), size));
            got.bytes.resize(static_cast<std::size_t>(std::max(got.result, 0)));
        }
        ended.what.is_vague = false;
    });
    compare();
}

void duel::connect_to_closed_port() {
    const family kind = pick({family::tcp, family::unix_stream});
    const unsigned closed = add_end(kind, false);
    const unsigned made = add_end(kind, true);
    each_player([&](player& each) {
        bound_socket(each, closed, kind, SOCK_STREAM, false);
        each.descriptor(made) = each.engine().socket(kind == family::tcp ? AF_INET : AF_UNIX, SOCK_STREAM, 0);
    });
    submit({.what = verb::connect, .end = made, .target = closed});
    settle();
    compare();
    close_end(closed);
}

void duel::use_closed_descriptor() {
    settle();
    compare();
    const unsigned made = add_end(family::unix_stream, true);
    const order what{.what = pick({verb::recv, verb::send, verb::read, verb::poll, verb::accept}),
                     .number = ++numbers_,
                     .end = made,
                     .size = 1,
                     .flags = POLLIN,
                     .payload = "x"};
    note(what.text() + ", which is closed");
    each_player([&](player& each) {
        const int fd = each.engine().socket(AF_UNIX, SOCK_STREAM, 0);
        each.engine().close(fd);
        each.descriptor(made) = fd;
        each.submit(what);
        each.enter();
        each.collect();
        each.descriptor(made) = -1;
    });
    ends_[made].is_open = false;
    settle();
    compare();
}

// ---- the test
// ---------------------------------------------------------------------------------------------

unsigned long number_from_environment(const char* name, unsigned long otherwise) {
    const char* text = std::getenv(name);
    return text ? std::strtoul(text, nullptr, 10) : otherwise;
}

TEST(EnginesAgree, RandomScripts) {
    SKIP_IF_IO_URING_IS_REFUSED();
    const auto wanted =
        number_from_environment("COIL_TEST_OPERATIONS", std::getenv("COIL_TEST_FULL") ? 100'000 : 5'000);
    auto seed = static_cast<unsigned>(number_from_environment("COIL_TEST_SEED", 1));
    constexpr unsigned per_script = 250;
    for (unsigned long operations = 0; operations < wanted && !HasFailure(); ++seed) {
        SCOPED_TRACE("COIL_TEST_SEED=" + std::to_string(seed));
        duel script(seed);
        operations += script.run(per_script);
        if (HasFailure())
            ADD_FAILURE() << "after these steps:\n" << script.trace();
    }
}

}  // namespace
}  // namespace coil::ring
