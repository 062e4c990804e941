# SPDX-FileCopyrightText: 2026 The coil authors
# SPDX-License-Identifier: MIT

"""conanfile.py agrees with the CMake files. Conan is not needed: its modules are stand-ins here."""

import glob
import os
import re
import sys
import types
import unittest
from pathlib import Path
from unittest import mock

source = Path(os.environ["COIL_SOURCE_DIR"])
binary = Path(os.environ["COIL_BINARY_DIR"])
cache = dict(re.findall(r"^(\w+):\w+=(.*)$", (binary / "CMakeCache.txt").read_text(), re.MULTILINE))


class Invalid(Exception):
    pass


class Recipe:
    """The part of ConanFile that the recipe uses."""

    def __init__(self):
        self.recipe_folder = str(source)
        self.source_folder = str(source)
        self.dependencies = {"liburing": None, "openssl": None}
        self.settings = Settings("Linux", "gcc", "12")
        self.required = []
        self.requires = self.required.append
        self.cpp_info = Information()
        self.cpp_info.components = {"coil": Information(), "tls": Information()}


class Options:
    def __init__(self, tls):
        self.tls = tls


class Settings:
    def __init__(self, os_name, compiler, version):
        self.os = os_name
        self.compiler = Compiler(compiler)
        self.compiler.version = version


class Compiler(str):
    version = ""


class Information:
    def __init__(self):
        self.properties = {}
        self.requires = []
        self.system_libs = []
        self.set_property = self.properties.__setitem__


class Version:
    def __init__(self, text):
        self.text = text

    def __lt__(self, other):
        return int(self.text) < int(other)


def load_recipe():
    """Returns the class of conanfile.py, and the mock of Conan's tools."""
    tools = mock.MagicMock()
    tools.files.load = lambda recipe, path: Path(path).read_text()
    tools.scm.Version = Version
    modules = {"conan": types.ModuleType("conan"), "conan.errors": types.ModuleType("errors")}
    modules["conan"].ConanFile = Recipe
    modules["conan.errors"].ConanInvalidConfiguration = Invalid
    modules["conan.tools"] = tools
    for name in ("build", "cmake", "files", "scm"):
        modules[f"conan.tools.{name}"] = getattr(tools, name)
    scope = {"__name__": "conanfile"}
    with mock.patch.dict(sys.modules, modules):
        exec(compile((source / "conanfile.py").read_text(), "conanfile.py", "exec"), scope)
    return scope["CoilConan"], tools


