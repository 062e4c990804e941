// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "support/arguments.hpp"

namespace compare {

/// The arguments that all TLS servers have.
inline std::vector<argument> tls_arguments() {
    return {{"--port", "0", "port to listen on; 0: any free port"},
            {"--buffer", "16384", "bytes of the buffer of each connection"},
            {"--discard", "no", "discard what the clients send"},
            {"--chargen", "no", "send characters without end"}};
}

}  // namespace compare
