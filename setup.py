"""Build the compiled half of fastloop.

Directives and compiler flags live here and nowhere else. Two variables choose another build:
FASTLOOP_DEBUG=1 (unoptimised, with Cython's checks) and FASTLOOP_SANITIZE=1 (ASan + UBSan).
"""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

if not sys.platform.startswith("linux"):
    sys.exit(f"fastloop is built on epoll and runs on Linux only; this is {sys.platform}.")
if sys.version_info < (3, 11):
    sys.exit(f"fastloop needs Python 3.11 or newer; this is {sys.version.split()[0]}.")

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

DEBUG = os.environ.get("FASTLOOP_DEBUG") == "1"
SANITIZE = os.environ.get("FASTLOOP_SANITIZE") == "1"
CHECKED = DEBUG or SANITIZE

DIRECTIVES = {
    "language_level": 3,
    # Plain method descriptors: the interpreter specialises calls to them.
    "binding": False,
    "boundscheck": CHECKED,
    "wraparound": False,
    "initializedcheck": CHECKED,
    "nonecheck": CHECKED,
    "cdivision": True,
}

COMPILE = ["-std=c11", "-Wall", "-Wno-unused-function", "-fvisibility=hidden"]
LINK: list[str] = []
MACROS: list[tuple[str, str | None]] = [("CYTHON_CLINE_IN_TRACEBACK", "1" if CHECKED else "0")]

if SANITIZE:
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    COMPILE += ["-O1", "-g", "-fno-omit-frame-pointer", *sanitizers]
    LINK += sanitizers
elif DEBUG:
    COMPILE += ["-O0", "-g3"]
else:
    # No PLT stubs between us and libpython: they are on every call into the interpreter.
    COMPILE += ["-O3", "-fno-plt", "-fno-semantic-interposition"]
    LINK += ["-Wl,-z,now"]


class BuildExt(build_ext):
    """build_ext that says in one sentence what the machine lacks."""

    def run(self) -> None:
        compiler = os.environ.get("CC", sysconfig.get_config_var("CC") or "cc").split()[0]
        if shutil.which(compiler) is None and shutil.which("gcc") is None:
            sys.exit(f"fastloop needs a C compiler to build, and {compiler!r} is not on PATH; install gcc.")
        include = Path(sysconfig.get_path("include"))
        if not (include / "Python.h").is_file():
            sys.exit(f"fastloop needs Python's headers to build, and {include}/Python.h is missing; "
                     f"install python{sys.version_info.major}.{sys.version_info.minor}-dev.")
        super().run()


def extensions() -> list[Extension]:
    """One extension a .pyx: separate modules cost no call time when they meet through a .pxd."""
    return [
        Extension(
            str(source.with_suffix("")).replace("/", "."),
            [str(source)],
            depends=[str(header) for header in sorted(source.parent.glob("*.h"))],
            extra_compile_args=COMPILE,
            extra_link_args=LINK,
            define_macros=MACROS,
        )
        for package in ("fastloop/_core", "fastloop_http/_h1")
        for source in sorted(Path(package).glob("*.pyx"))
    ]


# Python 3.14 starts cythonize()'s workers by importing this file again.
if __name__ == "__main__":
    setup(
        ext_modules=cythonize(
            extensions(),
            compiler_directives=DIRECTIVES,
            build_dir="build/cython",
            nthreads=os.cpu_count() or 1,
            quiet=True,
        ),
        cmdclass={"build_ext": BuildExt},
    )
