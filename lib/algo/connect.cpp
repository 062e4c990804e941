// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/algo/connect.hpp>

namespace coil::COIL_ABI::detail {
namespace {

// Returns true for errors of the local machine, such as a missing IPv6 route. A local error is less
// informative than a refusal by a peer.
bool is_local_error(std::error_code error) noexcept {
    return error == std::errc::network_unreachable || error == std::errc::address_not_available ||
           error == std::errc::address_family_not_supported;
}

}  // namespace

connect_race::connect_race(const std::vector<ip::endpoint>& endpoints, const connect_options& chosen,
                           environment& task)
    : parallel_operation(task), attempt_delay_(chosen.attempt_delay), alarm_(*this) {
    entries_.reserve(endpoints.size());
    std::size_t of_first_family = 0;
    std::size_t of_other = 0;
    for (bool is_first = true; entries_.size() < endpoints.size(); is_first = !is_first) {
        std::size_t& each = is_first ? of_first_family : of_other;
        while (each < endpoints.size() && (endpoints[each].family() == endpoints[0].family()) != is_first)
            ++each;
        if (each < endpoints.size())
            entries_.push_back({endpoints[each++], nullptr, {}});
    }
}

void connect_race::await_suspend(std::coroutine_handle<> waiter) {
    io_context::of(env()).check_thread(*this);
    suspend(waiter);
    if (is_refused())
        begin_no_more();
    begin_next();
    if (under_way_ == 0)
        env().scheduler().schedule(*this);
}

// Starts the next attempt, and skips endpoints whose attempt fails immediately. Does nothing if the maximum
// number of attempts is in progress. In that case, the next attempt begins when an earlier one fails.
void connect_race::begin_next() noexcept {
    if (under_way_ >= under_way_max)
        return;
    while (next_ < count())
        if (begin(next_++))
            break;
    if (next_ < count()) {
        io_context& context = io_context::of(env());
        context.arm(alarm_, deadline_after(context.now(), attempt_delay_));
    }
}

bool connect_race::begin(std::size_t index) noexcept {
    try {
        branch_base& attempt = make_attempt(index, entries_[index].peer);
        attempt.start();
        entries_[index].attempt = &attempt;
    } catch (const std::system_error& failure) {
        failed(index, failure.code());
        return false;
    } catch (...) {
        bug_ = std::current_exception();
        stop();
        return false;
    }
    add_running();
    ++under_way_;
    return true;
}

void connect_race::ended(std::size_t index) noexcept {
    --under_way_;
    if (at(index).has_failed()) {
        failed(index, at(index).error());
        begin_next();
    } else if (winner_ != no_branch || bug_) {
        drop(index);
    } else {
        winner_ = index;
        stop();
    }
}

void connect_race::failed(std::size_t index, std::error_code error) noexcept {
    entries_[index].failure = error;
    if (!error_ || !is_local_error(error) || is_local_error(error_))
        error_ = error;
}

void connect_race::begin_no_more() noexcept {
    alarm_.disarm();
    next_ = count();
}

void connect_race::stop() noexcept {
    begin_no_more();
    for (const entry& each: entries_)
        if (each.attempt)
            each.attempt->request_stop();
}

std::error_code connect_race::failure() const {
    if (bug_)
        std::rethrow_exception(bug_);
    if (winner_ != no_branch)
        return {};
    for (const entry& each: entries_)
        if (!each.failure || each.failure == error::operation_aborted)
            return error::operation_aborted;
    if (count() == 0)
        return env().stop_requested() ? error::operation_aborted : error::not_found;
    return error_;
}

std::string connect_race::describe() const {
    if (count() == 0)
        return "connect to an empty list of endpoints";
    std::string text;
    for (std::size_t named = 0; const entry& each: entries_) {
        if (named++ == named_max) {
            text.append(" and ").append(std::to_string(count() - named_max)).append(" more");
            break;
        }
        text.append(text.empty() ? "connect to " : ", ").append(each.peer.to_string());
        if (count() > 1 && each.failure && each.failure != error::operation_aborted)
            text.append(" (").append(each.failure.message()).append(1, ')');
    }
    return text;
}

}  // namespace coil::COIL_ABI::detail
