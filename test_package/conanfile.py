# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

# Whether the package can be used: builds and runs examples/hello, or tests/package/tls if the package has
# coil::tls.

import os

from conan import ConanFile
from conan.tools.build import can_run
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout


class TestPackage(ConanFile):
    settings = "os", "arch", "compiler", "build_type"
    generators = "CMakeDeps"

    def requirements(self):
        self.requires(self.tested_reference_str)

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.user_presets_path = False
        toolchain.generate()

    def build(self):
        has_tls = self.dependencies[self.tested_reference_str].options.tls
        program = os.path.join("tests", "package", "tls") if has_tls else os.path.join("examples", "hello")
        cmake = CMake(self)
        cmake.configure(build_script_folder=os.path.join("..", program))
        cmake.build()

    def test(self):
        if can_run(self):
            self.run(os.path.join(self.cpp.build.bindir, "hello"), env="conanrun")
