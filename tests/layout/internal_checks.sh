#!/bin/sh
# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# COIL_CHECK and COIL_ASSERT print an expression and a line of coil, which do not help a user. They are only
# for coil's own bookkeeping, and each one is listed here. A mistake of a caller is an error, or a
# COIL_PRECONDITION with a text.
set -eu
cd "$COIL_SOURCE_DIR"

allowed=$(mktemp)
trap 'rm -f "$allowed"' EXIT
cat >"$allowed" <<'END'
lib/algo/byte_buffer.cpp COIL_ASSERT(n <= size());
lib/loop/buffer_pool.cpp COIL_CHECK(from.filled + size <= entry_size_);
lib/loop/buffer_pool.cpp COIL_CHECK(number < entries_.size() && entries_[number].in_ring);
lib/loop/descriptor.cpp COIL_ASSERT(!is_open() && in_flight_ == 0);
lib/loop/descriptor.cpp COIL_ASSERT(in_flight_ == 0);
lib/loop/descriptor.cpp COIL_ASSERT(record().in_flight_ == 0);
lib/loop/descriptor.cpp COIL_ASSERT(!record.is_open() && !record.handle_ && record.operations_ == 0 && record.in_flight_ == 0);
lib/loop/descriptor.cpp COIL_ASSERT(!record.reader_ && !record.writer_ && record.in_kernel_.empty() && record.waiting_.empty());
lib/loop/event_loop.cpp COIL_CHECK(failure == 0 || failure == -EINTR || failure == -EAGAIN || failure == -EBUSY ||
lib/loop/operation.cpp COIL_ASSERT(state_ == state::idle || state_ == state::done);
lib/loop/submission.cpp COIL_CHECK(in_kernel_ > 0);
lib/loop/operation.cpp COIL_CHECK(false);
lib/op/reader.cpp COIL_CHECK(false);
lib/sync/handover.cpp COIL_ASSERT(!waiter_);
lib/sync/handover.cpp COIL_ASSERT(phase_of(seen) <= waiting);
lib/sync/mutex.cpp COIL_ASSERT(locked_);
END

find include/coil lib -name '*.hpp' -o -name '*.cpp' | grep -v 'base/assert\.' | LC_ALL=C sort | xargs awk -v allowed="$allowed" '
    BEGIN {
        while ((getline line < allowed) > 0)
            is_allowed[line] = 1
    }
    /^[ \t]*\/\// { next }
    match($0, /COIL_(CHECK|ASSERT)[ \t]*\(/) {
        text = substr($0, RSTART)
        sub(/[ \t]*\/\/.*/, "", text)
        if (!(FILENAME " " text in is_allowed)) {
            print FILENAME ":" FNR ": can a caller trip it? Then use COIL_PRECONDITION with a text; else list it in " \
                  "tests/layout/internal_checks.sh: " text
            failed = 1
        }
    }
    END { exit failed }'
