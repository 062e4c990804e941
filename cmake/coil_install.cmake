# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# The install rules for the library and its headers, the CMake package and coil.pc. The installation is
# relocatable.
include(CMakePackageConfigHelpers)

install(TARGETS coil EXPORT coil
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/coil DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/coil)
get_target_property(coil_type coil TYPE)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/coil-config.cmake.in ${PROJECT_BINARY_DIR}/coil-config.cmake
    INSTALL_DESTINATION ${package})
# Before version 1.0, a new minor version may break compatibility.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/coil-config-version.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT coil NAMESPACE coil:: FILE coil-targets.cmake DESTINATION ${package})
install(FILES
    ${PROJECT_BINARY_DIR}/coil-config.cmake
    ${PROJECT_BINARY_DIR}/coil-config-version.cmake
    ${PROJECT_SOURCE_DIR}/cmake/Findliburing.cmake
    DESTINATION ${package})

# coil.pc uses paths relative to its own folder, unless CMAKE_INSTALL_LIBDIR is absolute.
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
    set(coil_pc_prefix ${CMAKE_INSTALL_PREFIX})
    set(coil_pc_libdir ${CMAKE_INSTALL_LIBDIR})
else()
    file(RELATIVE_PATH up ${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
    cmake_path(SET up NORMALIZE ${up}/.)
    string(REGEX REPLACE "/$" "" up ${up})
    set(coil_pc_prefix "\${pcfiledir}/${up}")
    set(coil_pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE ${CMAKE_INSTALL_INCLUDEDIR})
    set(coil_pc_includedir ${CMAKE_INSTALL_INCLUDEDIR})
else()
    set(coil_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/coil.pc.in ${PROJECT_BINARY_DIR}/coil.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/coil.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
