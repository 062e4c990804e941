// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <coil/base/endpoint.hpp>
#include <coil/base/generic_endpoint.hpp>

#include <fcntl.h>

#include "ring/kernel.hpp"

namespace coil::ring {

/// The result of an operation. It is one of the following: a number as in a CQE (a size, 0 or a negative
/// errno); the bytes that a receive returns; `all()` for a send that transfers everything; or a
/// `connection()` for an accept.
class reply {
public:
    reply(int result) : result_(result) {}
    reply(std::string_view bytes) : kind_(kind::bytes), bytes_(bytes) {}
    reply(const char* bytes) : reply(std::string_view(bytes)) {}
    reply(const std::string& bytes) : reply(std::string_view(bytes)) {}

    /// A result equal to the whole size of the request.
    static reply all();
    /// A result that makes an accept return a new connection from `peer`.
    static reply connection(const generic::endpoint& peer = ip::endpoint(ip::address_v4::loopback(), 50000));

    /// Sets the sender of the bytes.
    reply& from(const generic::endpoint& peer) { return peer_ = peer, *this; }
    /// Adds descriptors to the bytes. If the receiver has too little space, only the first descriptors
    /// arrive.
    reply& with(std::vector<int> descriptors) { return descriptors_ = std::move(descriptors), *this; }
    /// Makes the bytes a train of datagrams of `size` bytes each, for a socket with UDP_GRO.
    reply& train_of(int size) { return segment_size_ = size, *this; }
    /// Makes the bytes a whole buffer entry, including the entry's header. Use this for a multishot recvmsg.
    reply& as_entry() { return is_entry_ = true, *this; }
    /// Sets the flags of the CQE. With IORING_CQE_F_MORE, the operation stays in flight.
    reply& flags(unsigned flags) { return flags_ = flags, *this; }
    /// Ends a multishot operation, as a CQ overflow does. Without last(), a multishot operation stays in
    /// flight.
    reply& last() { return is_last_ = true, *this; }

private:
    friend class scripted_kernel;

    enum class kind { result, bytes, all, connection };

    int result_ = 0;
    kind kind_ = kind::result;
    unsigned flags_ = 0;
    bool is_last_ = false;
    bool is_entry_ = false;
    int segment_size_ = 0;
    std::string bytes_;
    generic::endpoint peer_ = ip::endpoint(ip::address_v4::loopback(), 50000);
    std::vector<int> descriptors_;
};

/// A copy of a submitted SQE.
class submission {
public:
    submission(std::uint64_t number, const io_uring_sqe& sqe) : number_(number) {
        std::memcpy(bytes_.data(), &sqe, sizeof sqe);
    }

    /// Returns the position of this SQE in the order of submission, counted from 0.
    [[nodiscard]] std::uint64_t number() const { return number_; }
    [[nodiscard]] const io_uring_sqe& sqe() const {
        return *reinterpret_cast<const io_uring_sqe*>(bytes_.data());
    }
    [[nodiscard]] int opcode() const { return sqe().opcode; }
    [[nodiscard]] int descriptor() const { return sqe().fd; }

private:
    std::uint64_t number_;
    // An io_uring_sqe cannot be a member, because it ends with an array of unknown size.
    alignas(io_uring_sqe) std::array<std::byte, sizeof(io_uring_sqe)> bytes_;
};

/// Thrown if the loop waits without a deadline but the script has no more events.
class waiting_forever : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

/// A simulated kernel with a virtual clock. The test provides the results of operations.
///
///     script.answer_next("hello");                // completes the next operation when it is submitted
///     script.then([&] { script.answer(IORING_OP_RECV, -ECONNRESET); });  // runs when the loop would block
///     script.after(5s, [&] { ... });              // runs after 5 s of virtual time, without really waiting
///
/// If the script says nothing else, this class behaves as the real kernel does. A cancel ends its target with
/// -ECANCELED, or completes with -ENOENT if there is no such target. If the CQ is full, further completions
/// are kept and delivered later. A call of enter on another thread returns -EEXIST.
///
/// When an operation completes, its bytes are read or written through the addresses in the SQE, so
/// AddressSanitizer detects a buffer that no longer exists. If the loop waits and the script has no more
/// events, the clock jumps to the loop's deadline. If there is no deadline, the wait throws `waiting_forever`
/// with a list of the operations in flight.
///
/// The destructor checks that all descriptors have been closed, that no operation is in flight, and that
/// every prepared answer has been used. Threads: the loop's thread, except wake() and now().
class scripted_kernel final : public kernel {
public:
    static constexpr int first_descriptor = 1000;  // higher than the numbers of real descriptors

