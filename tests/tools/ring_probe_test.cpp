// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "doctor/ring_probe.hpp"

#include <cerrno>
#include <cstdlib>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "ring/uring_kernel.hpp"
#include "support/io_uring.hpp"

namespace doctor {
namespace {

void expect_required_features(const ring_answers& answers) {
    EXPECT_EQ(answers.killed, 0);
    EXPECT_EQ(answers.set_up, 0);
    EXPECT_EQ(answers.enable, 0);
    EXPECT_EQ(answers.buffers, 0);
    EXPECT_EQ(answers.multishot_poll, 0);
    EXPECT_EQ(answers.multishot_recv, 0);
    EXPECT_EQ(answers.multishot_recvmsg, 0);
}

TEST(DoctorRingProbe, ThisKernelHasRequiredFeatures) {
    SKIP_IF_IO_URING_IS_REFUSED();
    const ring_answers answers = probe_ring();
    expect_required_features(answers);
    EXPECT_EQ(answers.refusal.error, 0);
    EXPECT_EQ(answers.epoll, 0);
    EXPECT_EQ(answers.registered_ring, 0);
    EXPECT_TRUE(answers.without_memlock == 0 || answers.without_memlock == ENOMEM) << answers.without_memlock;
    for (const int answer: {answers.no_index_array, answers.no_iowait, answers.incremental_buffers})
        EXPECT_TRUE(answer == 0 || answer == EINVAL) << answer;
}

TEST(DoctorRingProbe, Linux6_1RefusesNewerFeatures) {
    SKIP_IF_IO_URING_IS_REFUSED();
    coil::ring::uring_kernel::pretend_6_1(true);
    const ring_answers answers = probe_ring();
    coil::ring::uring_kernel::pretend_6_1(std::getenv("COIL_TEST_KERNEL") != nullptr);
    expect_required_features(answers);
    EXPECT_EQ(answers.no_index_array, EINVAL);
    EXPECT_EQ(answers.no_iowait, EINVAL);
    EXPECT_EQ(answers.incremental_buffers, EINVAL);
}

// The child of the probe inherits the limit of this process.
TEST(DoctorRingProbe, ReportsMissingDescriptors) {
    SKIP_IF_IO_URING_IS_REFUSED();
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{0, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const ring_answers answers = probe_ring();
    ::setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_EQ(answers.set_up, EMFILE);
    EXPECT_EQ(answers.enable, ring_answers::not_asked);
    EXPECT_EQ(answers.multishot_recv, ring_answers::not_asked);
}

}  // namespace
}  // namespace doctor
