"""Build the compiled half of fastloop.

Directives and compiler flags live here and nowhere else. Two variables choose another build:
FASTLOOP_DEBUG=1 (unoptimised, with Cython's checks) and FASTLOOP_SANITIZE=1 (ASan + UBSan), or =fuzz (these
by clang, and what guides libFuzzer).
`python setup.py preflight` needs nothing but Python: it says what this machine lacks, and compiles nothing.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Optional


def lacking() -> Optional[str]:
    """Say in one sentence what keeps this machine from building fastloop; None if nothing does.

    Plain in syntax: an old Python has to get as far as its own sentence.
    """
    version = "%d.%d" % sys.version_info[:2]
    if not sys.platform.startswith("linux"):
        return "fastloop is built on epoll and runs on Linux only; this is %s." % sys.platform
    if sys.version_info < (3, 11):
        return "fastloop needs Python 3.11 or newer; %s is %s." % (sys.executable, version)
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        return f"fastloop needs a C compiler to build, and {compiler[0]!r} is not on PATH; install gcc."
    include = sysconfig.get_path("include")
    if not Path(include, "Python.h").is_file():
        return (f"fastloop needs Python's headers to build, and {include}/Python.h is missing; "
                f"install python{version}-dev.")
    # A compiler without the C library's headers is what a bare `apt-get install gcc` leaves.
    probe = subprocess.run(
        [*compiler, "-E", "-x", "c", f"-I{include}", "-"],
        input="#include <Python.h>\n", capture_output=True, text=True, check=False,
    )
    if probe.returncode != 0:
        why = next((line for line in probe.stderr.splitlines() if "error" in line), "no reason given")
        return f"fastloop needs a C compiler that can read Python.h, and {compiler[0]!r} fails: {why}."
    return None


PREFLIGHT = __name__ == "__main__" and sys.argv[1:] == ["preflight"]
# Wherever nothing can ever be built, the sentence comes before Cython is asked for.
if PREFLIGHT or not sys.platform.startswith("linux") or sys.version_info < (3, 11):
    sys.exit(lacking())

import Cython
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

DEBUG = os.environ.get("FASTLOOP_DEBUG") == "1"
SANITIZE = os.environ.get("FASTLOOP_SANITIZE") in ("1", "fuzz")
FUZZ = os.environ.get("FASTLOOP_SANITIZE") == "fuzz"
CHECKED = DEBUG or SANITIZE
CORES = len(os.sched_getaffinity(0))

# Objects are kept by kind of build and by ABI, generated C by kind of build and by Cython: what differs in
# either is never mistaken for up to date.
BUILD = "build/" + ("fuzzed" if FUZZ else "sanitize" if SANITIZE else "debug" if DEBUG else "release")
ABI = str(sysconfig.get_config_var("SOABI"))

DIRECTIVES = {
    "language_level": 3,
    # Plain method descriptors: the interpreter specialises calls to them.
    "binding": False,
    "boundscheck": CHECKED,
    "wraparound": False,
    "initializedcheck": CHECKED,
    "nonecheck": CHECKED,
    "cdivision": True,
    # No object of ours makes sense in another process.
    "auto_pickle": False,
}

COMPILE = ["-std=c11", "-Wall", "-Wno-unused-function", "-fvisibility=hidden"]
LINK: list[str] = []
MACROS: list[tuple[str, str | None]] = [("CYTHON_CLINE_IN_TRACEBACK", "1" if CHECKED else "0")]

if SANITIZE:
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    COMPILE += ["-O1", "-g", "-fno-omit-frame-pointer", *sanitizers]
    LINK += sanitizers
    if FUZZ:
        COMPILE += ["-fsanitize=fuzzer-no-link", "-fsanitize-ignorelist=tests/fuzz/ignored.txt"]
elif DEBUG:
    COMPILE += ["-O0", "-g3"]
else:
    # No PLT stubs between us and libpython: they are on every call into the interpreter.
    COMPILE += ["-O3", "-fno-plt", "-fno-semantic-interposition"]
    LINK += ["-Wl,-z,now"]

# Their loops end after a few bytes: what -O3 does for long ones costs a request head a tenth of its time.
SHORT_LOOPS = () if CHECKED else tuple(f"fastloop_http._h1.{name}" for name in ("fields", "head", "verdict"))


class BuildExt(build_ext):
    """build_ext that compiles on every core, keeps its objects, and says in one sentence what is lacking."""

    def finalize_options(self) -> None:
        super().finalize_options()
        if self.parallel is None:
            self.parallel = CORES
        self.build_temp = f"{BUILD}/temp.{ABI}"
        if self.inplace:
            # An editable install would build in a throw-away directory, and compile everything every time.
            self.build_lib = f"{BUILD}/lib.{ABI}"

    def run(self) -> None:
        why = lacking()
        if why is not None:
            sys.exit(why)
        # Only here: metadata and source distributions need no C.
        generated = {module.name: module for module in cythonized()}
        for extension in self.extensions:
            # Sources, and the directories and headers that its cimports brought along.
            extension.__dict__.update(vars(generated[extension.name]))
        super().run()

    def copy_extensions_to_source(self) -> None:
        # A newer module in the tree may be of another kind of build.
        self.force = True
        super().copy_extensions_to_source()


def extensions() -> list[Extension]:
    """One extension a .pyx: separate modules cost no call time when they meet through a .pxd."""
    found = []
    for package in ("fastloop/_core", "fastloop_http/_h1"):
        for source in sorted(Path(package).glob("*.pyx")):
            name = str(source.with_suffix("")).replace("/", ".")
            found.append(Extension(
                name,
                [str(source)],
                # The flags are in this file: an object older than it is out of date.
                depends=["setup.py", *map(str, sorted(Path(source.parts[0]).rglob("*.h")))],
                extra_compile_args=[*COMPILE, "-O2"] if name in SHORT_LOOPS else COMPILE,
                extra_link_args=LINK,
                define_macros=MACROS,
            ))
    return found


def cythonized() -> list[Extension]:
    """Cythonize what changed; all of it when the directives may have."""
    generated = Path(BUILD, f"cython-{Cython.__version__}")
    changed = Path("setup.py").stat().st_mtime
    modules: list[Extension] = cythonize(
        extensions(),
        compiler_directives=DIRECTIVES,
        build_dir=str(generated),
        force=any(c.stat().st_mtime < changed for c in generated.rglob("*.c")),
        nthreads=CORES,
        quiet=True,
    )
    return modules


# Cython's workers may import this file again: only the first to run it builds.
if __name__ == "__main__":
    setup(
        ext_modules=extensions(),
        cmdclass={"build_ext": BuildExt},
        options={"build": {"build_base": BUILD, "build_lib": f"{BUILD}/lib.{ABI}"}},
    )
