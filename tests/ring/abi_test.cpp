// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT
#include "ring/abi.hpp"

#include <liburing.h>

/// Compares coil's names for kernel constants with the kernel's own, if the headers of this machine have
/// them. Constants that are enumerators there are in liburing 2.3 already.

namespace coil::ring::abi {

static_assert(register_ring_descriptors == IORING_REGISTER_RING_FDS);
static_assert(unregister_ring_descriptors == IORING_UNREGISTER_RING_FDS);
static_assert(enter_registered_ring == IORING_ENTER_REGISTERED_RING);
static_assert(features_of_6_1 == (IORING_FEAT_LINKED_FILE << 1) - 1,
              "the last feature of 6.1, and all earlier ones");

#ifdef IORING_SETUP_NO_SQARRAY
static_assert(setup_no_sqarray == IORING_SETUP_NO_SQARRAY);
#endif
#ifdef IORING_FEAT_NO_IOWAIT
static_assert(feature_no_iowait == IORING_FEAT_NO_IOWAIT);
#endif
#ifdef IORING_ENTER_NO_IOWAIT
static_assert(enter_no_iowait == IORING_ENTER_NO_IOWAIT);
#endif

}  // namespace coil::ring::abi
