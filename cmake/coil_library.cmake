# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# usage: coil_add_library(TARGET SOURCES HEADERS)
# Adds a library of coil, static or shared, with the settings that all libraries of coil share. HEADERS are
# the public headers that declare its symbols, relative to include/.
function(coil_add_library target sources headers)
    add_library(${target} ${sources})
    target_compile_features(${target} PUBLIC cxx_std_20)
    set_target_properties(${target} PROPERTIES
        CXX_EXTENSIONS OFF
        VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/lib)

    # Hidden visibility, even in the archive, so that a shared library that contains coil does not re-export
    # it. A shared library of coil exports what its public headers declare: exported.hpp includes them with
    # default visibility before each source, so the headers need no export macros. If the tests or benchmarks
    # are built, a shared library exports everything, because these use internals of lib/.
    get_target_property(type ${target} TYPE)
    if(type STREQUAL STATIC_LIBRARY OR NOT (COIL_BUILD_TESTS OR COIL_BUILD_BENCH))
        set_target_properties(${target} PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
    endif()
    if(type STREQUAL SHARED_LIBRARY)
        list(TRANSFORM headers REPLACE "(.+)" "#include <\\1>\n")
        list(JOIN headers "" includes)
        set(exported ${CMAKE_CURRENT_BINARY_DIR}/${target}/exported.hpp)
        file(CONFIGURE OUTPUT ${exported} CONTENT
            "#pragma GCC visibility push(default)\n${includes}#pragma GCC visibility pop\n" @ONLY)
        target_compile_options(${target} PRIVATE "SHELL:-include ${exported}")
    endif()
endfunction()