    scripted_kernel() = default;
    scripted_kernel(const scripted_kernel&) = delete;
    scripted_kernel& operator=(const scripted_kernel&) = delete;
    ~scripted_kernel() override;

    // ---- the script ---------------------------------------------------------------------------------------

    /// Completes the next submitted operation immediately. Cancels, wake-up polls and closes do not count.
    void answer_next(const reply& answer) { prepared_.push_back(answer); }
    /// Completes every operation with this opcode immediately, unless answer_next() has prepared an answer.
    void answer_every(int opcode, const reply& answer) { habits_.insert_or_assign(opcode, answer); }
    void stop_answering(int opcode) { habits_.erase(opcode); }

    /// Adds a step that runs when the loop would block. The scripted kernel runs one step after another until
    /// there is a completion to collect. Steps run inside enter, as part of the kernel, so a step must not
    /// call the library.
    void then(std::function<void()> step) { steps_.push_back(std::move(step)); }
    /// Adds a step that runs when `from_now` has passed in virtual time.
    void after(time_point::duration from_now, std::function<void()> step) {
        timed_.emplace(now() + from_now, std::move(step));
    }
    void advance(time_point::duration by) { now_ += by.count(); }
    /// Calls `hold` at the end of each wake(), on the thread that calls wake(), when the loop can already see
    /// the wake-up. This simulates a thread that is preempted at that point. Call hold_wakes() before the
    /// first wake().
    void hold_wakes(std::function<void()> hold) { hold_wakes_ = std::move(hold); }

    /// Calls `act` whenever a ring is closed, on the thread that closes the ring.
    void during_tear_down(std::function<void()> act) { during_tear_down_ = std::move(act); }

    /// Makes the next cancel that finds its target come too late: the target completes with `instead`.
    void when_cancelled(const reply& instead) { cancelled_.push_back({instead, false}); }
    /// Makes the next cancel that finds its target complete with -EALREADY, as if the target were already
    /// being executed. The target completes with `instead` when the loop would block.
    void when_cancelled_later(const reply& instead) { cancelled_.push_back({instead, true}); }

    /// Makes the next `count` cancels complete with `result` while their targets stay in flight.
    void lose_cancels(unsigned count, int result = -ENOENT) {
        cancels_lost_ = count, cancel_lost_with_ = result;
    }

    /// Allows the library to close descriptors with operations in flight. Without this call, such a close
    /// fails the test.
    void allow_close_in_flight() { may_close_in_flight_ = true; }

    /// Limits the number of completions that one enter delivers, because the real kernel has such a limit.
    void hand_out_at_most(unsigned count) { hand_out_max_ = count; }
    /// Makes the next `count` enters do nothing and return `result`, a negative errno.
    void refuse_enters(unsigned count, int result) { refusals_ = count, refusal_ = result; }

    /// Makes the next `count` wake-up polls complete immediately with `result`, a negative errno.
    void refuse_wake_polls(unsigned count, int result) { wake_refusals_ = count, wake_refusal_ = result; }
    [[nodiscard]] unsigned wake_polls() const { return wake_polls_; }
    /// Returns how often the loop has waited outside the ring.
    [[nodiscard]] unsigned waits_for_wake() const { return waits_for_wake_; }

    /// Makes this kernel behave as a kernel before 6.12 does, where each receive consumes a whole buffer of a
    /// buffer ring.
    void refuse_incremental_buffers() { knows_incremental_ = false; }
    /// Makes the registration of further buffer rings fail.
    void refuse_buffer_rings() { takes_buffers_ = false; }

