# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Finds liburing: the target liburing::liburing, and liburing_VERSION. Where a package manager brings a CMake package of it
# (Conan does), that one is taken; otherwise what pkg-config knows, or what stands in the usual places.
# Installed beside coil's own package, for those who link a static coil.

include(FindPackageHandleStandardArgs)

find_package(liburing ${liburing_FIND_VERSION} CONFIG QUIET)
if(liburing_FOUND)
    find_package_handle_standard_args(liburing CONFIG_MODE)
    return()
endif()

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
    pkg_check_modules(PC_liburing QUIET liburing)
endif()
find_path(liburing_INCLUDE_DIR liburing.h HINTS ${PC_liburing_INCLUDEDIR})
find_library(liburing_LIBRARY uring HINTS ${PC_liburing_LIBDIR})
mark_as_advanced(liburing_INCLUDE_DIR liburing_LIBRARY)

# Since 2.4 a header tells the version too.
set(liburing_VERSION ${PC_liburing_VERSION})
set(version_header ${liburing_INCLUDE_DIR}/liburing/io_uring_version.h)
if(NOT liburing_VERSION AND EXISTS ${version_header})
    file(STRINGS ${version_header} lines REGEX "^#define IO_URING_VERSION_(MAJOR|MINOR) +[0-9]+$")
    list(TRANSFORM lines REPLACE "^.* ([0-9]+)$" "\\1")
    list(JOIN lines "." liburing_VERSION)
endif()

find_package_handle_standard_args(liburing
    REQUIRED_VARS liburing_LIBRARY liburing_INCLUDE_DIR
    VERSION_VAR liburing_VERSION
    REASON_FAILURE_MESSAGE "coil needs liburing 2.3 or newer (Debian: liburing-dev)")

if(liburing_FOUND AND NOT TARGET liburing::liburing)
    add_library(liburing::liburing UNKNOWN IMPORTED)
    set_target_properties(liburing::liburing PROPERTIES
        IMPORTED_LOCATION ${liburing_LIBRARY}
        INTERFACE_INCLUDE_DIRECTORIES ${liburing_INCLUDE_DIR})
endif()
