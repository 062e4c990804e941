# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Recipe for Conan 2. With the profile packaging/conan/system, liburing and OpenSSL come from the system
# instead of Conan.

import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir
from conan.tools.scm import Version

required_conan_version = ">=2.0"


class CoilConan(ConanFile):
    name = "coil"
    description = "Coroutine I/O for Linux, on io_uring or epoll"
    license = "MIT"
    topics = ("coroutines", "io_uring", "epoll", "networking", "asynchronous", "cpp20")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "fPIC": [True, False], "tls": [True, False]}
    # tls is off by default, because most programs use only coil::coil, and Conan may have to compile OpenSSL,
    # which takes minutes. A package that uses coil::tls turns it on: default_options = {"coil/*:tls": True}.
    default_options = {"shared": False, "fPIC": True, "tls": False}
    implements = ["auto_shared_fpic"]

    exports_sources = "CMakeLists.txt", "LICENSE", "cmake/*", "include/*", "lib/*"
    version_header = os.path.join("include", "coil", "version.hpp")

    def export(self):
        # The recipe also needs the version header in the Conan cache.
        copy(self, self.version_header, self.recipe_folder, self.export_folder)

    def set_version(self):
        header = load(self, os.path.join(self.recipe_folder, self.version_header))
        self.version = ".".join(
            re.search(rf"^#define COIL_VERSION_{part} (\d+)$", header, re.MULTILINE).group(1)
            for part in ("MAJOR", "MINOR", "PATCH")
        )

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        self.requires("liburing/[>=2.3 <3]")
        if self.options.tls:
            self.requires("openssl/[>=3 <4]")

    def validate(self):
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration(f"{self.name} needs io_uring or epoll, which only Linux has")
        check_min_cppstd(self, 20)
        oldest = {"gcc": "12", "clang": "16"}.get(str(self.settings.compiler))
        if oldest and Version(self.settings.compiler.version) < oldest:
            raise ConanInvalidConfiguration(f"{self.name} needs {self.settings.compiler} {oldest} or newer")

    def generate(self):
        toolchain = CMakeToolchain(self)
        for part in ("TESTS", "BENCH", "EXAMPLES", "TOOLS"):
            toolchain.cache_variables[f"COIL_BUILD_{part}"] = False
        toolchain.cache_variables["COIL_TLS"] = "ON" if self.options.tls else "OFF"
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        CMake(self).install()
        # Conan generates these files for consumers of the package.
        rmdir(self, os.path.join(self.package_folder, "lib", "cmake"))
        rmdir(self, os.path.join(self.package_folder, "lib", "pkgconfig"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "coil")
        # The target of the whole package links all components. By default, Conan would call it coil::coil,
        # and projects that use only that component would link OpenSSL.
        self.cpp_info.set_property("cmake_target_name", "coil::all")
        coil = self.cpp_info.components["coil"]
        coil.set_property("cmake_target_name", "coil::coil")
        coil.set_property("pkg_config_name", "coil")
        coil.libs = ["coil"]
        coil.system_libs = ["pthread"]
        # A library that is no dependency here comes from the system: packaging/conan/system.
        if "liburing" in self.dependencies:
            coil.requires = ["liburing::liburing"]
        else:
            coil.system_libs.append("uring")
        if self.options.tls:
            tls = self.cpp_info.components["tls"]
            tls.set_property("cmake_target_name", "coil::tls")
            tls.set_property("pkg_config_name", "coil-tls")
            tls.libs = ["coil_tls"]
            tls.requires = ["coil"]
            if "openssl" in self.dependencies:
                tls.requires.append("openssl::ssl")
            else:
                tls.system_libs = ["ssl", "crypto"]