    /// Prepares the result of the next direct send, which is a size or a negative errno. Without a prepared
    /// result, a direct send returns -EAGAIN, so that all sends go through the ring.
    void answer_direct(const reply& answer) { direct_.push_back(answer); }
    /// Prepares the result of the next poll(2). Without a prepared result, poll returns the requested events.
    void answer_poll(int events) { polls_.push_back(events); }
    [[nodiscard]] std::size_t direct_sends() const { return direct_send_count_; }

    /// Makes tear_down() with operations in flight return false, as if the kernel had not released them
    /// before the deadline.
    void never_release(bool never = true) { releases_ = !never; }
    [[nodiscard]] unsigned rings_closed() const { return rings_closed_; }

    /// Makes the n-th of all calls and submissions fail, counted from 0. Cancels are not counted, because
    /// they cannot fail.
    void fail_at(std::size_t n, int error) { fail_at_ = n, fail_with_ = error; }
    void fail_next_call(int error) { fail_later(0, error); }
    /// Makes the n-th call or submission from now on fail, counted from 0.
    void fail_later(std::size_t n, int error) { fail_at(countable_ + n, error); }
    [[nodiscard]] std::size_t injected() const { return injected_; }
    /// Returns the number of calls and submissions so far, which is also the number of the next one.
    [[nodiscard]] std::size_t calls() const { return countable_; }

    // ---- answers ------------------------------------------------------------------------------------------

    /// Completes the oldest operation with this opcode.
    void answer(int opcode, const reply& answer);
    /// Completes this operation.
    void answer(const submission& operation, const reply& answer);

    // ---- the history --------------------------------------------------------------------------------------

    /// Returns the operations in flight, oldest first, except the wake-up poll.
    [[nodiscard]] std::vector<submission> in_flight() const;
    [[nodiscard]] std::vector<submission> in_flight(int opcode) const;
    /// Returns all submitted SQEs except wake-up polls.
    [[nodiscard]] const std::vector<submission>& history() const { return history_; }
    [[nodiscard]] std::size_t submitted(int opcode) const;
    /// Returns the most recently submitted SQE.
    [[nodiscard]] const io_uring_sqe& latest() const;
    /// Returns all bytes sent on a descriptor.
    [[nodiscard]] std::string sent(int descriptor) const;

    /// Returns the number of buffers that the library has provided and that have not been used up.
    [[nodiscard]] unsigned buffers(std::uint16_t group = 0) const;

    [[nodiscard]] unsigned enters() const { return enters_; }
    [[nodiscard]] unsigned waits() const { return waits_; }
    [[nodiscard]] bool is_in_run() const { return in_run_; }
    /// Returns how many calls of hold_sigpipe() are in effect.
    [[nodiscard]] int sigpipe_holders() const { return sigpipe_holders_; }
    /// Returns the number of rings that have been set up.
    [[nodiscard]] unsigned rings() const { return rings_; }

