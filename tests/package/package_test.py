"""An installed tree, moved to another place: outside programs find it, build against it and run."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("OTTLA_BUILD", ROOT / "build/release"))
VERSION = re.search(r"project\(ottla VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
SONAME = "libottla.so." + VERSION.rpartition(".")[0]
CXX = os.environ.get("CXX", "g++")
CCACHE = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []


def run(*words, **environment) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(word) for word in words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def libraries_of(binary: Path) -> list[str]:
    return re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", binary).stdout)


def public_names() -> set[str]:
    """Classes and functions that the public headers export."""
    names = set()
    for header in set((ROOT / "include").rglob("*.hpp")) - {ROOT / "include/ottla/export.hpp"}:
        text = header.read_text()
        names.update(re.findall(r"(?:class|struct) OTTLA_EXPORT (\w+)", text))
        names.update(re.findall(r"(?<!class )(?<!struct )OTTLA_EXPORT [^;(]*?(\w+)\(", text))
    return names


class PackageTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def succeed(self, *words, **environment) -> str:
        done = run(*words, **environment)
        self.assertEqual(0, done.returncode, f"{' '.join(map(str, words))}\n{done.stdout}")
        return done.stdout

    def assert_runs(self, program: Path, **environment):
        self.assertEqual("2 messages, 0 failures\n", self.succeed(program, **environment))


class InstalledTest(PackageTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.made = Path(folder.name) / "made"
        cls.prefix = Path(folder.name) / "moved" / "here"
        done = run("cmake", "--install", BUILD, "--prefix", cls.made)
        if done.returncode:
            raise RuntimeError(done.stdout)
        cls.prefix.parent.mkdir()
        cls.made.rename(cls.prefix)
        cls.libraries = next(cls.prefix.rglob("libottla.a")).parent

    def configure(self, *options, prefix: Path | None = None) -> subprocess.CompletedProcess:
        place = f"-DCMAKE_PREFIX_PATH={prefix or self.prefix}"
        return run("cmake", "-G", "Ninja", "-S", HERE / "outside", "-B", self.folder / "build", place, *CCACHE, *options)

    def build_by_cmake(self, *options) -> Path:
        done = self.configure(*options)
        self.assertEqual(0, done.returncode, done.stdout)
        self.succeed("cmake", "--build", self.folder / "build")
        return self.folder / "build/outside"

    def build_by_pkg_config(self, *options, replace=("", "")) -> Path:
        where = {"PKG_CONFIG_PATH": str(self.libraries / "pkgconfig")}
        compiler_options = self.succeed("pkg-config", "--cflags", "ottla", **where).split()
        linker_options = self.succeed("pkg-config", "--libs", *options, "ottla", **where).replace(*replace).split()
        program = self.folder / "outside"
        self.succeed(CXX, "-std=c++20", *compiler_options, HERE / "outside/main.cpp", "-o", program, *linker_options)
        return program

    def test_find_package_static(self):
        program = self.build_by_cmake()
        self.assert_runs(program)
        self.assertNotIn(SONAME, libraries_of(program))

    def test_find_package_shared(self):
        program = self.build_by_cmake("-DBUILD_SHARED_LIBS=ON")
        self.assert_runs(program)
        self.assertIn(SONAME, libraries_of(program))

    def test_pkg_config_static(self):
        program = self.build_by_pkg_config("--static", replace=("-lottla", "-l:libottla.a"))
        self.assert_runs(program)
        self.assertNotIn(SONAME, libraries_of(program))

    def test_pkg_config_shared(self):
        program = self.build_by_pkg_config()
        self.assert_runs(program, LD_LIBRARY_PATH=str(self.libraries))
        self.assertIn(SONAME, libraries_of(program))

    def test_where_only_one_library_is_installed_it_is_taken(self):
        for missing, there, wish in (("shared", "STATIC", "ON"), ("static", "SHARED", "OFF")):
            with self.subTest(missing=missing):
                prefix = self.folder / there
                shutil.copytree(self.prefix, prefix, symlinks=True)
                for file in prefix.rglob(f"ottla-{missing}-targets*.cmake"):
                    file.unlink()
                done = self.configure(f"-DBUILD_SHARED_LIBS={wish}", prefix=prefix)
                self.assertIn(f"ottla {VERSION} is a {there}_LIBRARY", done.stdout)
                shutil.rmtree(self.folder / "build")

    def test_another_minor_version_is_refused(self):
        major, minor, _ = map(int, VERSION.split("."))
        for wanted in (f"{major}.{minor + 1}", f"{major + 1}.0", f"{major}.{minor}.99"):
            done = self.configure(f"-DWANTED={wanted}")
            self.assertNotEqual(0, done.returncode, wanted)
            self.assertIn(f"version: {VERSION}", done.stdout)

    def test_a_missing_dependency_is_named(self):
        for name in ("lz4", "zstd"):
            done = self.configure(f"-DOTTLA_{name}_LIBRARY=OFF")
            self.assertNotEqual(0, done.returncode)
            self.assertIn(f"because dependency {name} could not be found", re.sub(r"\s+", " ", done.stdout))
            shutil.rmtree(self.folder / "build")
        done = self.configure(
            "-DBUILD_SHARED_LIBS=ON", "-DCMAKE_DISABLE_FIND_PACKAGE_fmt=ON", "-DCMAKE_DISABLE_FIND_PACKAGE_Snappy=ON"
        )
        self.assertEqual(0, done.returncode, f"the shared library needs none of them\n{done.stdout}")

    def test_headers_are_the_public_ones(self):
        here = {path.relative_to(ROOT / "include").as_posix() for path in (ROOT / "include").rglob("*.hpp")}
        there = {path.relative_to(self.prefix / "include").as_posix() for path in (self.prefix / "include").rglob("*.*")}
        self.assertEqual(here | {"ottla/errc.hpp"}, there)

    def test_no_file_names_a_folder_of_the_build(self):
        read = 0
        for path in self.prefix.rglob("*"):
            if path.suffix in (".cmake", ".pc", ".hpp"):
                read += 1
                for folder in (ROOT, BUILD.resolve(), self.made):
                    self.assertNotIn(str(folder), path.read_text(), path.name)
        self.assertGreater(read, 20)
        for binary in (self.prefix / "bin/ottla", self.libraries / SONAME):
            self.assertNotRegex(self.succeed("readelf", "-d", binary), "RPATH|RUNPATH")

    def test_the_program_runs(self):
        self.assertEqual(f"{VERSION}\n", self.succeed(self.prefix / "bin/ottla", "--version"))

    def test_the_shared_library_shows_the_public_api_and_nothing_else(self):
        rooms = "|".join(path.name for path in (ROOT / "src").iterdir() if path.is_dir())
        shown = set()
        for line in self.succeed("nm", "-DC", "--defined-only", self.libraries / SONAME).splitlines():
            name = re.sub(r"^[0-9a-f]* *\w (typeinfo for |typeinfo name for |vtable for |construction vtable for |VTT for |guard variable for |(non-)?virtual thunk to )?", "", line)
            if own := re.match(r"ottla::(?:detail::)?(\w+)", name):
                shown.add(own[1])
            else:  # of headers that both sides compile, and must agree on
                self.assertRegex(name, r"\b(std|boost|__gnu_cxx)::")
                self.assertNotRegex(name, rf"\bottla::({rooms})::")
        self.assertEqual(public_names(), shown)


class SubprojectTest(PackageTest):
    def test_it_configures_and_installs_nothing(self):
        build = self.folder / "build"
        place = f"-DFETCHCONTENT_SOURCE_DIR_OTTLA={ROOT}"
        self.succeed("cmake", "-G", "Ninja", "-S", HERE / "subproject", "-B", build, place)
        self.succeed("cmake", "--install", build, "--prefix", self.folder / "installed")
        self.assertFalse((self.folder / "installed").exists())
        targets = self.succeed("cmake", "--build", build, "--target", "help")
        self.assertIn("\nottla_static:", targets)
        self.assertNotRegex(targets, r"\n(unit|ottla_program|example_hello|ottla_shared):")


class RecipeTest(unittest.TestCase):
    """What can be judged of the recipes without their tools; docs/PACKAGE.md says how they were tried."""

    port = ROOT / "packaging/vcpkg/ottla"

    def test_the_vcpkg_port_has_the_version_of_the_library(self):
        manifest = json.loads((self.port / "vcpkg.json").read_text())
        self.assertEqual(("ottla", VERSION), (manifest["name"], manifest["version"]))

    def test_the_vcpkg_port_sets_options_that_exist(self):
        options = re.findall(r"-D(OTTLA_\w+)=", (self.port / "portfile.cmake").read_text())
        self.assertEqual(3, len(options))
        known = re.findall(r"option\((\w+)", (ROOT / "CMakeLists.txt").read_text())
        self.assertLessEqual(set(options), set(known))

    def test_the_recipes_have_every_dependency_of_the_static_library(self):
        pc = re.search(r"Requires.private: (.*)", (ROOT / "cmake/ottla.pc.in").read_text())[1].split()
        headers_only = {"boost", "nlohmann_json"}  # nothing of them is linked
        wanted = {name.removeprefix("lib") for name in pc} | headers_only
        conan = re.findall(r'self\.requires\("(\w+)/', (ROOT / "packaging/conan/conanfile.py").read_text())
        self.assertEqual(wanted, set(conan))
        vcpkg = json.loads((self.port / "vcpkg.json").read_text())["dependencies"]
        self.assertEqual(wanted, {re.sub(r"^boost-.*", "boost", name).replace("-", "_") for name in vcpkg if isinstance(name, str)})


if __name__ == "__main__":
    unittest.main()
