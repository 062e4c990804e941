# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# The install rules for the libraries and their headers, the CMake package, coil.pc and coil-tls.pc. The
# installation is relocatable.
include(CMakePackageConfigHelpers)

# coil::tls has an export set of its own, because projects that use only coil::coil need no OpenSSL.
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/coil)
install(TARGETS coil EXPORT coil
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT coil NAMESPACE coil:: FILE coil-targets.cmake DESTINATION ${package})
set(not_installed)
if(coil_has_tls)
    install(TARGETS coil_tls EXPORT coil_tls
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(EXPORT coil_tls NAMESPACE coil:: FILE coil-tls-targets.cmake DESTINATION ${package})
else()
    set(not_installed REGEX "/include/coil/tls(\\.hpp)?$" EXCLUDE)
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/coil DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} ${not_installed})

get_target_property(coil_type coil TYPE)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/coil-config.cmake.in ${PROJECT_BINARY_DIR}/coil-config.cmake
    INSTALL_DESTINATION ${package})
# Before version 1.0, a new minor version may break compatibility.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/coil-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES
    ${PROJECT_BINARY_DIR}/coil-config.cmake
    ${PROJECT_BINARY_DIR}/coil-config-version.cmake
    ${PROJECT_SOURCE_DIR}/cmake/Findliburing.cmake
    DESTINATION ${package})

# The .pc files use paths relative to their own folder, unless CMAKE_INSTALL_LIBDIR is absolute.
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
function(coil_install_pc name)
    configure_file(${PROJECT_SOURCE_DIR}/cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
coil_install_pc(coil)
if(coil_has_tls)
    coil_install_pc(coil-tls)
endif()