    /// The state of a simulated descriptor, and the bytes and descriptors that have been sent through it.
    struct fake {
        int family = 0;
        int type = 0;
        int protocol = 0;
        bool open = true;
        bool reset = false;
        int backlog = -1;
        int shut_down = -1;
        generic::endpoint local;
        std::optional<generic::endpoint> peer;
        std::map<std::pair<int, int>, std::string> options;
        std::map<int, int> flags = {{F_GETFD, FD_CLOEXEC}, {F_GETFL, O_RDWR}};  // as fcntl(2) returns them
        std::string sent;
        std::vector<int> passed;  // the descriptors that have been sent
        bool is_at_mark = false;
    };
    [[nodiscard]] const fake& descriptor(int number) const { return fakes_.at(number); }
    void set_at_mark(int number, bool is_there) { fakes_.at(number).is_at_mark = is_there; }
    [[nodiscard]] std::vector<int> open_descriptors() const;
    /// The number of getpeername(2) calls on all descriptors.
    [[nodiscard]] unsigned getpeername_calls() const { return getpeername_calls_; }
    /// The number of getsockopt(2) calls for this option on all descriptors.
    [[nodiscard]] unsigned getsockopt_calls(int level, int name) const {
        const auto found = getsockopt_calls_.find({level, name});
        return found == getsockopt_calls_.end() ? 0 : found->second;
    }
    /// Returns a new descriptor that is connected to `peer`.
    int make_connection(int type, const generic::endpoint& peer);
    int make_connection(int type, const ip::endpoint& peer) {
        return make_connection(type, generic::endpoint(peer));
    }
    /// Simulates a reset by the peer. After this call, getpeername(2) fails with ENOTCONN, but SO_PEERNAME
    /// still returns the peer's address.
    void reset_by_peer(int number) { fakes_.at(number).reset = true; }
    /// Removes the peer. After this call, both getpeername(2) and SO_PEERNAME fail.
    void drop_peer(int number) { fakes_.at(number).peer.reset(); }
    /// Removes a descriptor that the test itself closes.
    void forget(int number) { fakes_.erase(number); }

    // ---- kernel -------------------------------------------------------------------------------------------

    int set_up(io_uring& memory, const parameters& wanted) override;
    std::string diagnose(int error) const override;
    int enable(io_uring& memory) override;
    void set_in_run(io_uring& memory, bool in_run) override;
    void hold_sigpipe(bool hold) noexcept override { sigpipe_holders_ += hold ? 1 : -1; }
    int register_buffers(io_uring& memory, const buffer_ring& buffers, std::uint16_t group,
                         bool incremental) override;
    int enter(io_uring& memory, unsigned to_submit, unsigned wait, time_point deadline) override;
    bool tear_down(io_uring& memory, bool operations, time_point deadline) override;
    void forget() noexcept override;
    void wake() noexcept override {
        wakes_.fetch_add(1);
        if (hold_wakes_)
            hold_wakes_();
    }
    int wake_descriptor() const noexcept override { return first_descriptor - 1; }
    void wait_for_wake(time_point deadline) noexcept override;

    int socket(int family, int type, int protocol) override;
    int socketpair(int family, int type, int protocol, int (&numbers)[2]) override;
    int bind(int number, const sockaddr* address, unsigned size) override;
    int listen(int number, int backlog) override;
    int shutdown(int number, int how) override;
    int close(int number) override;
    int sendto(int number, const void* data, std::size_t size, int flags, const sockaddr* address,
               unsigned address_size) override;
    int sendmsg(int number, const msghdr& message, int flags) override;
    int setsockopt(int number, int level, int name, const void* value, unsigned size) override;
    int getsockopt(int number, int level, int name, void* value, unsigned* size) override;
    int fcntl(int number, int command, int argument) override;
    int getsockname(int number, sockaddr* address, unsigned* size) override;
    int getpeername(int number, sockaddr* address, unsigned* size) override;
    int sockatmark(int number) override;
    int poll(int number, short events) override;
    time_point now() const noexcept override { return time_point(time_point::duration(now_.load())); }

private:
    struct completion {
        std::uint64_t user_data;
        int result;
        unsigned flags;
    };
    struct cancel_outcome {
        reply instead;
        bool later;
    };
    struct late_answer {
        reply answer;
        submission operation;
    };

    static std::string name_of(int opcode);
    static void store_address(const generic::endpoint& from, void* target, unsigned* size);
    static void store_descriptors(const reply& answer, msghdr& message);
    static void record_descriptors(const msghdr& message, fake& through);

    [[nodiscard]] bool fails_here();
    [[nodiscard]] fake* find_open(int number);
    int make_descriptor(int family, int type, int protocol);
    int close_fake(int number);

