// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// A chat over TCP, a line at a time: `nc 127.0.0.1 7777`, say your name, and talk. Each client has a channel of its own,
// so that a slow client does not block the others. A client is disconnected if its channel is full, or after an idle hour.

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
using message = std::shared_ptr<const std::string>;  // one copy for all who hear it

/// Everybody who is there, by the channel on which he hears the others.
class room {
public:
    explicit room(std::size_t backlog) : backlog_(backlog) {}

    struct member {
        member(std::string called, std::size_t backlog) : name(std::move(called)), hears(backlog) {}
        std::string name;
        coil::channel<message> hears;
        coil::event too_slow;
    };
    using seat = std::list<member>::iterator;

    seat enter(std::string name) {
        say(name + " is here\n");
        return members_.emplace(members_.end(), std::move(name), backlog_);
    }
    void leave(seat whose) {
        const std::string name = whose->name;
        members_.erase(whose);
        say(name + " has gone\n");
    }
    void say(std::string text, const member* speaker = nullptr) {
        const auto said = std::make_shared<const std::string>(std::move(text));
        for (member& each: members_)
            if (&each != speaker && !each.hears.try_send(said))
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

coil::task<> deliver(tcp::socket& client, coil::channel<message>& heard) {
    while (auto next = co_await heard.receive()) {
        std::string text = **next;
        while (auto more = heard.try_receive())
            text += **more;
        co_await coil::write(client, text);
    }
}

coil::task<> attend(tcp::socket client, room& all) {
    coil::buffered_reader reader(std::move(client), {.limit = 1000});
    co_await coil::write(reader.stream(), "What is your name?\n");
    const auto name = co_await coil::timeout(reader.read_line(), std::chrono::minutes(1));
    if (!name)
        co_return;
    const room::seat self = all.enter(std::string(*name));
    auto ended = co_await coil::as_tuple(coil::when_any(
        listen(reader, all, *self), deliver(reader.stream(), self->hears), self->too_slow.wait()));
    all.leave(self);
    if (!ended.error() && ended->index() == 2)
        co_await coil::timeout(coil::write(reader.stream(), "You are too slow for us.\n"),
                               std::chrono::seconds(1));
}

coil::task<> serve(tcp::acceptor acceptor, std::size_t backlog) {
    room all(backlog);
    // A client's failure is reported, ends its own conversation, and nobody else's.
    co_await coil::with_group({.report_errors = true}, [&](coil::task_group& clients) -> coil::task<> {
        for (;;)
            clients.start(attend, co_await acceptor.accept(), std::ref(all));
    });
}

coil::task<> serve_until_signal(tcp::endpoint local, std::size_t backlog) {
    coil::signal_set signals(co_await coil::this_coro::context, SIGINT, SIGTERM);
    tcp::acceptor acceptor(signals.context(), local);
    std::printf("listening on %s\n", acceptor.local_endpoint().to_string().c_str());
    std::fflush(stdout);
    auto first = co_await coil::when_any(serve(std::move(acceptor), backlog), signals.wait());
    if (first.index() == 0)
        first.get<0>().value();  // throws what ended it
}

int main(int argc, char** argv) try {
    const example::command_line given(argc, argv, "Lets TCP clients talk to each other, until Ctrl-C.",
                                      {{"host", "ADDRESS", "listen on this address", "127.0.0.1"},
                                       {"port", "NUMBER", "and this port; 0: any free one", "7777"},
                                       {"backlog", "LINES", "how many may wait for a client", "1000"}});
    coil::sync_wait(serve_until_signal({given.address("host"), given.port("port", 0)},
                                       given.number("backlog", 1, 100'000)));
} catch (...) {
    return example::explain_failure();
}
