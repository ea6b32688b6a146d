"""What a run of servers was made on, beside what every bench records: the cores, the tools, the peers."""

import ssl
from typing import Any

from bench.e2e.build import BUILT
from bench.e2e.peers import PEERS
from bench.facts import machine, says, versions


def collect(names: set[str], server_core: int, load_core: int) -> dict[str, Any]:
    """Gather the facts, with the versions of the named peers."""
    return {
        **machine(),
        "server_core": server_core,
        "load_core": load_core,
        "gcc": says("gcc", "-dumpfullversion"),
        "wrk": says("wrk", "-v").removeprefix("wrk").partition("[")[0].strip(),
        # What Python's peers encrypt with, and what the limit and the load do.
        "python_openssl": ssl.OPENSSL_VERSION,
        "openssl": says("openssl", "version"),
        "peers": {name: _versions(name) for name in sorted(names)},
    }


def _versions(name: str) -> dict[str, str]:
    if name in ("axum", "tokio"):
        built = BUILT / "axum.versions"
        return dict(line.split() for line in built.read_text().splitlines()) if built.exists() else {}
    return versions(*PEERS[name].packages)
