"""testing: its tests, run by pytest as its first lines say, and what they test, served."""

import os
import subprocess
import sys

from served import PATIENCE, ROOT
from shown import example


def test_its_tests_pass() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "examples/testing.py"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, timeout=4 * PATIENCE,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_its_app_is_served() -> None:
    with example("testing") as testing:
        assert testing.ask("/") == (200, b"Hello")
        assert testing.ask("/", None, "-H", "Accept-Language: de-AT,de;q=0.9") == (200, b"Hallo")
        assert testing.ask("/", None, "-H", "Accept-Language: sv")[0] == 404
        assert testing.ask("/shout", {"text": "hey"}) == (200, {"text": "HEY"})
