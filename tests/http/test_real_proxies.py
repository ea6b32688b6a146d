"""haproxy and nginx in front of a server: their PROXY headers, and their words on clients."""

import contextlib
import http.client
import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from served import PATIENCE, PLAIN, Site, eventually, free_port, listening

from fastloop_http import Request, Router, get

MakeSite = Callable[..., Site]
LOOPBACK = ["127.0.0.1"]
STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
FORGED = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https",
          "Forwarded": 'for=203.0.113.9;proto=https;x="'}


async def who(request: Request) -> dict[str, Any]:
    return {"client": request.client, "scheme": request.scheme, "host": request.host}


APP = Router().route("/", get(who))


@contextlib.contextmanager
def running(*command: object, port: int) -> Iterator[None]:
    """Run a program till it listens on port; terminate it in the end."""
    with subprocess.Popen(
        [*map(str, command)], env=PLAIN, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            assert eventually(lambda: process.poll() is not None or listening(port))
            assert process.poll() is None, process.communicate()
            yield
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE)
        finally:
            process.kill()


@contextlib.contextmanager
def haproxy(directory: Path, front: str, back: str, mode: str = "tcp") -> Iterator[int]:
    """Run haproxy with the lines front and back; give its port, which front has as PORT."""
    if shutil.which("haproxy") is None:
        pytest.skip("there is no haproxy; install Debian's package haproxy")
    port = free_port()
    config = directory / "haproxy.cfg"
    config.write_text(f"""
global
    maxconn 50
defaults
    mode {mode}
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend front
    {front.replace("PORT", f"127.0.0.1:{port}")}
    default_backend back
backend back
    {back}
""")
    with running("haproxy", "-db", "-f", config, port=port):
        yield port


@contextlib.contextmanager
def nginx(directory: Path, text: str) -> Iterator[int]:
    """Run nginx with the blocks of text; give its port, which text has as PORT."""
    if shutil.which("nginx") is None:
        pytest.skip("there is no nginx; install Debian's package nginx")
    port = free_port()
    config = directory / "nginx.conf"
    load = f"load_module {STREAM_MODULE};" if STREAM_MODULE.exists() and "stream {" in text else ""
    config.write_text(f"""{load}
daemon off;
master_process off;
pid {directory}/pid;
error_log {directory}/error.log;
events {{}}
{text.replace("PORT", f"127.0.0.1:{port}").replace("TEMPORARY", str(directory / "temporary"))}
""")
    with running("nginx", "-p", directory, "-e", directory / "error.log", "-c", config, port=port):
        yield port


def ask(port: int, context: ssl.SSLContext | None = None, **headers: str) -> tuple[Any, list[Any]]:
    """Return what the handler was told of two requests on one connection to port, and our own name."""
    if context is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    else:
        connection = http.client.HTTPSConnection("localhost", port, timeout=PATIENCE, context=context)
    with contextlib.closing(connection):
        answers = []
        for _ in range(2):
            connection.request("GET", "/", headers={"Host": "a.example", **headers})
            answers.append(json.loads(connection.getresponse().read()))
        assert isinstance(connection.sock, socket.socket)
        own = connection.sock.getsockname()
    assert answers[0] == answers[1]
    return answers[0], [*own]


SENT = ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,authority"]


@pytest.mark.parametrize("sent", SENT)
def test_haproxy_sends_the_client_ahead(make_site: MakeSite, tmp_path: Path, sent: str) -> None:
    site = make_site(APP, proxy_protocol_from=LOOPBACK)
    with haproxy(tmp_path, "bind PORT", f"server one 127.0.0.1:{site.port} {sent}") as port:
        answer, own = ask(port, **FORGED)
    assert answer == {"client": own, "scheme": "http", "host": "a.example"}


@pytest.mark.parametrize("sent", SENT)
def test_haproxy_passes_tls_through(
    make_site: MakeSite, tmp_path: Path, tls_file: Path, sent: str
) -> None:
    site = make_site(APP, proxy_protocol_from=LOOPBACK, tls_certificate=tls_file)
    with haproxy(tmp_path, "bind PORT", f"server one 127.0.0.1:{site.port} {sent}") as port:
        answer, own = ask(port, ssl.create_default_context(cafile=tls_file))
    assert answer == {"client": own, "scheme": "https", "host": "a.example"}


@pytest.mark.parametrize(("sent", "scheme"), [("send-proxy-v2-ssl", "https"), ("send-proxy-v2", "http")])
def test_haproxy_tells_of_the_tls_that_it_ends(
    make_site: MakeSite, tmp_path: Path, tls_file: Path, sent: str, scheme: str
) -> None:
    site = make_site(APP, proxy_protocol_from=LOOPBACK)
    front = f"bind PORT ssl crt {tls_file}"
    with haproxy(tmp_path, front, f"server one 127.0.0.1:{site.port} {sent}") as port:
        answer, own = ask(port, ssl.create_default_context(cafile=tls_file))
    assert answer == {"client": own, "scheme": scheme, "host": "a.example"}


