// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include <coil/sync/queued_operation.hpp>

#include <cstdio>

#include <coil/base/assert.hpp>

namespace coil::COIL_ABI::detail {

void queued_operation::abandon_all(queue& waiting, const char* mistake) noexcept {
    if (waiting.empty())
        return;
    const auto& where = waiting.front().env().where();
    char detail[512];
    std::snprintf(detail, sizeof detail, "the first of them at %s:%u", where.file_name(),
                  static_cast<unsigned>(where.line()));
    report_mistake(mistake, detail);
    while (!waiting.empty())
        waiting.pop_front().fail(error::operation_aborted);
}

}  // namespace coil::COIL_ABI::detail
