"""The site that tests of the server talk to, and the collector and signals that tests rely on."""

import gc
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from served import Site

from fastloop._server import Server as SocketServer
from fastloop_http import Router

# A shell without job control has background jobs ignore Ctrl-C, and their children with them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="module")
def spared() -> None:
    """Spare the collector what pytest keeps of thousands of tests: many collect, and some at every turn."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def tls_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a PEM file: a key, and its certificate for localhost, which it has signed itself."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    directory = tmp_path_factory.mktemp("tls")
    key, certificate, both = (directory / name for name in ("key", "certificate", "both.pem"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both


@pytest.fixture
def make_site() -> Iterator[Callable[..., Site]]:
    """Serve apps, `make_site(app, **server options)`; none may leave a complaint with its loop."""
    sites: list[Site] = []

    def make(app: Router, **options: Any) -> Site:
        sites.append(Site(app, **options))
        return sites[-1]

    yield make
    for site in sites:
        site.stop()
        site.close_peers()
    for site in sites:
        assert site.reports == []
        assert site.failure is None


@pytest.fixture
def accepted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list that every connection a server of this process accepts is put on."""
    transports: list[object] = []
    attach = SocketServer._attach

    def attach_and_note(server: SocketServer, transport: object) -> None:
        transports.append(transport)
        attach(server, transport)

    monkeypatch.setattr(SocketServer, "_attach", attach_and_note)
    return transports