@pytest.mark.parametrize("sent", ["send-proxy", "send-proxy-v2"])
def test_haproxy_finds_the_server_healthy(make_site: MakeSite, tmp_path: Path, sent: str) -> None:
    asked: list[Any] = []

    async def health(request: Request) -> str:
        asked.append(request.client)
        return "healthy"

    app = Router().route("/", get(who)).route("/health", get(health))
    site = make_site(app, proxy_protocol_from=LOOPBACK)
    back = f"option httpchk GET /health\n    server one 127.0.0.1:{site.port} check inter 50ms {sent}"
    with haproxy(tmp_path, "bind PORT", back) as port:
        assert eventually(lambda: len(asked) > 3)
        answer, own = ask(port)
        assert answer["client"] == own
    assert {host for host, _ in asked} == {"127.0.0.1"}


def test_haproxy_adds_x_forwarded_for(make_site: MakeSite, tmp_path: Path) -> None:
    # The address of the proxy alone is trusted: the client's is another.
    site = make_site(APP, trusted_proxies=["127.0.0.2"], forwarded_fields="x-forwarded")
    front = "bind PORT\n    option forwardfor\n    http-request set-header X-Forwarded-Proto http"
    back = f"source 127.0.0.2\n    server one 127.0.0.1:{site.port}"
    with haproxy(tmp_path, front, back, "http") as port:
        answer, own = ask(port, **FORGED)
    assert answer == {"client": [own[0], 0], "scheme": "http", "host": "a.example"}


def test_haproxy_adds_forwarded(make_site: MakeSite, tmp_path: Path) -> None:
    if shutil.which("haproxy") is not None:
        told = subprocess.run(["haproxy", "-v"], capture_output=True, text=True, check=True, env=PLAIN)
        found = re.search(r"version (\d+)\.(\d+)", told.stdout)
        if found is None or (int(found[1]), int(found[2])) < (2, 8):
            pytest.skip("this haproxy has no 'option forwarded'; it came with 2.8")
    site = make_site(APP, trusted_proxies=["127.0.0.2"], forwarded_fields="forwarded")
    front = "bind PORT\n    option forwarded proto host for for_port"
    back = f"source 127.0.0.2\n    server one 127.0.0.1:{site.port}"
    with haproxy(tmp_path, front, back, "http") as port:
        answer, own = ask(port, **FORGED)
    assert answer == {"client": own, "scheme": "http", "host": "a.example"}


HTTP = """
http {{
    access_log off;
    client_body_temp_path TEMPORARY; proxy_temp_path TEMPORARY; fastcgi_temp_path TEMPORARY;
    scgi_temp_path TEMPORARY; uwsgi_temp_path TEMPORARY;
    server {{
        listen PORT {listen};
        location / {{
            proxy_pass http://127.0.0.1:{port};
            proxy_bind 127.0.0.2;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            {fields}
        }}
    }}
}}
"""
X_FIELDS = """
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host;
"""


@pytest.mark.parametrize("tls", [False, True])
def test_nginx_adds_x_forwarded(make_site: MakeSite, tmp_path: Path, tls_file: Path, tls: bool) -> None:
    site = make_site(APP, trusted_proxies=["127.0.0.2"], forwarded_fields="x-forwarded")
    listen = f"ssl; ssl_certificate {tls_file}; ssl_certificate_key {tls_file}" if tls else ""
    context = ssl.create_default_context(cafile=tls_file) if tls else None
    with nginx(tmp_path, HTTP.format(listen=listen, port=site.port, fields=X_FIELDS)) as port:
        answer, own = ask(port, context, **FORGED)
    assert answer == {"client": [own[0], 0], "scheme": "https" if tls else "http", "host": "a.example"}


def test_nginx_adds_forwarded(make_site: MakeSite, tmp_path: Path) -> None:
    site = make_site(APP, trusted_proxies=["127.0.0.2"], forwarded_fields="forwarded")
    added = r'for=\"$remote_addr:$remote_port\";proto=$scheme'
    fields = f'proxy_set_header Forwarded "$http_forwarded, {added}";'
    with nginx(tmp_path, HTTP.format(listen="", port=site.port, fields=fields)) as port:
        answer, own = ask(port, **FORGED)
    # The name that it has asked for: of its upstream.
    assert answer == {"client": own, "scheme": "http", "host": f"127.0.0.1:{site.port}"}


def test_nginx_sends_the_client_ahead(make_site: MakeSite, tmp_path: Path) -> None:
    if not STREAM_MODULE.exists():
        pytest.skip("there is no stream module for nginx; install Debian's package libnginx-mod-stream")
    site = make_site(APP, proxy_protocol_from=LOOPBACK)
    text = f"""
stream {{
    server {{
        listen PORT;
        proxy_pass 127.0.0.1:{site.port};
        proxy_protocol on;
    }}
}}
"""
    with nginx(tmp_path, text) as port:
        answer, own = ask(port, **FORGED)
    assert answer == {"client": own, "scheme": "http", "host": "a.example"}
