// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include "load/workloads.hpp"

namespace compare {

/// Sends some messages on each connection, with the planned number of messages in flight, and checks every
/// byte of the echo. Also checks that the server closes each connection after the load has shut down its own
/// side. Uses plain epoll, so that it shares no code with the load that measures.
void verify_tcp_echo(const plan& plan);

}  // namespace compare
