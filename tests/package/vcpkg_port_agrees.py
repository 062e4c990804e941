# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

"""The vcpkg port agrees with the CMake files. vcpkg is not needed."""

import json
import os
import re
import unittest
from pathlib import Path

source = Path(os.environ["COIL_SOURCE_DIR"])
binary = Path(os.environ["COIL_BINARY_DIR"])
port = source / "packaging/vcpkg/coil"
manifest = json.loads((port / "vcpkg.json").read_text())
portfile = (port / "portfile.cmake").read_text()
cmake = (source / "CMakeLists.txt").read_text()


class VcpkgPort(unittest.TestCase):
    def test_has_the_version_of_cmake(self):
        self.assertEqual(manifest["version-semver"], os.environ["COIL_VERSION"])

    def test_has_the_name_and_description_of_cmake(self):
        self.assertEqual(manifest["name"], re.search(r"project\((\w+)", cmake).group(1))
        self.assertEqual(manifest["description"], re.search(r'DESCRIPTION "([^"]+)"', cmake).group(1))

    def test_depends_on_the_packages_of_cmake(self):
        wanted = set(re.findall(r"find_package\((\w+)", cmake)) - {"Threads", "OpenSSL"}
        given = {each if isinstance(each, str) else each["name"] for each in manifest["dependencies"]}
        tools = {"vcpkg-cmake", "vcpkg-cmake-config"}
        self.assertEqual(given - tools, wanted)
        self.assertTrue(all(each["host"] for each in manifest["dependencies"] if not isinstance(each, str)))
        self.assertLessEqual(tools, given)

    def test_has_the_feature_tls(self):
        self.assertEqual(list(manifest["features"]), ["tls"])
        self.assertEqual(manifest["features"]["tls"]["dependencies"], ["openssl"])
        self.assertIn("find_package(OpenSSL ", cmake)
        self.assertIn("set(COIL_TLS ", cmake)
        self.assertRegex(portfile, r"vcpkg_check_features\(OUT_FEATURE_OPTIONS FEATURE_OPTIONS\s+FEATURES\s+tls COIL_TLS\)")
        self.assertRegex(portfile, r"OPTIONS\s+\$\{FEATURE_OPTIONS\}")

    def test_turns_off_all_build_options(self):
        set_by_port = dict(re.findall(r"-D(\w+)=(\w+)", portfile))
        options = set(re.findall(r"option\((COIL_\w+)", cmake))
        self.assertLessEqual(set(set_by_port), options)
        self.assertEqual(set_by_port, {name: "OFF" for name in options if name.startswith("COIL_BUILD_")})

    def test_finds_the_sources_and_the_licence(self):
        up = re.search(r"CURRENT_PORT_DIR\}/([./]+)", portfile).group(1)
        self.assertEqual((port / up).resolve(), source.resolve())
        self.assertIn("${SOURCE_PATH}/LICENSE", portfile)

    def test_moves_the_installed_cmake_package(self):
        name, path = re.search(r"config_fixup\(PACKAGE_NAME (\w+) CONFIG_PATH ([\w/]+)\)", portfile).groups()
        self.assertEqual(path, "lib/cmake/" + name)
        self.assertIn("}/cmake/" + name + ")", (source / "cmake/coil_install.cmake").read_text())
        self.assertTrue((binary / f"{name}-config.cmake").is_file())

    def test_has_the_usage_of_the_example(self):
        usage = (port / "usage").read_text()
        example = (source / "examples/hello/CMakeLists.txt").read_text()
        self.assertIn("find_package(coil CONFIG REQUIRED)", usage)
        self.assertRegex(example, r"find_package\(coil [\d.]+ CONFIG REQUIRED\)")
        self.assertIn("PRIVATE coil::coil", usage)
        self.assertIn("PRIVATE coil::coil", example)

    def test_has_the_usage_of_tls(self):
        usage = (port / "usage").read_text()
        example = (source / "tests/package/tls/CMakeLists.txt").read_text()
        self.assertIn("find_package(coil CONFIG REQUIRED COMPONENTS tls)", usage)
        self.assertRegex(example, r"find_package\(coil [\d.]+ CONFIG REQUIRED COMPONENTS tls\)")
        self.assertIn("PRIVATE coil::tls", usage)
        self.assertIn("PRIVATE coil::tls", example)


if __name__ == "__main__":
    unittest.main()
