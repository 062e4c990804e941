// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "load/tls_client.hpp"
#include "load/watchdog.hpp"
#include "load/workloads.hpp"
#include "support/chargen.hpp"
#include "support/epoll.hpp"

namespace compare {
namespace {

using clients = std::vector<std::unique_ptr<tls_client>>;

constexpr std::size_t piece_size = 64 * 1024;
constexpr std::size_t verified_size = std::size_t{2} << 20;

// Moves bytes in one direction on all connections.
class tls_stream_load {
public:
    enum class direction { down, up };

    tls_stream_load(const plan& plan, direction way)
        : plan_(plan), way_(way), piece_(piece_size), clients_(connect_all<tls_client>(settings_, plan)) {
        for (const auto& each: clients_) {
            each->set_non_blocking();
            epoll_.add(each->socket(), way == direction::down ? EPOLLIN : EPOLLOUT, each.get());
        }
    }

    void run() {
        drive(plan_.warm_up);
        measurement measured = measure(plan_, [this](std::int64_t duration) { return drive(duration); });
        measured.unit = "KiB";
        print(measured);
    }

private:
    driven drive(std::int64_t duration) {
        watchdog::expects("bytes to move on " + std::to_string(clients_.size()) + " TLS connections");
        bytes_ = 0;
        const std::int64_t begin = now();
        std::int64_t time = begin;
        while (time < begin + duration) {
            for (const epoll_event& each: epoll_.wait())
                bytes_ += move(*static_cast<tls_client*>(each.data.ptr));
            time = now();
        }
        return {time - begin, bytes_ / 1024, bytes_ / 1024};
    }

    // A record costs the load as much as the server. To let the server be the bottleneck, a download counts
    // the ciphertext and does not decrypt it. With MSG_TRUNC, TCP discards the bytes without copying them to
    // user space.
    std::size_t move(tls_client& on) {
        if (way_ == direction::up)
            return on.write(piece_);
        const ssize_t received =
            ::recv(on.socket(), piece_.data(), std::size_t{1} << 20, MSG_TRUNC | MSG_DONTWAIT);
        check(received >= 0 || would_block(), "recv");
        if (received == 0)
            throw std::runtime_error("the server closed a connection");
        return received < 0 ? 0 : static_cast<std::size_t>(received);
    }

    const plan& plan_;
    const direction way_;
    std::vector<std::byte> piece_;
    tls_settings settings_;
    const clients clients_;
    epoll epoll_;
    std::uint64_t bytes_ = 0;
};

void verify_tls_download(const plan& plan) {
    tls_settings settings;
    const clients all = connect_all<tls_client>(settings, plan);
    const std::size_t size = verified_size / plan.connections;
    std::vector<std::byte> received(size);
    for (const auto& each: all) {
        watchdog::expects(std::to_string(size) + " bytes on a TLS connection");
        each->read_all(received);
        check_chargen(received);
    }
    std::printf("{\"verified_bytes\": %zu}\n", size * all.size());
}

// Checks that a discard server accepts all bytes and then closes the connection.
void verify_tls_upload(const plan& plan) {
    tls_settings settings;
    const clients all = connect_all<tls_client>(settings, plan);
    const std::vector<std::byte> sent(verified_size / plan.connections);
    for (const auto& each: all) {
        watchdog::expects("a TLS connection to accept bytes and to end");
        each->write_all(sent);
        each->close();
    }
    std::printf("{\"verified_bytes\": %zu}\n", sent.size() * all.size());
}

}  // namespace

void tls_download(const plan& plan) {
    if (plan.verify)
        verify_tls_download(plan);
    else
        tls_stream_load(plan, tls_stream_load::direction::down).run();
}

void tls_upload(const plan& plan) {
    if (plan.verify)
        verify_tls_upload(plan);
    else
        tls_stream_load(plan, tls_stream_load::direction::up).run();
}

}  // namespace compare
