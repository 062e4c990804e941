# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Finds liburing. Defines the target liburing::liburing and the variable liburing_VERSION. If a package
# manager such as Conan provides a CMake package, uses that package. Otherwise, uses pkg-config, or the
# default paths if pkg-config does not know liburing. This file is installed with coil's CMake package, for
# projects that link a static coil.

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

# Since liburing 2.4, a header also defines the version.
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
