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

/// What the script answers to an operation: a number as the kernel would give it (a size, 0, a negative errno), or the
/// bytes that arrive, or `all()` of what was to be sent, or a `connection()` for an accept.
class reply {
public:
    reply(int result) : result_(result) {}
    reply(std::string_view bytes) : kind_(kind::bytes), bytes_(bytes) {}
    reply(const char* bytes) : reply(std::string_view(bytes)) {}
    reply(const std::string& bytes) : reply(std::string_view(bytes)) {}

    /// As much as was asked for.
    static reply all();
    /// A new connection, from this peer.
    static reply connection(const generic::endpoint& peer = ip::endpoint(ip::address_v4::loopback(), 50000));

    /// From whom the bytes are.
    reply& from(const generic::endpoint& peer) { return peer_ = peer, *this; }
    /// Descriptors that come with the bytes: as many as there is room for.
    reply& with(std::vector<int> descriptors) { return descriptors_ = std::move(descriptors), *this; }
    /// The bytes are a train of datagrams of this size, to a socket that receives those.
    reply& train_of(int size) { return segment_size_ = size, *this; }
    /// To a multishot recvmsg: the bytes of a whole entry, with whatever stands for its header.
    reply& as_entry() { return is_entry_ = true, *this; }
    /// Flags of the CQE. With IORING_CQE_F_MORE the operation goes on.
    reply& flags(unsigned flags) { return flags_ = flags, *this; }
    /// A multishot ends with it, as it does when the CQ overflows. Else it goes on after each connection.
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

/// An SQE as it was submitted: a copy.
class question {
public:
    question(std::uint64_t number, const io_uring_sqe& sqe) : number_(number) {
        std::memcpy(bytes_.data(), &sqe, sizeof sqe);
    }

    /// In the order of submission, from 0.
    [[nodiscard]] std::uint64_t number() const { return number_; }
    [[nodiscard]] const io_uring_sqe& sqe() const {
        return *reinterpret_cast<const io_uring_sqe*>(bytes_.data());
    }
    [[nodiscard]] int opcode() const { return sqe().opcode; }
    [[nodiscard]] int descriptor() const { return sqe().fd; }

private:
    std::uint64_t number_;
    // An io_uring_sqe ends in an array of unknown size, and can't be a member.
    alignas(io_uring_sqe) std::array<std::byte, sizeof(io_uring_sqe)> bytes_;
};

/// Nothing will ever happen any more, and the loop waits for it.
class waiting_for_ever : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

/// A kernel without a kernel, and a clock without time: the test writes the answers.
///
///     script.answer_next("hello");                          // to the next operation, when it is submitted
///     script.then([&] { script.answer(IORING_OP_RECV, -ECONNRESET); });    // later: when the loop would block
///     script.after(5s, [&] { ... });                        // at that time, which comes at once
///
/// What it does of its own accord is what the real one does: a cancel ends its target with -ECANCELED and keeps quiet, or
/// answers -ENOENT; a full CQ overflows and loses nothing; an enter from another thread is -EEXIST. The bytes are written,
/// and read, through the SQE's addresses when the answer is given, so that AddressSanitizer sees a buffer that is gone.
/// Where the loop waits and nothing is left to happen, time jumps to the deadline; without one, `waiting_for_ever` is
/// thrown with a list of what is in flight.
///
/// When it is destroyed every descriptor must be closed, nothing in flight, and every prepared answer used.
/// Threads: the loop's, but for wake() and now().
class scripted_kernel final : public kernel {
public:
    static constexpr int first_descriptor = 1000;  // so that they are no real ones

    scripted_kernel() = default;
    scripted_kernel(const scripted_kernel&) = delete;
    scripted_kernel& operator=(const scripted_kernel&) = delete;
    ~scripted_kernel() override;

    // ---- what will happen ------------------------------------------------------------------------------------------

    /// To the next operation that is submitted, at once. Cancels, polls for wakes, and closes are no such operations.
    void answer_next(const reply& answer) { prepared_.push_back(answer); }
    /// The same to every operation of this opcode, unless an answer was prepared for it.
    void answer_every(int opcode, const reply& answer) { habits_.insert_or_assign(opcode, answer); }
    void answer_no_longer(int opcode) { habits_.erase(opcode); }

    /// A step, for when the loop would block. Steps are taken one by one, until there is something to collect. This is the
    /// kernel's side, inside enter: nothing of the library may be called here.
    void then(std::function<void()> step) { steps_.push_back(std::move(step)); }
    /// A step for a time.
    void after(time_point::duration from_now, std::function<void()> step) {
        timed_.emplace(now() + from_now, std::move(step));
    }
    void advance(time_point::duration by) { now_ += by.count(); }
    /// Calls `hold` in each wake(), on the thread that wakes, after the wake has reached the loop: a thread that loses its CPU
    /// there. Set before the first wake.
    void hold_wakes(std::function<void()> hold) { hold_wakes_ = std::move(hold); }

