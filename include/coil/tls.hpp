// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

/// TLS 1.2 and 1.3, with OpenSSL. Link `coil::tls`.

#include <coil/version.hpp>

#include <coil/tls/certificate.hpp>
#include <coil/tls/context.hpp>
#include <coil/tls/error.hpp>
#include <coil/tls/stream.hpp>