class ConanRecipe(unittest.TestCase):
    def setUp(self):
        kind, self.tools = load_recipe()
        self.declared_options = kind.options
        self.recipe = kind()
        self.recipe.options = Options(tls=True)

    def test_has_the_version_of_cmake(self):
        self.recipe.set_version()
        self.assertEqual(self.recipe.version, os.environ["COIL_VERSION"])

    def test_exports_the_version_header(self):
        self.recipe.export_folder = "cache"
        self.recipe.export()
        self.tools.files.copy.assert_called_once_with(
            self.recipe, self.recipe.version_header, self.recipe.recipe_folder, "cache"
        )

    def test_exports_all_files_of_a_build(self):
        exported = set()
        for pattern in self.recipe.exports_sources:
            found = glob.glob(str(source / pattern.replace("*", "**")), recursive=True)
            self.assertTrue(found, f"{pattern} matches nothing")
            exported.update(path for path in found if os.path.isfile(path))
        for folder in ("lib", "include", "cmake"):
            for path in (source / folder).rglob("*"):
                if path.is_file():
                    self.assertIn(str(path), exported)
        for read in re.findall(r"PROJECT_SOURCE_DIR\}/([\w./-]+)", self.cmake_text()):
            self.assertTrue(any(path.startswith(str(source / read)) for path in exported), f"{read} is not exported")
        self.assertIn(str(source / "LICENSE"), exported)

    def cmake_text(self):
        files = [source / "lib/CMakeLists.txt", *(source / "cmake").iterdir()]
        return "".join(path.read_text() for path in files)

    def test_has_the_options_of_a_library_and_of_cmake(self):
        both = [True, False]
        self.assertEqual(self.declared_options, {"shared": both, "fPIC": both, "tls": both})
        self.assertEqual(self.recipe.default_options["shared"], False)
        self.assertRegex((source / "CMakeLists.txt").read_text(), r'option\(BUILD_SHARED_LIBS "[^"]*" OFF\)')

    def test_sets_only_known_cmake_variables(self):
        toolchain = self.tools.cmake.CMakeToolchain.return_value
        toolchain.cache_variables = {}
        for tls, expected in ((True, "ON"), (False, "OFF")):
            self.recipe.options.tls = tls
            self.recipe.generate()
            self.assertEqual(toolchain.cache_variables["COIL_TLS"], expected)
        for name in toolchain.cache_variables:
            self.assertIn(name, cache)

    def oldest(self, library):
        text = (source / "CMakeLists.txt").read_text()
        return re.search(rf"set\(coil_{library}_version ([\d.]+)\)", text).group(1)

    def test_requires_the_libraries_of_cmake(self):
        self.recipe.requirements()
        liburing, openssl = self.oldest("liburing"), self.oldest("openssl")
        self.assertEqual(openssl, "3.0")
        self.assertEqual(self.recipe.required, [f"liburing/[>={liburing} <3]", "openssl/[>=3 <4]"])
        system = (source / "packaging/conan/system").read_text()
        self.assertIn(f"liburing/{liburing}\n", system)
        self.assertIn(f"openssl/{openssl}.0\n", system)

    def test_requires_no_openssl_without_tls(self):
        self.recipe.options.tls = False
        self.recipe.requirements()
        self.assertEqual(len(self.recipe.required), 1)
        self.recipe.cpp_info.components.pop("tls")
        self.recipe.package_info()

    def test_names_the_targets_of_cmake(self):
        self.recipe.package_info()
        self.assertEqual(self.recipe.cpp_info.properties["cmake_file_name"], "coil")
        # Conan's target of the whole package links all components, so it must not be coil::coil.
        self.assertEqual(self.recipe.cpp_info.properties["cmake_target_name"], "coil::all")
        coil, tls = (self.recipe.cpp_info.components[name] for name in ("coil", "tls"))
        self.assertEqual(coil.properties, {"cmake_target_name": "coil::coil", "pkg_config_name": "coil"})
        self.assertEqual(coil.libs, ["coil"])
        self.assertEqual(coil.requires, ["liburing::liburing"])
        self.assertNotIn("uring", coil.system_libs)
        self.assertEqual(tls.properties, {"cmake_target_name": "coil::tls", "pkg_config_name": "coil-tls"})
        self.assertEqual(tls.libs, ["coil_tls"])
        self.assertEqual(tls.requires, ["coil", "openssl::ssl"])
        self.assertEqual(tls.system_libs, [])
        install = (source / "cmake/coil_install.cmake").read_text()
        self.assertIn("NAMESPACE coil::", install)
        self.assertTrue((binary / "coil.pc").is_file())
        self.assertTrue((binary / "coil-config.cmake").is_file())
        self.assertTrue((source / "cmake/coil-tls.pc.in").is_file())
        self.assertIn("EXPORT_NAME tls", self.cmake_text())

    def test_links_the_libraries_of_the_system_without_conans(self):
        self.recipe.dependencies = {}
        self.recipe.package_info()
        coil, tls = (self.recipe.cpp_info.components[name] for name in ("coil", "tls"))
        self.assertEqual(coil.requires, [])
        self.assertIn("uring", coil.system_libs)
        self.assertEqual(tls.requires, ["coil"])
        self.assertEqual(tls.system_libs, ["ssl", "crypto"])

    def test_refuses_unsupported_compilers(self):
        for settings in (("Macos", "clang", "19"), ("Linux", "gcc", "11"), ("Linux", "clang", "15")):
            self.recipe.settings = Settings(*settings)
            with self.assertRaises(Invalid):
                self.recipe.validate()
        for settings in (("Linux", "gcc", "12"), ("Linux", "gcc", "15"), ("Linux", "clang", "16")):
            self.recipe.settings = Settings(*settings)
            self.recipe.validate()
        self.tools.build.check_min_cppstd.assert_called_with(self.recipe, 20)


if __name__ == "__main__":
    unittest.main()
