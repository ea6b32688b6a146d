"""Programs are built when their source is newer, and what cannot be built says why."""

import os
import shutil
from pathlib import Path

import pytest

from bench.e2e import build
from bench.e2e.build import Missing, Program, binary, compiled_echo


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Build from and into a folder of the test's own; it has one program, `tiny`."""
    monkeypatch.setattr(build, "PEERS", tmp_path)
    monkeypatch.setattr(build, "BUILT", tmp_path / "built")
    program = Program(("tiny.c",), ("tiny.h",), remedy="install the missing header")
    monkeypatch.setitem(build.PROGRAMS, "tiny", program)
    (tmp_path / "tiny.h").write_text("")
    (tmp_path / "tiny.c").write_text('#include "tiny.h"\nint main(void) { return 0; }\n')
    return tmp_path


def test_program_is_built_once(folder: Path) -> None:
    built = binary("tiny").stat().st_mtime_ns
    assert binary("tiny").stat().st_mtime_ns == built


def test_newer_header_builds_the_program_again(folder: Path) -> None:
    out = binary("tiny")
    os.utime(out, (0, 0))
    os.utime(folder / "tiny.c", (0, 0))
    assert binary("tiny").stat().st_mtime > 0


def test_program_that_does_not_compile_is_missing_with_the_error_and_the_remedy(folder: Path) -> None:
    (folder / "tiny.c").write_text("#include <no/such/header.h>\nint main(void) { return 0; }\n")
    with pytest.raises(Missing, match=r"no/such/header\.h: No such file.*; install the missing header"):
        binary("tiny")


def test_changed_declarations_of_the_package_build_the_compiled_echo_again() -> None:
    out = compiled_echo()
    os.utime(out, (0, 0))
    os.utime(out.with_suffix(".c"), (0, 0))
    assert compiled_echo().stat().st_mtime > 0


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command makes the certificate")
def test_certificate_is_made_once_with_its_key(folder: Path) -> None:
    cert, key = build.certificate()
    made = cert.read_text()
    assert "BEGIN CERTIFICATE" in made
    assert "PRIVATE KEY" in key.read_text()
    assert build.certificate()[0].read_text() == made
