"""Examples, run as their first lines say, and asked by curl."""

import contextlib
import json
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from served import PATIENCE, PLAIN, ROOT, Answer, free_port, program

# What the examples listen on where nothing is said.
DEFAULT_ADDRESS = "127.0.0.1:3000"


class Example:
    """An example that runs, on a port of its own; and when it has ended, what it has written."""

    def __init__(self, name: str, port: int, process: "subprocess.Popen[bytes]") -> None:
        self.name = name
        self.port = port
        self.address = f"127.0.0.1:{port}"
        self.process = process
        self.output = self.log = ""  # of its end

    def documented(self) -> list[str]:
        """Return the arguments of each curl in its first lines, as they are written there."""
        text = ROOT.joinpath("examples", f"{self.name}.py").read_text().split('"""')[1]
        return re.findall(r"(?m)^    curl (.+)$", text)

    def ask_as_documented(self) -> list[Answer]:
        """Run each curl in its first lines; return the answers."""
        return [self.curl(*shlex.split(line)) for line in self.documented()]

    def curl(self, *arguments: str, input: bytes = b"") -> Answer:
        """Run curl; return the last answer. An argument that begins with "/" is a path."""
        return curl(
            *[
                f"http://{self.address}{argument}"
                if argument.startswith("/")
                else argument.replace(DEFAULT_ADDRESS, self.address)
                for argument in arguments
            ],
            input=input,
        )

    def ask(self, path: str, body: Any = None, *arguments: str) -> tuple[int, Any]:
        """Return status and JSON, or bytes, of the answer to curl; body: sent as JSON."""
        if body is not None:
            arguments = ("--json", json.dumps(body), *arguments)
        answer = self.curl(path, *arguments)
        if "json" in answer.headers.get("content-type", ""):
            return answer.status, json.loads(answer.body)
        return answer.status, answer.body

    def end(self) -> None:
        """Interrupt it, if it still runs; wait for its end, which has to be an orderly one."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        output, log = self.process.communicate(timeout=PATIENCE)
        self.output, self.log = output.decode(), log.decode()
        assert self.process.returncode == 0, self.log


@contextlib.contextmanager
def example(name: str, *arguments: str, logs: bool = False) -> Iterator[Example]:
    """Run an example with arguments and an address; logs: it may write to stderr."""
    port = free_port()
    command = (f"examples/{name}.py", *arguments, f"127.0.0.1:{port}")
    with program(*command, ports=(port,)) as process:
        running = Example(name, port, process)
        yield running
        running.end()
    assert logs or running.log == ""


def curl(*arguments: str, input: bytes = b"") -> Answer:
    """Run curl with arguments; return the last answer."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    with tempfile.TemporaryDirectory() as folder:
        head = Path(folder, "head")
        done = subprocess.run(
            # The head goes elsewhere, also where it is asked for.
            ["curl", "--silent", "--show-error", *(each for each in arguments if each != "-i"),
             "--dump-header", head],
            input=input, capture_output=True, env=PLAIN, cwd=ROOT, timeout=PATIENCE,
        )
        if b"--json: is unknown" in done.stderr:
            pytest.skip("this curl has no --json: it is older than 7.82")
        assert done.returncode == 0, done.stderr
        first, *lines = head.read_text("latin-1").rstrip().rpartition("\n\n")[2].split("\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Answer(int(first.split(" ")[1]), headers, done.stdout)