    /// Calls `act` when a ring is closed, on the thread that closes it.
    void during_tear_down(std::function<void()> act) { during_tear_down_ = std::move(act); }

    /// The next cancel that finds its target comes too late: the target ends with this, its own result.
    void when_cancelled(const reply& instead) { cancelled_.push_back({instead, false}); }
    /// The same, but the target is being worked on: it ends when the loop would block, and the cancel says -EALREADY.
    void when_cancelled_later(const reply& instead) { cancelled_.push_back({instead, true}); }

    /// The next cancels miss their target, which goes on, and say this.
    void lose_cancels(unsigned count, int result = -ENOENT) {
        cancels_lost_ = count, cancel_lost_with_ = result;
    }

    /// Descriptors may be closed with operations in flight, which is else a failure of the test.
    void allow_close_in_flight() { may_close_in_flight_ = true; }

    /// How many completions one enter hands out at most, as the real one bounds it.
    void hand_out_at_most(unsigned count) { hand_out_max_ = count; }
    /// The next enters do nothing and return this negative errno.
    void refuse_enters(unsigned count, int result) { refusals_ = count, refusal_ = result; }

    /// The next polls for wakes end at once with this negative errno.
    void refuse_wake_polls(unsigned count, int result) { wake_refusals_ = count, wake_refusal_ = result; }
    [[nodiscard]] unsigned wake_polls() const { return wake_polls_; }
    /// How often the loop waited without the ring.
    [[nodiscard]] unsigned waits_for_wake() const { return waits_for_wake_; }

    /// As before 6.12: a receive takes a whole buffer of a ring of them.
    void know_no_incremental_buffers() { knows_incremental_ = false; }
    /// It takes no more rings of buffers.
    void take_no_more_buffers() { takes_buffers_ = false; }

    /// A send by a call of its own gives this, a size or a negative errno; as long as nothing is said, -EAGAIN, so that all
    /// goes through the ring.
    void answer_direct(const reply& answer) { direct_.push_back(answer); }
    /// A poll(2) gives this; as long as nothing is said, whatever was asked for.
    void answer_poll(int events) { polls_.push_back(events); }
    [[nodiscard]] std::size_t asked_directly() const { return asked_directly_; }

    /// When the ring is closed with operations in flight it is not seen to let go of them.
    void never_let_go(bool never = true) { lets_go_ = !never; }
    [[nodiscard]] unsigned rings_closed() const { return rings_closed_; }

    /// Of all calls and submissions the n-th fails, counted from 0. Cancels aren't counted: they can't fail.
    void fail_at(std::size_t n, int error) { fail_at_ = n, fail_with_ = error; }
    void fail_next_call(int error) { fail_later(0, error); }
    /// The same, counted from now.
    void fail_later(std::size_t n, int error) { fail_at(countable_ + n, error); }
    [[nodiscard]] std::size_t injected() const { return injected_; }
    /// Calls and submissions until now: the next one is number calls().
    [[nodiscard]] std::size_t calls() const { return countable_; }

    // ---- answers -----------------------------------------------------------------------------------------------------

    /// Answers the oldest operation of this opcode.
    void answer(int opcode, const reply& answer);
    /// Answers this one.
    void answer(const question& asked, const reply& answer);

    // ---- what has happened -------------------------------------------------------------------------------------------

    /// What is in flight, oldest first, without the poll for wakes.
    [[nodiscard]] std::vector<question> in_flight() const;
    [[nodiscard]] std::vector<question> in_flight(int opcode) const;
    /// Every SQE that was submitted, but for polls for wakes.
    [[nodiscard]] const std::vector<question>& history() const { return history_; }
    [[nodiscard]] std::size_t submitted(int opcode) const;
    /// The latest SQE that was submitted.
    [[nodiscard]] const io_uring_sqe& latest() const;
    /// All bytes that were sent on a descriptor.
    [[nodiscard]] std::string sent(int descriptor) const;

    /// Buffers that the library has given us, and that are not used up.
    [[nodiscard]] unsigned buffers(std::uint16_t group = 0) const;

    [[nodiscard]] unsigned enters() const { return enters_; }
    [[nodiscard]] unsigned waits() const { return waits_; }
    [[nodiscard]] bool is_attended() const { return attended_; }
    /// How many want SIGPIPE held back.
    [[nodiscard]] int sigpipe_holders() const { return sigpipe_holders_; }
    /// How many rings there have been, one after the other.
    [[nodiscard]] unsigned rings() const { return rings_; }

