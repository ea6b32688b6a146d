"""What is shipped: a source distribution of this tree, and a wheel built from that.

The wheel's build is given what is already compiled here, with its times: the wheel is a real one, and costs
no compiler run when the tree is built.
"""

import email
import email.message
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path
from shutil import copy2, copytree, ignore_patterns

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("fastloop", "fastloop_http")
SOURCES = (".pyx", ".pxd", ".h", ".pyi", ".py")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("FASTLOOP_")}


def of_suffix(names: set[str], *suffixes: str) -> set[str]:
    return {name for name in names if name.endswith(suffixes)}


def python(
    *arguments: str, cwd: Path = ROOT, **environment: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=ENVIRONMENT | environment,
        capture_output=True, text=True, check=False, timeout=600,
    )


def build(hook: str, tree: Path, out: Path) -> Path:
    """Call a PEP 517 hook of setuptools as pip does, with the setuptools and Cython installed here."""
    code = f"from setuptools import build_meta; build_meta.{hook}({str(out)!r})"
    done = python("-c", code, cwd=tree)
    assert done.returncode == 0, done.stdout + done.stderr
    (artifact,) = (path for path in out.iterdir() if path.suffix == (".whl" if "wheel" in hook else ".gz"))
    return artifact


@pytest.fixture(scope="module")
def shipped() -> set[str]:
    """Return every file of ours that a user may read, cimport or type-check against."""
    return {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in ROOT.joinpath(package).rglob("*")
        if path.suffix in SOURCES or path.name == "py.typed"
    }


