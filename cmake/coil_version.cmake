# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Reads MAJOR.MINOR.PATCH from the version header and stores it in the variable named by `result`.
function(coil_read_version header result)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})
    file(STRINGS ${header} lines REGEX "^#define COIL_VERSION_(MAJOR|MINOR|PATCH) [0-9]+$")
    list(TRANSFORM lines REPLACE "^.* ([0-9]+)$" "\\1")
    list(LENGTH lines count)
    if(NOT count EQUAL 3)
        message(FATAL_ERROR "${header} must define COIL_VERSION_MAJOR, _MINOR and _PATCH as plain numbers")
    endif()
    list(JOIN lines "." version)
    set(${result} ${version} PARENT_SCOPE)
endfunction()
