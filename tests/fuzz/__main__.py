"""Fuzz the HTTP/1.1 parser for a bounded time: `make fuzz`, or `python -m tests.fuzz`.

Two fuzzers, both guided by coverage. libFuzzer drives the compiled parser (target.pyx) under the address and
undefined-behaviour sanitizers. atheris compares the parser with the reference of tests/oracles, guided by
what the latter has not done yet. Both begin with the vectors of tests/oracles and with what earlier runs have
found, which stays in build/fuzz. A crash leaves its input there, and ends the run with status 1.
"""

import argparse
import os
import shlex
import subprocess
import sys
import sysconfig
from hashlib import sha1
from pathlib import Path

from tests.oracles.vectors import REFUSED_BODIES, REFUSED_HEADS, VALID_BODIES, VALID_HEADS

HERE = Path(__file__).parent
OUT = Path("build/fuzz")
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
# Bytes of an input: a few fields beyond what the small limits of the targets allow.
MOST_BYTES = 4096


def write_seeds(directory: Path) -> Path:
    """Write the vectors as inputs: each behind the bytes by which the targets choose limits and cuts."""
    directory.mkdir(parents=True, exist_ok=True)
    for table in (REFUSED_HEADS, REFUSED_BODIES, VALID_HEADS, VALID_BODIES):
        for vectors in table.values():
            for data in vectors.values():
                if len(data) < MOST_BYTES:
                    seed = b"\0\x01\x07\0" + data
                    (directory / sha1(seed).hexdigest()).write_bytes(seed)
    return directory


def build_libfuzzer() -> Path:
    """Compile target.pyx and the main program, by clang; the modules in the tree are built already."""
    program = OUT / "libfuzzer"
    include = f"-I{sysconfig.get_path('include')}"
    config = sysconfig.get_config_vars()
    common = ["clang", "-g", "-O1", "-fno-omit-frame-pointer", include]
    python = [f"-L{config['LIBDIR']}", f"-Wl,-rpath,{config['LIBDIR']}", f"-lpython{config['LDVERSION']}"]
    generated = OUT / "target.c"
    run([sys.executable, "-m", "cython", "-3", "-X", "binding=False", "-o", generated, HERE / "target.pyx"])
    run([*common, "-fsanitize=fuzzer-no-link", *SANITIZERS, "-shared", "-fPIC", "-Wno-everything",
         generated, "-o", OUT / f"target{config['EXT_SUFFIX']}"])
    run([*common, "-fsanitize=fuzzer", *SANITIZERS, "-rdynamic", HERE / "libfuzzer.c", "-o", program, *python,
         *shlex.split(config["LIBS"])])
    return program


def fuzz_compiled(seconds: int) -> int:
    """Run libFuzzer; return its exit status."""
    program = build_libfuzzer()
    corpus = OUT / "libfuzzer-corpus"
    corpus.mkdir(exist_ok=True)
    return subprocess.run(
        [program, corpus, write_seeds(OUT / "seeds"), f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}",
         f"-artifact_prefix={OUT}/", "-timeout=5", "-print_final_stats=1", "-verbosity=1"],
        env=os.environ | {
            "PYTHONPATH": os.pathsep.join([str(OUT), ".", *filter(None, sys.path)]),
            # The interpreter keeps what it has to the end.
            "ASAN_OPTIONS": "detect_leaks=0",
            "PYTHONMALLOC": "malloc",
        },
        check=False,
    ).returncode


def fuzz_against_reference(seconds: int) -> int:
    """Run atheris; return its exit status."""
    corpus = OUT / "atheris-corpus"
    corpus.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.reference", corpus, write_seeds(OUT / "seeds"),
         f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}", f"-artifact_prefix={OUT}/", "-timeout=20",
         "-print_final_stats=1"],
        check=False,
    ).returncode


FUZZERS = {"libfuzzer": fuzz_compiled, "atheris": fuzz_against_reference}


def run(command: list[object]) -> None:
    subprocess.run([str(part) for part in command], check=True)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("fuzzers", nargs="*", choices=[*FUZZERS, []], help="default: all")
    options.add_argument("--seconds", type=int, default=60, help="for each (default 60)")
    chosen = options.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    failed = [name for name in chosen.fuzzers or FUZZERS if FUZZERS[name](chosen.seconds) != 0]
    for name in failed:
        print(f"{name}: failed; its input is in {OUT}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
