// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/resource.h>
#include <unistd.h>

namespace coil::test {

/// While this object exists, the process can open only `more` additional descriptors.
class descriptor_limit {
public:
    explicit descriptor_limit(unsigned more) {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const int lowest_free = ::dup(0);
        ::close(lowest_free);
        rlimit cut = before_;
        cut.rlim_cur = static_cast<rlim_t>(lowest_free) + more;
        ::setrlimit(RLIMIT_NOFILE, &cut);
    }
    descriptor_limit(const descriptor_limit&) = delete;
    descriptor_limit& operator=(const descriptor_limit&) = delete;
    ~descriptor_limit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

}  // namespace coil::test