    unsigned consume_sqes(unsigned to_submit);
    void consume_sqe(const io_uring_sqe& sqe);
    void process_cancel(const io_uring_sqe& sqe);
    void jump_to(time_point when);
    void notice_wakes();
    void hand_out();
    void flush_overflow();
    void post(const completion& done);
    [[nodiscard]] unsigned to_collect() const;
    [[nodiscard]] bool run_next_event(time_point deadline);
    void complete(const submission& operation, const reply& answer, bool immediately);
    static bool stays_in_flight_after(const io_uring_sqe& sqe, const reply& answer);
    int act(const io_uring_sqe& sqe, const reply& answer);
    void fill_buffers(const submission& operation, const reply& answer, bool immediately);
    completion fill_buffer(const io_uring_sqe& sqe, std::string_view& bytes);
    void fill_entry(const submission& operation, const reply& answer, bool immediately);
    static std::string entry_of(const io_uring_sqe& sqe, const reply& answer, std::size_t room);
    void deliver(const completion& done, bool immediately);
    void set_flag(unsigned flag, bool on);
    [[nodiscard]] std::string list_in_flight() const;

    // The memory that is shared with the library.
    std::vector<io_uring_sqe> sqes_;
    std::vector<io_uring_cqe> cqes_;
    unsigned sq_head_ = 0, sq_tail_ = 0, sq_mask_ = 0, sq_entries_ = 0, sq_flags_ = 0, sq_dropped_ = 0;
    unsigned cq_head_ = 0, cq_tail_ = 0, cq_mask_ = 0, cq_entries_ = 0, cq_flags_ = 0, cq_overflow_ = 0;
    bool set_up_ = false;
    std::thread::id owner_;
    struct buffer_group {
        io_uring_buf* buffers;
        unsigned mask;
        std::uint16_t head;
        bool incremental;
    };
    std::map<std::uint16_t, buffer_group> buffers_;
    bool knows_incremental_ = true;
    bool takes_buffers_ = true;

    // The script.
    std::deque<reply> prepared_;
    std::map<int, reply> habits_;
    std::deque<std::function<void()>> steps_;
    std::multimap<time_point, std::function<void()>> timed_;
    std::deque<cancel_outcome> cancelled_;
    unsigned cancels_lost_ = 0;
    bool may_close_in_flight_ = false;
    int cancel_lost_with_ = 0;
    unsigned wake_refusals_ = 0;
    int wake_refusal_ = 0;
    unsigned wake_polls_ = 0;
    unsigned waits_for_wake_ = 0;
    std::deque<late_answer> late_;
    unsigned hand_out_max_ = 20;
    std::deque<reply> direct_;
    std::size_t direct_send_count_ = 0;
    std::deque<int> polls_;
    unsigned refusals_ = 0;
    int refusal_ = 0;
    std::size_t fail_at_ = static_cast<std::size_t>(-1);
    int fail_with_ = 0;
    std::size_t countable_ = 0;
    std::size_t injected_ = 0;

    // The simulated state.
    std::atomic<time_point::rep> now_{time_point::duration(std::chrono::hours(1000)).count()};
    std::deque<submission> in_flight_;
    std::vector<submission> history_;
    std::deque<completion> work_;      // completions that an enter has yet to deliver
    std::deque<completion> overflow_;  // completions that did not fit into the CQ
    std::optional<std::uint64_t> wake_poll_;
    std::atomic<unsigned> wakes_{0};
    std::function<void()> hold_wakes_;
    std::function<void()> during_tear_down_;
    unsigned wakes_noticed_ = 0;
    std::map<int, fake> fakes_;
    std::map<int, std::string> unread_;  // bytes that arrived when no buffer was left
    std::map<int, std::deque<reply>> unread_datagrams_;
    unsigned getpeername_calls_ = 0;
    std::map<std::pair<int, int>, unsigned> getsockopt_calls_;
    int next_descriptor_ = first_descriptor;
    std::uint16_t next_port_ = 40000;
    unsigned enters_ = 0;
    unsigned waits_ = 0;
    unsigned rings_ = 0;
    int sigpipe_holders_ = 0;
    bool in_run_ = false;
    bool releases_ = true;
    unsigned rings_closed_ = 0;
};

}  // namespace coil::ring
