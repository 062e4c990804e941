// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A line-based chat server over TCP. To join, run `nc 127.0.0.1 7777` and enter a name. Each client has its
// own channel, so a slow client does not block the others. A client is disconnected if its channel is full or
// if it has been idle for an hour.

#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <coil/coil.hpp>

#include "command_line.hpp"

using coil::ip::tcp;
using message = std::shared_ptr<const std::string>;  // one copy, shared by all recipients

/// The members of the chat. Each member has a channel for the messages from the others.
class room {
public:
    explicit room(std::size_t backlog) : backlog_(backlog) {}

    struct member {
        member(std::string called, std::size_t backlog) : name(std::move(called)), incoming(backlog) {}
        std::string name;
        coil::channel<message> incoming;
        coil::event too_slow;
    };
    using seat = std::list<member>::iterator;

    seat enter(std::string name) {
        say(name + " is here\n");
        return members_.emplace(members_.end(), std::move(name), backlog_);
    }
    void leave(seat leaving) {
        const std::string name = leaving->name;
        members_.erase(leaving);
        say(name + " has gone\n");
    }
    void say(std::string text, const member* speaker = nullptr) {
        const auto said = std::make_shared<const std::string>(std::move(text));
        for (member& each: members_)
            if (&each != speaker && !each.incoming.try_send(said))
                each.too_slow.set();
    }

private:
    std::size_t backlog_;
    std::list<member> members_;
};

coil::task<> listen(coil::buffered_reader<tcp::socket>& reader, room& all, const room::member& self) {
    while (auto line = co_await coil::timeout(reader.read_line(), std::chrono::hours(1)))
        all.say(self.name + ": " + std::string(*line) + "\n", &self);
}

coil::task<> deliver(tcp::socket& client, coil::channel<message>& incoming) {
    while (auto next = co_await incoming.receive()) {
        std::string text = **next;
        while (auto more = incoming.try_receive())
            text += **more;
        co_await coil::write(client, text);
    }
}

coil::task<> join_chat(tcp::socket client, room& all) {
    coil::buffered_reader reader(std::move(client), {.limit = 1000});
    co_await coil::write(reader.stream(), "What is your name?\n");
    const auto name = co_await coil::timeout(reader.read_line(), std::chrono::minutes(1));
    if (!name)
        co_return;
    const room::seat self = all.enter(std::string(*name));
    auto ended = co_await coil::as_tuple(coil::when_any(
        listen(reader, all, *self), deliver(reader.stream(), self->incoming), self->too_slow.wait()));
    all.leave(self);
    if (!ended.error() && ended->index() == 2)
        co_await coil::timeout(coil::write(reader.stream(), "You are too slow for us.\n"),
                               std::chrono::seconds(1));
}

coil::task<> serve(tcp::acceptor acceptor, std::size_t backlog) {
    room all(backlog);
    // A client's failure is reported and ends only its own connection.
    co_await coil::with_group({.report_errors = true}, [&](coil::task_group& clients) -> coil::task<> {
        for (;;)
            clients.start(join_chat, co_await acceptor.accept(), std::ref(all));
    });
}

coil::task<> serve_until_signal(tcp::endpoint local, std::size_t backlog) {
    coil::signal_set signals(co_await coil::this_coro::context, SIGINT, SIGTERM);
    tcp::acceptor acceptor(signals.context(), local);
    std::printf("listening on %s\n", acceptor.local_endpoint().to_string().c_str());
    std::fflush(stdout);
    auto first = co_await coil::when_any(serve(std::move(acceptor), backlog), signals.wait());
    if (first.index() == 0)
        first.get<0>().value();  // rethrows the server's failure
}

int main(int argc, char** argv) try {
    const example::command_line given(argc, argv, "Lets TCP clients chat with each other, until Ctrl-C.",
                                      {{"host", "ADDRESS", "address to listen on", "127.0.0.1"},
                                       {"port", "NUMBER", "port to listen on; 0: any free port", "7777"},
                                       {"backlog", "LINES", "lines that may wait for a client", "1000"}});
    coil::sync_wait(serve_until_signal({given.address("host"), given.port("port", 0)},
                                       given.number("backlog", 1, 100'000)));
} catch (...) {
    return example::explain_failure();
}
