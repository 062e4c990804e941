// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include "load/workloads.hpp"

namespace compare {

/// Some messages on each connection, as many in flight as planned, and every byte of the echo checked: by plain epoll, so
/// that it shares nothing with what measures. The connections end as they should: after our last byte, with the server's.
void verify_tcp_echo(const plan& plan);

}  // namespace compare
