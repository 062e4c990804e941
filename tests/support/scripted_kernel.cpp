// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "support/scripted_kernel.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <vector>

#include <gtest/gtest.h>

#include "base/poison.hpp"
#include "loop/tags.hpp"
#include "ring/abi.hpp"

namespace coil::ring {

// This file simulates the ring. scripted_sockets.cpp simulates the calls that do not go through the ring.

namespace {

template <class T>
T* pointer(std::uint64_t address) {
    return reinterpret_cast<T*>(static_cast<std::uintptr_t>(address));
}

// Returns the buffers that an SQE refers to.
std::vector<iovec> memory_of(const io_uring_sqe& sqe) {
    switch (sqe.opcode) {
    case IORING_OP_SENDMSG:
    case IORING_OP_RECVMSG: {
        const auto& message = *pointer<msghdr>(sqe.addr);
        return {message.msg_iov, message.msg_iov + message.msg_iovlen};
    }
    case IORING_OP_READV:
    case IORING_OP_WRITEV: return {pointer<iovec>(sqe.addr), pointer<iovec>(sqe.addr) + sqe.len};
    default: return {{pointer<void>(sqe.addr), sqe.len}};
    }
}

std::size_t size_of(const std::vector<iovec>& pieces) {
    std::size_t total = 0;
    for (const iovec& piece: pieces)
        total += piece.iov_len;
    return total;
}

// Writes `bytes` into an SQE's buffers. Returns the result that the kernel would return.
int scatter(const io_uring_sqe& sqe, std::string_view bytes) {
    std::size_t written = 0;
    for (const iovec& piece: memory_of(sqe)) {
        const std::size_t n = std::min(piece.iov_len, bytes.size() - written);
        if (n > 0)
            std::memcpy(piece.iov_base, bytes.data() + written, n);
        written += n;
    }
    const bool counts_all =
        (sqe.opcode == IORING_OP_RECV || sqe.opcode == IORING_OP_RECVMSG) && (sqe.msg_flags & MSG_TRUNC) != 0;
    return static_cast<int>(counts_all ? bytes.size() : written);
}

std::string gather(const io_uring_sqe& sqe, std::size_t count) {
    std::string bytes;
    for (const iovec& piece: memory_of(sqe)) {
        const std::size_t n = std::min(piece.iov_len, count - bytes.size());
        bytes.append(static_cast<const char*>(piece.iov_base), n);
    }
    return bytes;
}

bool sends(const io_uring_sqe& sqe) {
    return sqe.opcode == IORING_OP_SEND || sqe.opcode == IORING_OP_SENDMSG || sqe.opcode == IORING_OP_WRITE ||
           sqe.opcode == IORING_OP_WRITEV;
}

}  // namespace

reply reply::all() {
    reply answer(0);
    answer.kind_ = kind::all;
    return answer;
}

reply reply::connection(const generic::endpoint& peer) {
    reply answer(0);
    answer.kind_ = kind::connection;
    answer.peer_ = peer;
    return answer;
}

scripted_kernel::~scripted_kernel() {
    for (const int number: open_descriptors())
        ADD_FAILURE() << "descriptor " << number << " was never closed";
    if (!in_flight_.empty())
        ADD_FAILURE() << "still in flight: " << list_in_flight();
    EXPECT_EQ(sigpipe_holders_, 0);
    if (injected_ > 0)
        return;  // the injected failure may have ended the story early
    EXPECT_TRUE(prepared_.empty()) << prepared_.size() << " prepared answers were never used";
    EXPECT_TRUE(direct_.empty()) << direct_.size() << " answers to direct sends were never used";
    EXPECT_TRUE(polls_.empty()) << polls_.size() << " answers to polls were never used";
    EXPECT_TRUE(steps_.empty()) << steps_.size() << " prepared steps were never reached";
    EXPECT_TRUE(cancelled_.empty()) << cancelled_.size() << " expected cancels never came";
}

// ---- the ring ---------------------------------------------------------------------------------------------

int scripted_kernel::set_up(io_uring& memory, const parameters& wanted) {
    if (fails_here())
        return -fail_with_;
    sq_entries_ = std::bit_ceil(std::clamp(wanted.entries, 1u, 32768u));
    cq_entries_ = std::bit_ceil(std::clamp(wanted.completions, wanted.entries, 65536u));
    sqes_.assign(sq_entries_, {});
    cqes_.assign(cq_entries_, {});
    sq_mask_ = sq_entries_ - 1;
    cq_mask_ = cq_entries_ - 1;
    sq_head_ = sq_tail_ = sq_flags_ = sq_dropped_ = 0;
    cq_head_ = cq_tail_ = cq_flags_ = cq_overflow_ = 0;

    std::memset(&memory, 0, sizeof memory);
    memory.sq.khead = &sq_head_;
    memory.sq.ktail = &sq_tail_;
    memory.sq.kring_mask = &sq_mask_;
    memory.sq.kring_entries = &sq_entries_;
    memory.sq.kflags = &sq_flags_;
    memory.sq.kdropped = &sq_dropped_;
    memory.sq.sqes = sqes_.data();
    memory.cq.khead = &cq_head_;
    memory.cq.ktail = &cq_tail_;
    memory.cq.kring_mask = &cq_mask_;
    memory.cq.kring_entries = &cq_entries_;
    memory.cq.kflags = &cq_flags_;
    memory.cq.koverflow = &cq_overflow_;
    memory.cq.cqes = cqes_.data();
    memory.flags = abi::setup_no_sqarray;
    memory.ring_fd = first_descriptor - 2;
    set_up_ = true;
    ++rings_;
    owner_ = {};
    return 0;
}

std::string scripted_kernel::diagnose(int error) const {
    return "the script refuses a ring with error " + std::to_string(error);
}

int scripted_kernel::enable(io_uring&) {
    if (fails_here())
        return -fail_with_;
    if (owner_ != std::thread::id())
        return -EBADFD;
    owner_ = std::this_thread::get_id();
    return 0;
}

void scripted_kernel::set_in_run(io_uring&, bool in_run) { in_run_ = in_run; }

int scripted_kernel::enter(io_uring&, unsigned to_submit, unsigned wait, time_point deadline) {
    ++enters_;
    if (owner_ == std::thread::id())
        return -EBADFD;
    if (owner_ != std::this_thread::get_id())
        return -EEXIST;
    if (refusals_ > 0) {
        --refusals_;
        return refusal_;
    }
    if (fails_here())
        return -fail_with_;

    // The real kernel waits for a duration. The simulation does the same subtraction, so that a deadline that
    // makes it overflow fails on both kernels.
    if (deadline != time_point::max())
        deadline = now() + detail::time_until(deadline, now());

    const unsigned taken = consume_sqes(to_submit);
    flush_overflow();
    notice_wakes();
    hand_out();
    if (wait > 0)
        ++waits_;
    while (to_collect() < std::min(wait, cq_entries_)) {
        if (!run_next_event(deadline))
            return taken > 0 ? static_cast<int>(taken) : -ETIME;
        notice_wakes();
        hand_out();
    }
    return static_cast<int>(taken);
}

// Runs the script's next step, late completion or timed step. Returns false if the deadline comes first.
bool scripted_kernel::run_next_event(time_point deadline) {
    if (!steps_.empty()) {
        const auto step = std::move(steps_.front());
        steps_.pop_front();
        step();
        return true;
    }
    if (!late_.empty()) {
        const late_answer late = std::move(late_.front());
        late_.pop_front();
        complete(late.operation, late.answer, false);
        return true;
    }
    if (!timed_.empty() && timed_.begin()->first <= deadline) {
        jump_to(timed_.begin()->first);
        const auto step = std::move(timed_.extract(timed_.begin()).mapped());
        step();
        return true;
    }
    if (deadline == time_point::max())
        throw waiting_forever("the loop waits forever; in flight: " + list_in_flight());
    jump_to(deadline);
    return false;
}

// Only advances the clock, because the script's steps belong to the ring.
void scripted_kernel::wait_for_wake(time_point deadline) noexcept {
    ++waits_for_wake_;
    jump_to(deadline);
}

void scripted_kernel::jump_to(time_point when) {
    if (when > now())
        now_ = when.time_since_epoch().count();
}

bool scripted_kernel::tear_down(io_uring& memory, bool operations, time_point) {
    if (!operations && !in_flight_.empty())
        ADD_FAILURE() << "the ring was closed with operations in flight: " << list_in_flight();
    if (during_tear_down_)
        during_tear_down_();
    forget();
    ++rings_closed_;
    std::memset(&memory, 0, sizeof memory);
    return releases_ || !operations;
}

void scripted_kernel::forget() noexcept {
    in_flight_.clear();
    late_.clear();
    work_.clear();
    overflow_.clear();
    wake_poll_.reset();
    set_up_ = false;
    owner_ = {};
    buffers_.clear();
    sqes_.clear();
    cqes_.clear();
}

unsigned scripted_kernel::consume_sqes(unsigned to_submit) {
    const unsigned there = __atomic_load_n(&sq_tail_, __ATOMIC_ACQUIRE) - sq_head_;
    const unsigned taken = std::min(to_submit, there);
    EXPECT_LE(there, sq_entries_) << "the SQ's tail has overtaken its head";
    for (unsigned i = 0; i < taken; ++i) {
        const io_uring_sqe sqe = sqes_[sq_head_ & sq_mask_];
        // Overwrites the consumed slot, so that a test fails if the library still depends on its contents.
        std::memset(&sqes_[sq_head_ & sq_mask_], 0xEE, sizeof sqe);
        __atomic_store_n(&sq_head_, sq_head_ + 1, __ATOMIC_RELEASE);
        consume_sqe(sqe);
    }
    return taken;
}

void scripted_kernel::consume_sqe(const io_uring_sqe& sqe) {
    if (sqe.opcode == IORING_OP_POLL_ADD && sqe.fd == wake_descriptor()) {
        if (fails_here()) {
            post({sqe.user_data, -fail_with_, 0});
            return;
        }
        EXPECT_FALSE(wake_poll_) << "the wake-up poll was armed twice";
        ++wake_polls_;
        if (wake_refusals_ > 0) {
            --wake_refusals_;
            post({sqe.user_data, wake_refusal_, 0});
            return;
        }
        wake_poll_ = sqe.user_data;
        wakes_noticed_ = 0;  // an eventfd that has been written but never read is readable immediately
        return;
    }
    history_.emplace_back(history_.size(), sqe);
    if (sqe.opcode == IORING_OP_ASYNC_CANCEL) {
        process_cancel(sqe);
        return;
    }

    const submission operation = history_.back();
    for (const submission& other: in_flight_) {
        EXPECT_TRUE(other.sqe().user_data != sqe.user_data || sqe.user_data < tags_end)
            << "two operations in flight have the same user_data: " << name_of(other.opcode()) << " and "
            << name_of(sqe.opcode);
    }
    in_flight_.push_back(operation);
    if (fails_here()) {
        if (sqe.opcode == IORING_OP_CLOSE)
            close_fake(sqe.fd);
        complete(operation, -fail_with_, true);
    } else if (sqe.opcode == IORING_OP_CLOSE) {
        complete(operation, close_fake(sqe.fd), true);
    } else if (fakes_.contains(sqe.fd) && !fakes_[sqe.fd].open) {
        complete(operation, -EBADF, true);
    } else if (sqe.opcode == IORING_OP_RECV && unread_.contains(sqe.fd)) {
        complete(operation, unread_.extract(sqe.fd).mapped(), true);
    } else if (auto& unread = unread_datagrams_[sqe.fd]; sqe.opcode == IORING_OP_RECVMSG && !unread.empty()) {
        const reply answer = std::move(unread.front());
        unread.pop_front();
        complete(operation, answer, true);
    } else if (!prepared_.empty()) {
        const reply answer = std::move(prepared_.front());
        prepared_.pop_front();
        complete(operation, answer, true);
    } else if (const auto habit = habits_.find(sqe.opcode); habit != habits_.end()) {
        complete(operation, habit->second, true);
    } else if (sqe.opcode == IORING_OP_NOP) {
        complete(operation, 0, true);
    }
}

void scripted_kernel::process_cancel(const io_uring_sqe& sqe) {
    EXPECT_EQ(sqe.cancel_flags, 0u) << "the script supports only cancels by user_data";
    const auto is_target = [&](const submission& each) { return each.sqe().user_data == sqe.addr; };
    const auto target = std::find_if(in_flight_.begin(), in_flight_.end(), is_target);
    const bool is_executing = std::any_of(late_.begin(), late_.end(),
                                          [&](const late_answer& each) { return is_target(each.operation); });
    if (target == in_flight_.end() || is_executing) {
        post({sqe.user_data, target == in_flight_.end() ? -ENOENT : -EALREADY, 0});
        return;
    }
    if (cancels_lost_ > 0) {
        --cancels_lost_;
        post({sqe.user_data, cancel_lost_with_, 0});
        return;
    }
    const submission operation = *target;
    if (cancelled_.empty()) {
        complete(operation, -ECANCELED, false);
    } else {
        const cancel_outcome outcome = std::move(cancelled_.front());
        cancelled_.pop_front();
        if (outcome.later) {
            late_.push_back({outcome.instead, operation});
            post({sqe.user_data, -EALREADY, 0});
            return;
        }
        complete(operation, reply(outcome.instead).last(), false);
    }
    if (!(sqe.flags & IOSQE_CQE_SKIP_SUCCESS))
        post({sqe.user_data, 0, 0});
}

void scripted_kernel::notice_wakes() {
    const unsigned wakes = wakes_.load();
    if (!wake_poll_ || wakes == wakes_noticed_)
        return;
    wakes_noticed_ = wakes;
    work_.push_back({*wake_poll_, POLLIN, IORING_CQE_F_MORE});
}

// Simulates deferred task work. Completed operations become CQEs when the loop enters, a limited number at a
// time.
void scripted_kernel::hand_out() {
    for (unsigned n = 0; n < hand_out_max_ && !work_.empty(); ++n) {
        const completion done = work_.front();
        work_.pop_front();
        post(done);
    }
    set_flag(IORING_SQ_TASKRUN, !work_.empty());
}

void scripted_kernel::flush_overflow() {
    while (!overflow_.empty() && to_collect() < cq_entries_) {
        const completion done = overflow_.front();
        overflow_.pop_front();
        cqes_[cq_tail_ & cq_mask_] = {done.user_data, done.result, done.flags};
        __atomic_store_n(&cq_tail_, cq_tail_ + 1, __ATOMIC_RELEASE);
    }
    set_flag(IORING_SQ_CQ_OVERFLOW, !overflow_.empty());
}

// Puts a CQE into the CQ. If the CQ is full, the CQE goes to the overflow list, and a multishot operation
// ends.
void scripted_kernel::post(const completion& done) {
    if (overflow_.empty() && to_collect() < cq_entries_) {
        cqes_[cq_tail_ & cq_mask_] = {done.user_data, done.result, done.flags};
        __atomic_store_n(&cq_tail_, cq_tail_ + 1, __ATOMIC_RELEASE);
        return;
    }
    overflow_.push_back({done.user_data, done.result, done.flags & ~IORING_CQE_F_MORE});
    set_flag(IORING_SQ_CQ_OVERFLOW, true);
    if (!(done.flags & IORING_CQE_F_MORE))
        return;
    if (wake_poll_ == done.user_data)
        wake_poll_.reset();
    std::erase_if(in_flight_, [&](const submission& each) { return each.sqe().user_data == done.user_data; });
}

unsigned scripted_kernel::to_collect() const {
    return cq_tail_ - __atomic_load_n(&cq_head_, __ATOMIC_ACQUIRE);
}

void scripted_kernel::set_flag(unsigned flag, bool on) {
    const unsigned flags = on ? sq_flags_ | flag : sq_flags_ & ~flag;
    __atomic_store_n(&sq_flags_, flags, __ATOMIC_RELAXED);
}

// ---- answers ----------------------------------------------------------------------------------------------

void scripted_kernel::answer(int opcode, const reply& given) {
    for (const submission& each: in_flight_) {
        if (each.opcode() == opcode) {
            answer(submission(each), given);
            return;
        }
    }
    ADD_FAILURE() << "cannot answer a " << name_of(opcode) << "; in flight: " << list_in_flight();
}

void scripted_kernel::answer(const submission& operation, const reply& given) {
    const bool is_found = std::any_of(in_flight_.begin(), in_flight_.end(), [&](const submission& each) {
        return each.number() == operation.number();
    });
    if (!is_found) {
        ADD_FAILURE() << "cannot answer a " << name_of(operation.opcode()) << " that is not in flight";
        return;
    }
    std::erase_if(late_,
                  [&](const late_answer& each) { return each.operation.number() == operation.number(); });
    complete(operation, given, false);
}

int scripted_kernel::register_buffers(io_uring&, const buffer_ring& buffers, std::uint16_t group,
                                      bool incremental) {
    if (fails_here())
        return -fail_with_;
    if (incremental && !knows_incremental_)
        return -EINVAL;
    if (!takes_buffers_)
        return -ENOMEM;
    const bool is_new =
        buffers_.try_emplace(group, buffer_group{buffers.data(), buffers.entries() - 1, 0, incremental})
            .second;
    return is_new ? 0 : -EEXIST;
}

unsigned scripted_kernel::buffers(std::uint16_t group) const {
    const auto found = buffers_.find(group);
    if (found == buffers_.end())
        return 0;
    const auto& [buffers, mask, head, incremental] = found->second;
    return static_cast<std::uint16_t>(__atomic_load_n(&buffers[0].resv, __ATOMIC_ACQUIRE) - head);
}

// Moves as many `bytes` as fit into the next buffer. Returns the CQE that the kernel would post.
auto scripted_kernel::fill_buffer(const io_uring_sqe& sqe, std::string_view& bytes) -> completion {
    EXPECT_TRUE(buffers_.contains(sqe.buf_group));
    if (buffers(sqe.buf_group) == 0)
        return {sqe.user_data, -ENOBUFS, 0};
    buffer_group& group = buffers_.at(sqe.buf_group);
    io_uring_buf& head = group.buffers[group.head & group.mask];
    const auto size = static_cast<unsigned>(std::min<std::size_t>(bytes.size(), head.len));
    // Unpoisons the buffer only for the copy. AddressSanitizer would not see the real kernel's writes, and
    // the library must not touch the buffer yet.
    unpoison(pointer<char>(head.addr), size);
    std::memcpy(pointer<char>(head.addr), bytes.data(), size);
    poison(pointer<char>(head.addr), size);
    bytes.remove_prefix(size);
    unsigned flags = IORING_CQE_F_BUFFER | static_cast<unsigned>(head.bid) << IORING_CQE_BUFFER_SHIFT;
    if (group.incremental && size < head.len) {
        head.addr += size;
        head.len -= size;
        flags |= abi::buffer_has_more;
    } else {
        ++group.head;
    }
    return {sqe.user_data, static_cast<int>(size), flags};
}

// Delivers bytes to an operation with IOSQE_BUFFER_SELECT. A multishot receive uses as many buffers as the
// bytes need.
void scripted_kernel::fill_buffers(const submission& operation, const reply& answer, bool immediately) {
    const bool multishot = operation.sqe().ioprio & IORING_RECV_MULTISHOT;
    std::string_view rest = answer.bytes_;
    completion done{};
    do {
        done = fill_buffer(operation.sqe(), rest);
        const bool ends = !multishot || done.result < 0 || (answer.is_last_ && rest.empty());
        if (!ends)
            done.flags |= IORING_CQE_F_MORE;
        else
            std::erase_if(in_flight_,
                          [&](const submission& each) { return each.number() == operation.number(); });
        deliver(done, immediately);
    } while (!rest.empty() && multishot && done.result >= 0);
    if (!rest.empty())
        unread_[operation.descriptor()] = rest;
}

// Returns the contents of the buffer entry that a multishot recvmsg fills.
std::string scripted_kernel::entry_of(const io_uring_sqe& sqe, const reply& answer, std::size_t room) {
    if (answer.is_entry_)
        return answer.bytes_.substr(0, room);
    const auto& message = *pointer<msghdr>(sqe.addr);
    std::string name(message.msg_namelen, '\0');
    std::string control(message.msg_controllen, '\0');
    io_uring_recvmsg_out head{};
    head.namelen = message.msg_namelen;
    store_address(answer.peer_, name.data(), &head.namelen);
    if (answer.segment_size_ > 0 && control.size() >= CMSG_SPACE(sizeof(int))) {
        const cmsghdr one{CMSG_LEN(sizeof(int)), IPPROTO_UDP, UDP_GRO};
        std::memcpy(control.data(), &one, sizeof one);
        std::memcpy(control.data() + CMSG_LEN(0), &answer.segment_size_, sizeof(int));
        head.controllen = CMSG_SPACE(sizeof(int));
    }
    const std::size_t left = room - sizeof head - name.size() - control.size();
    head.payloadlen = static_cast<unsigned>(std::min(left, answer.bytes_.size()));
    head.flags = answer.bytes_.size() > left ? MSG_TRUNC : 0;
    return std::string(reinterpret_cast<const char*>(&head), sizeof head) + name + control +
           answer.bytes_.substr(0, left);
}

// Delivers a datagram in its own buffer entry. An empty datagram ends a multishot receive.
void scripted_kernel::fill_entry(const submission& operation, const reply& answer, bool immediately) {
    const io_uring_sqe& sqe = operation.sqe();
    completion done{sqe.user_data, -ENOBUFS, 0};
    if (buffers(sqe.buf_group) > 0) {
        const buffer_group& group = buffers_.at(sqe.buf_group);
        const std::string entry = entry_of(sqe, answer, group.buffers[group.head & group.mask].len);
        std::string_view bytes = entry;
        done = fill_buffer(sqe, bytes);
    } else {
        unread_datagrams_[sqe.fd].push_back(answer);
    }
    if (done.result < 0 || answer.is_last_ || answer.bytes_.empty())
        std::erase_if(in_flight_,
                      [&](const submission& each) { return each.number() == operation.number(); });
    else
        done.flags |= IORING_CQE_F_MORE;
    deliver(done, immediately);
}

void scripted_kernel::deliver(const completion& done, bool immediately) {
    if (immediately) {
        post(done);
        return;
    }
    work_.push_back(done);
    set_flag(IORING_SQ_TASKRUN, true);
}

void scripted_kernel::complete(const submission& operation, const reply& answer, bool immediately) {
    if (operation.sqe().flags & IOSQE_BUFFER_SELECT && answer.kind_ == reply::kind::bytes) {
        if (operation.opcode() == IORING_OP_RECVMSG)
            fill_entry(operation, answer, immediately);
        else
            fill_buffers(operation, answer, immediately);
        return;
    }
    const unsigned more =
        answer.is_last_ || !stays_in_flight_after(operation.sqe(), answer) ? 0 : IORING_CQE_F_MORE;
    const completion done{operation.sqe().user_data, act(operation.sqe(), answer), answer.flags_ | more};
    if (!(done.flags & IORING_CQE_F_MORE))
        std::erase_if(in_flight_,
                      [&](const submission& each) { return each.number() == operation.number(); });
    if (done.result >= 0 && operation.sqe().flags & IOSQE_CQE_SKIP_SUCCESS)
        return;
    deliver(done, immediately);
}

// Returns true if the operation is a multishot accept and has accepted a connection.
bool scripted_kernel::stays_in_flight_after(const io_uring_sqe& sqe, const reply& answer) {
    return sqe.opcode == IORING_OP_ACCEPT && sqe.ioprio & IORING_ACCEPT_MULTISHOT &&
           answer.kind_ == reply::kind::connection;
}

// Performs the operation through the addresses in the SQE. Returns the operation's result.
int scripted_kernel::act(const io_uring_sqe& sqe, const reply& answer) {
    if (sqe.opcode == IORING_OP_ACCEPT && answer.kind_ == reply::kind::connection) {
        if (sqe.addr)
            store_address(answer.peer_, pointer<void>(sqe.addr), pointer<unsigned>(sqe.addr2));
        const int number = make_connection(SOCK_STREAM, answer.peer_);
        if (const fake* listening = find_open(sqe.fd))
            fakes_.at(number).options = listening->options;  // the connection inherits the options
        return number;
    }
    if (answer.kind_ == reply::kind::bytes) {
        const int result = scatter(sqe, answer.bytes_);
        if (sqe.opcode == IORING_OP_RECVMSG) {
            auto& message = *pointer<msghdr>(sqe.addr);
            if (message.msg_name)
                store_address(answer.peer_, message.msg_name, &message.msg_namelen);
            message.msg_flags = answer.bytes_.size() > size_of(memory_of(sqe)) ? MSG_TRUNC : 0;
            store_descriptors(answer, message);
        }
        return result;
    }
    if (sends(sqe)) {
        const int result =
            answer.kind_ == reply::kind::all ? static_cast<int>(size_of(memory_of(sqe))) : answer.result_;
        if (result > 0) {
            const std::string bytes = gather(sqe, static_cast<std::size_t>(result));
            if (fake* through = find_open(sqe.fd)) {
                through->sent += bytes;
                if (sqe.opcode == IORING_OP_SENDMSG)
                    record_descriptors(*pointer<msghdr>(sqe.addr), *through);
            }
        }
        return result;
    }
    if (sqe.opcode == IORING_OP_CONNECT && answer.result_ == 0)
        if (fake* connected = find_open(sqe.fd))
            connected->peer =
                generic::endpoint::from_sockaddr(pointer<void>(sqe.addr), static_cast<unsigned>(sqe.off));
    return answer.result_;
}

// ---- the history ------------------------------------------------------------------------------------------

std::vector<submission> scripted_kernel::in_flight() const { return {in_flight_.begin(), in_flight_.end()}; }

std::vector<submission> scripted_kernel::in_flight(int opcode) const {
    std::vector<submission> found;
    for (const submission& each: in_flight_)
        if (each.opcode() == opcode)
            found.push_back(each);
    return found;
}

std::size_t scripted_kernel::submitted(int opcode) const {
    return static_cast<std::size_t>(std::count_if(
        history_.begin(), history_.end(), [&](const submission& each) { return each.opcode() == opcode; }));
}

std::string scripted_kernel::name_of(int opcode) {
    switch (opcode) {
    case IORING_OP_NOP: return "nop";
    case IORING_OP_POLL_ADD: return "poll";
    case IORING_OP_SENDMSG: return "sendmsg";
    case IORING_OP_RECVMSG: return "recvmsg";
    case IORING_OP_ACCEPT: return "accept";
    case IORING_OP_ASYNC_CANCEL: return "cancel";
    case IORING_OP_CONNECT: return "connect";
    case IORING_OP_CLOSE: return "close";
    case IORING_OP_READ: return "read";
    case IORING_OP_READV: return "readv";
    case IORING_OP_WRITE: return "write";
    case IORING_OP_WRITEV: return "writev";
    case IORING_OP_SEND: return "send";
    case IORING_OP_RECV: return "recv";
    case IORING_OP_SHUTDOWN: return "shutdown";
    default: return "operation " + std::to_string(opcode);
    }
}

const io_uring_sqe& scripted_kernel::latest() const {
    if (history_.empty())
        throw std::logic_error("nothing was submitted");
    return history_.back().sqe();
}

std::string scripted_kernel::sent(int number) const { return fakes_.at(number).sent; }

std::vector<int> scripted_kernel::open_descriptors() const {
    std::vector<int> numbers;
    for (const auto& [number, each]: fakes_)
        if (each.open)
            numbers.push_back(number);
    return numbers;
}

std::string scripted_kernel::list_in_flight() const {
    std::string text;
    for (const submission& each: in_flight_)
        text += (text.empty() ? "" : ", ") + name_of(each.opcode()) + " on " + std::to_string(each.sqe().fd);
    return text.empty() ? "nothing" : text;
}

bool scripted_kernel::fails_here() {
    if (countable_++ != fail_at_)
        return false;
    ++injected_;
    return true;
}

}  // namespace coil::ring
