"""Conan 2: packs the library of the tree in which this file lies. docs/PACKAGE.md tells how to use it."""

import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir


class OttlaRecipe(ConanFile):
    name = "ottla"
    description = "A native Apache Kafka client"
    topics = ("kafka", "asio", "messaging")
    package_type = "library"
    settings = "os", "compiler", "build_type", "arch"
    options = {"shared": [True, False]}
    default_options = {"shared": False, "boost/*:header_only": True}

    @property
    def _tree(self) -> str:
        return os.path.join(self.recipe_folder, "..", "..")

    def set_version(self):
        text = load(self, os.path.join(self._tree, "CMakeLists.txt"))
        self.version = re.search(r"project\(ottla VERSION (\S+)", text)[1]

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "cmake/*", "codegen/*", "include/*", "protocol/*", "src/*"):
            copy(self, pattern, self._tree, self.export_sources_folder, excludes="*.pyc")

    def layout(self):
        self.folders.root = os.path.join("..", "..")
        cmake_layout(self)

    def requirements(self):
        self.requires("boost/[>=1.81 <2]", transitive_headers=True)
        self.requires("fmt/[>=9]")
        self.requires("lz4/[>=1.9 <2]")
        self.requires("nlohmann_json/[>=3 <4]", headers=True, libs=False)
        self.requires("openssl/[>=3 <4]")
        self.requires("snappy/[>=1.1 <2]")
        self.requires("zlib/[>=1.2 <2]")
        self.requires("zstd/[>=1.5 <2]")

    def validate(self):
        check_min_cppstd(self, 20)

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        for part in ("CLI", "EXAMPLES", "TESTS"):
            toolchain.cache_variables[f"OTTLA_WITH_{part}"] = False
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        rmdir(self, os.path.join(self.package_folder, "lib", "pkgconfig"))  # PkgConfigDeps makes one

    def package_info(self):
        # The installed ottlaConfig.cmake finds the dependencies by itself, wherever they come from.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.set_property("pkg_config_name", "ottla")
        self.cpp_info.builddirs = [os.path.join("lib", "cmake", "ottla")]
        self.cpp_info.libs = ["ottla"]
        self.cpp_info.system_libs = ["pthread"]