@pytest.fixture(scope="module")
def sdist_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from a copy: the tree under test gets no egg-info from its tests."""
    top = tmp_path_factory.mktemp("packaging") / "tree"
    for package in PACKAGES:
        copytree(ROOT / package, top / package, ignore=ignore_patterns("*.so", "__pycache__"))
    for path in ROOT.iterdir():
        if path.is_file():
            copy2(path, top)
    return build("build_sdist", top, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def sdist(sdist_path: Path) -> set[str]:
    with tarfile.open(sdist_path) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


@pytest.fixture(scope="module")
def wheel_path(sdist_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from the source distribution, as a user does, with the objects that a release build left here."""
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist_path) as archive:
        archive.extraction_filter = lambda member, _: member
        archive.extractall(unpacked)
    (top,) = unpacked.iterdir()
    objects = ROOT / "build/release"
    if objects.is_dir():
        copytree(objects, top / "build/release")
    for module in top.glob("build/release/lib.*/**/*.so"):
        # A module whose source is gone stays in build/, and would be shipped.
        home = top.joinpath(*module.relative_to(top).parts[3:-1])
        if not (home / module.name.partition(".")[0]).with_suffix(".pyx").exists():
            module.unlink()
    return build("build_wheel", top, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def wheel(wheel_path: Path) -> set[str]:
    with zipfile.ZipFile(wheel_path) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(wheel_path: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel_path) as archive:
        (name,) = of_suffix(set(archive.namelist()), ".dist-info/METADATA")
        return email.message_from_bytes(archive.read(name))


@pytest.mark.slow
def test_sdist_holds_every_source(sdist: set[str], shipped: set[str]) -> None:
    assert shipped | {"LICENSE", "README.md", "pyproject.toml", "setup.py"} <= sdist


@pytest.mark.slow
def test_sdist_holds_nothing_generated(sdist: set[str]) -> None:
    assert not of_suffix(sdist, ".c", ".so", ".o", ".pyc")


@pytest.mark.slow
def test_wheel_holds_what_users_import_and_cimport(wheel: set[str], shipped: set[str]) -> None:
    assert shipped - of_suffix(shipped, ".pyx") <= wheel


@pytest.mark.slow
def test_wheel_holds_one_module_for_each_pyx_and_no_other(wheel: set[str], shipped: set[str]) -> None:
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    modules = {source.removesuffix(".pyx") + suffix for source in of_suffix(shipped, ".pyx")}
    assert of_suffix(wheel, ".so") == modules


@pytest.mark.slow
def test_wheel_holds_no_source_of_a_compiled_module(wheel: set[str]) -> None:
    assert not of_suffix(wheel, ".pyx", ".c", ".o")


@pytest.mark.slow
def test_wheel_holds_our_packages_and_their_metadata_only(wheel: set[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert of_suffix(wheel, ".dist-info/licenses/LICENSE")


@pytest.mark.slow
def test_every_module_of_the_wheel_imports_from_it(wheel_path: Path, wheel: set[str], tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel_path) as archive:
        archive.extractall(tmp_path)
    names = [name.partition(".")[0].replace("/", ".") for name in sorted(of_suffix(wheel, ".so"))]
    code = f"""
import importlib, sys
sys.path.insert(0, {str(tmp_path)!r})
for name in {[*PACKAGES, *names]!r}:
    assert importlib.import_module(name).__file__.startswith({str(tmp_path)!r}), name
"""
    done = python("-P", "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_documented_extension_builds_against_the_wheel_and_runs(wheel_path: Path, tmp_path: Path) -> None:
    """docs/c-interface.md: its files, each in a block that begins with its name, do what is said there."""
    site, work = tmp_path / "site", tmp_path / "work"
    work.mkdir()
    with zipfile.ZipFile(wheel_path) as archive:
        archive.extractall(site)
    text = ROOT.joinpath("docs/c-interface.md").read_text()
    blocks = re.findall(r"```\w+\n# (\S+)\n(.*?)```", text, re.DOTALL)
    assert [name for name, _ in blocks] == ["echo.pyx", "setup.py", "main.py"]
    for name, text in blocks:
        work.joinpath(name).write_text(text)
    built = python("setup.py", "build_ext", "--inplace", cwd=work, PYTHONPATH=str(site))
    assert built.returncode == 0, built.stdout + built.stderr
    done = python("main.py", cwd=work, PYTHONPATH=str(site))
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hello, World!\n", "")
    # "TLS included": the same program, with contexts; TLS has no half-close, so as many bytes are read.
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost"]
    made = subprocess.run(
        [*command, "-keyout", work / "key", "-out", work / "crt"],
        capture_output=True, text=True, check=False,
    )
    assert made.returncode == 0, made.stderr
    text = work.joinpath("main.py").read_text()
    for plain, tls in [
        ("import asyncio\n", "import asyncio\nimport ssl\n\n"
         "serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\nserving.load_cert_chain('crt', 'key')\n"
         "trusting = ssl._create_unverified_context()\n"),
        ('"127.0.0.1", 0)', '"127.0.0.1", 0, ssl=serving)'),
        ("getsockname())", "getsockname(), ssl=trusting)"),
        ("    writer.write_eof()\n", ""),
        ("reader.read()", "reader.readexactly(13)"),
    ]:
        assert text.count(plain) == 1, plain
        text = text.replace(plain, tls)
    work.joinpath("main.py").write_text(text)
    done = python("main.py", cwd=work, PYTHONPATH=str(site))
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hello, World!\n", "")


@pytest.mark.slow
def test_metadata_names_licence_python_and_one_dependency(metadata: email.message.Message) -> None:
    assert metadata["Name"] == "fastloop"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    required = metadata.get_all("Requires-Dist", [])
    assert [line.partition(">")[0] for line in required if "extra ==" not in line] == ["msgspec"]


@pytest.mark.slow
def test_metadata_names_the_extras(metadata: email.message.Message) -> None:
    assert sorted(metadata.get_all("Provides-Extra", [])) == [
        "bench", "compression", "dev", "fuzz", "multipart", "otel", "session", "test", "testing",
    ]  # fmt: skip


def test_warnings_are_errors_in_our_tests() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert options["filterwarnings"][0] == "error"


def refusal(code: str, **environment: str) -> str:
    """Run setup.py's build after some code that takes something away; return what it says."""
    prelude = "import runpy, sys, sysconfig\nsys.argv = ['setup.py', '-q', 'build_ext']\n"
    done = python("-c", f"{prelude}{code}\nrunpy.run_path('setup.py', run_name='__main__')", **environment)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout == ""
    return done.stderr


def test_other_platforms_are_refused_in_one_sentence() -> None:
    assert refusal("sys.platform = 'darwin'") == (
        "fastloop is built on epoll and runs on Linux only; this is darwin.\n"
    )


def test_old_pythons_are_refused_in_one_sentence() -> None:
    said = refusal("sys.version_info = (3, 10, 0, 'final', 0)")
    assert said == f"fastloop needs Python 3.11 or newer; {sys.executable} is 3.10.\n"


def test_missing_compiler_is_said_in_one_sentence() -> None:
    said = refusal("", CC="no-such-compiler")
    assert said == (
        "fastloop needs a C compiler to build, and 'no-such-compiler' is not on PATH; install gcc.\n"
    )


def test_missing_headers_are_said_in_one_sentence(tmp_path: Path) -> None:
    said = refusal(f"sysconfig.get_path = lambda *_: {str(tmp_path)!r}")
    version = "{}.{}".format(*sys.version_info)
    assert said == (
        f"fastloop needs Python's headers to build, and {tmp_path}/Python.h is missing; "
        f"install python{version}-dev.\n"
    )


def test_compiler_that_cannot_read_the_headers_is_said_in_one_sentence() -> None:
    said = refusal("", CC="false")
    assert said == "fastloop needs a C compiler that can read Python.h, and 'false' fails: no reason given.\n"


def test_preflight_passes_where_fastloop_was_built() -> None:
    done = python("setup.py", "preflight")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