    /// What was done to a descriptor, and with it.
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
        std::map<int, int> flags = {{F_GETFD, FD_CLOEXEC}, {F_GETFL, O_RDWR}};  // as fcntl(2) gets them
        std::string sent;
        std::vector<int> passed;  // descriptors that were sent
        bool is_at_mark = false;
    };
    [[nodiscard]] const fake& descriptor(int number) const { return fakes_.at(number); }
    void set_at_mark(int number, bool is_there) { fakes_.at(number).is_at_mark = is_there; }
    [[nodiscard]] std::vector<int> open_descriptors() const;
    /// How often somebody asked getpeername(2), and getsockopt(2) for this option, of whatever descriptor.
    [[nodiscard]] unsigned peers_asked() const { return peers_asked_; }
    [[nodiscard]] unsigned options_asked(int level, int name) const {
        const auto found = options_asked_.find({level, name});
        return found == options_asked_.end() ? 0 : found->second;
    }
    /// A new descriptor, connected to `peer`.
    int make_connection(int type, const generic::endpoint& peer);
    int make_connection(int type, const ip::endpoint& peer) {
        return make_connection(type, generic::endpoint(peer));
    }
    /// The peer has reset the connection: getpeername(2) says that there is none, SO_PEERNAME who it was.
    void reset_by_peer(int number) { fakes_.at(number).reset = true; }
    /// Nobody knows any more who it was.
    void forget_peer(int number) { fakes_.at(number).peer.reset(); }
    /// For a descriptor that the test closes itself.
    void forget(int number) { fakes_.erase(number); }

    // ---- kernel ------------------------------------------------------------------------------------------------------

    int set_up(io_uring& memory, const parameters& wanted) override;
    std::string diagnose(int error) const override;
    int enable(io_uring& memory) override;
    void attend(io_uring& memory, bool attending) override;
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
        question asked;
    };

    static std::string name_of(int opcode);
    static void store_address(const generic::endpoint& from, void* target, unsigned* size);
    static void store_descriptors(const reply& answer, msghdr& message);
    static void take_descriptors(const msghdr& message, fake& through);

    [[nodiscard]] bool fails_here();
    [[nodiscard]] fake* find_open(int number);
    int make_descriptor(int family, int type, int protocol);
    int close_fake(int number);

    unsigned take(unsigned to_submit);
    void take_one(const io_uring_sqe& sqe);
    void take_cancel(const io_uring_sqe& sqe);
    void jump_to(time_point when);
    void notice_wakes();
    void hand_out();
    void flush_overflow();
    void post(const completion& done);
    [[nodiscard]] unsigned to_collect() const;
    [[nodiscard]] bool let_something_happen(time_point deadline);
    void complete(const question& asked, const reply& answer, bool at_once);
    static bool goes_on_after(const io_uring_sqe& sqe, const reply& answer);
    int act(const io_uring_sqe& sqe, const reply& answer);
    void fill_buffers(const question& asked, const reply& answer, bool at_once);
    completion fill_buffer(const io_uring_sqe& sqe, std::string_view& bytes);
    void fill_entry(const question& asked, const reply& answer, bool at_once);
    static std::string entry_of(const io_uring_sqe& sqe, const reply& answer, std::size_t room);
    void deliver(const completion& done, bool at_once);
    void set_flag(unsigned flag, bool on);
    [[nodiscard]] std::string list_in_flight() const;

    // The shared memory.
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
    std::size_t asked_directly_ = 0;
    std::deque<int> polls_;
    unsigned refusals_ = 0;
    int refusal_ = 0;
    std::size_t fail_at_ = static_cast<std::size_t>(-1);
    int fail_with_ = 0;
    std::size_t countable_ = 0;
    std::size_t injected_ = 0;

    // The world.
    std::atomic<time_point::rep> now_{time_point::duration(std::chrono::hours(1000)).count()};
    std::deque<question> in_flight_;
    std::vector<question> history_;
    std::deque<completion> work_;      // done, to be handed out by an enter
    std::deque<completion> overflow_;  // found the CQ full
    std::optional<std::uint64_t> wake_poll_;
    std::atomic<unsigned> wakes_{0};
    std::function<void()> hold_wakes_;
    std::function<void()> during_tear_down_;
    unsigned wakes_noticed_ = 0;
    std::map<int, fake> fakes_;
    std::map<int, std::string> unread_;  // what arrived, and found no buffer
    std::map<int, std::deque<reply>> unread_datagrams_;
    unsigned peers_asked_ = 0;
    std::map<std::pair<int, int>, unsigned> options_asked_;
    int next_descriptor_ = first_descriptor;
    std::uint16_t next_port_ = 40000;
    unsigned enters_ = 0;
    unsigned waits_ = 0;
    unsigned rings_ = 0;
    int sigpipe_holders_ = 0;
    bool attended_ = false;
    bool lets_go_ = true;
    unsigned rings_closed_ = 0;
};

}  // namespace coil::ring
