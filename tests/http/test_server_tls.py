"""TLS: the options, what they refuse, and connections over it."""

import asyncio
import contextlib
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from served import PATIENCE, PLAIN, Site, eventually, request

import fastloop
from fastloop_http import Request, Router, Server, get, post


async def echo(request: Request) -> bytes:
    return await request.body()


APP = Router().route("/", get(lambda: "root")).route("/echo", post(echo))


def openssl(*arguments: object) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory of certificates and keys: of a server, a stranger, a CA and its client."""
    directory = tmp_path_factory.mktemp("pki")
    for name, subject in (("server", "localhost"), ("stranger", "stranger"), ("ca", "our CA")):
        openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={subject}",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-keyout", directory / f"{name}.key", "-out", directory / f"{name}.crt",
        )
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=client",
            "-keyout", directory / "client.key", "-out", directory / "client.csr")
    openssl("x509", "-req", "-in", directory / "client.csr", "-CA", directory / "ca.crt", "-days", "2",
            "-CAkey", directory / "ca.key", "-CAcreateserial", "-out", directory / "client.crt")
    openssl("rsa", "-aes256", "-passout", "pass:secret", "-in", directory / "server.key",
            "-out", directory / "locked.key")
    both = (directory / "server.key").read_bytes() + (directory / "server.crt").read_bytes()
    (directory / "both.pem").write_bytes(both)
    (directory / "broken.crt").write_text(
        "-----BEGIN CERTIFICATE-----\nnone of it\n-----END CERTIFICATE-----\n")
    (directory / "empty").touch()
    return directory


def options(pki: Path, **names: str) -> dict[str, Any]:
    """Return options with the files of pki; passwords as they are."""
    return {name: value if "password" in name else pki / value for name, value in names.items()}


SERVER = {"tls_certificate": "server.crt", "tls_key": "server.key"}


def client(pki: Path, certificate: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=pki / "server.crt")
    if certificate is not None:
        context.load_cert_chain(pki / f"{certificate}.crt", pki / f"{certificate}.key")
    return context


def connect(site: Site, context: ssl.SSLContext) -> ssl.SSLSocket:
    sock = socket.create_connection(("127.0.0.1", site.port), timeout=PATIENCE)
    with contextlib.ExitStack() as undo:
        undo.callback(sock.close)
        wrapped = context.wrap_socket(sock, server_hostname="localhost")
        undo.pop_all()
    return wrapped


def talk(sock: ssl.SSLSocket) -> bytes:
    with sock:
        sock.sendall(request(fields="Connection: close\r\n"))
        return b"".join(iter(lambda: sock.recv(65536), b""))


# Connections.


@pytest.mark.parametrize(
    "files",
    [
        SERVER,
        {"tls_certificate": "both.pem"},
        {"tls_certificate": "server.crt", "tls_key": "locked.key", "tls_key_password": "secret"},
    ],
    ids=["two files", "one file", "encrypted key"],
)
def test_requests_are_answered_over_tls(
    make_site: Callable[..., Site], pki: Path, files: dict[str, str]
) -> None:
    site = make_site(APP, **options(pki, **files))
    assert talk(connect(site, client(pki))).endswith(b"\r\n\r\nroot")


def test_paths_may_be_text(make_site: Callable[..., Site], pki: Path) -> None:
    site = make_site(APP, tls_certificate=str(pki / "both.pem"))
    assert talk(connect(site, client(pki))).endswith(b"\r\n\r\nroot")


@pytest.mark.parametrize(("offered", "chosen"), [
    (["h2", "http/1.1"], "http/1.1"), (["http/1.1"], "http/1.1"), (["h2"], None), ([], None),
])
def test_alpn_agrees_on_http_1_1(
    make_site: Callable[..., Site], pki: Path, offered: list[str], chosen: str | None
) -> None:
    site = make_site(APP, **options(pki, **SERVER))
    context = client(pki)
    if offered:
        context.set_alpn_protocols(offered)
    sock = connect(site, context)
    assert sock.selected_alpn_protocol() == chosen
    assert talk(sock).endswith(b"root")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_before_1_2_is_refused(make_site: Callable[..., Site], pki: Path) -> None:
    site = make_site(APP, **options(pki, **SERVER))
    context = client(pki)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connect(site, context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert talk(connect(site, context)).endswith(b"root")


def test_clients_have_to_show_a_certificate_of_the_ca(make_site: Callable[..., Site], pki: Path) -> None:
    site = make_site(APP, **options(pki, **SERVER, tls_client_ca="ca.crt"))
    assert talk(connect(site, client(pki, "client"))).endswith(b"root")
    for other in (None, "stranger"):
        # With TLS 1.3 a client hears of it after its own handshake only.
        with pytest.raises((ssl.SSLError, ConnectionError)):
            talk(connect(site, client(pki, other)))


def test_context_is_taken_as_it_is(make_site: Callable[..., Site], pki: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "both.pem")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    site = make_site(APP, ssl_context=context)
    sock = connect(site, client(pki))
    assert sock.version() == "TLSv1.2"
    assert talk(sock).endswith(b"root")


def test_curl_posts_over_tls(make_site: Callable[..., Site], pki: Path) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("no curl here")
    site = make_site(APP, **options(pki, **SERVER))
    url = f"https://localhost:{site.port}/echo"
    done = subprocess.run(
        [curl, "-sS", "--cacert", pki / "server.crt", "--data-binary", "across", "-w", " %{http_version}",
         url, url],
        check=True, capture_output=True, timeout=PATIENCE, env={**PLAIN, "no_proxy": "*"},
    )
    assert done.stdout == b"across 1.1" * 2


def test_connection_that_never_shakes_hands_does_not_hold_up_the_end(pki: Path) -> None:
    async def main() -> None:
        server = Server(APP, **options(pki, **SERVER), shutdown_timeout_s=0.05)
        async with server.listening("127.0.0.1:0") as listening:
            host, _, port = listening.addresses[0].rpartition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            await asyncio.to_thread(eventually, lambda: listening.connections)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()

    fastloop.run(main())


def test_idle_client_that_does_not_answer_close_notify_does_not_hold_up_the_end(
    pki: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def ask(port: int) -> ssl.SSLSocket:
        sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        wrapped = client(pki).wrap_socket(sock, server_hostname="localhost")
        wrapped.sendall(request())
        assert wrapped.recv(65536)
        return wrapped

    async def main() -> None:
        server = Server(APP, **options(pki, **SERVER), shutdown_timeout_s=PATIENCE)
        async with server.listening("127.0.0.1:0") as listening:
            idle = await asyncio.to_thread(ask, int(listening.addresses[0].rpartition(":")[2]))
        idle.close()

    fastloop.run(main())
    # At the deadline it would have been dropped, and that told.
    assert caplog.messages == []


# What is refused.


@pytest.mark.parametrize("option", ["tls_certificate", "tls_key", "tls_client_ca"])
@pytest.mark.parametrize(
    ("path", "kind", "why"),
    [
        ("missing.pem", FileNotFoundError, "No such file or directory: '{}'"),
        ("", IsADirectoryError, "Is a directory: '{}'"),
        ("empty", ValueError, "'{}' has no PEM "),
    ],
)
def test_file_that_cannot_be_used_is_named(
    pki: Path, option: str, path: str, kind: type[Exception], why: str
) -> None:
    files = options(pki, **{**SERVER, option: path})
    with pytest.raises(kind, match=option) as caught:
        Server(APP, **files)
    assert why.format(pki / path) in str(caught.value)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({**SERVER, "tls_key": "stranger.key"}, "stranger.key' does not fit tls_certificate '.*server.crt'"),
        ({"tls_certificate": "server.crt"}, "server.crt' has no PEM private key; name its file as tls_key"),
        ({**SERVER, "tls_key": "locked.key"}, "locked.key' is encrypted; give its password as tls_key_pass"),
        (
            {**SERVER, "tls_key": "locked.key", "tls_key_password": "wrong"},
            "locked.key' cannot be read with the tls_key_password given",
        ),
        ({**SERVER, "tls_certificate": "broken.crt"}, "tls_certificate '.*broken.crt' cannot be loaded: "),
        ({**SERVER, "tls_client_ca": "broken.crt"}, "tls_client_ca '.*broken.crt'"),
        ({"tls_key": "server.key"}, "tls_key means nothing without tls_certificate; give both"),
        ({"tls_client_ca": "ca.crt"}, "tls_client_ca means nothing without tls_certificate"),
        ({"tls_key_password": "secret"}, "tls_key_password means nothing without tls_certificate"),
    ],
)
def test_files_that_do_not_go_together_are_refused(pki: Path, files: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Server(APP, **options(pki, **files))


@pytest.mark.parametrize("name", ["tls_certificate", "tls_key", "tls_key_password", "tls_client_ca"])
def test_context_and_files_do_not_go_together(pki: Path, name: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.raises(ValueError, match=f"{name} and ssl_context do not go together"):
        Server(APP, ssl_context=context, **{name: "both.pem"})


def test_context_of_a_client_is_refused() -> None:
    with pytest.raises(ValueError, match=r"ssl_context is a client's; use"):
        Server(APP, ssl_context=ssl.create_default_context())


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ({"ssl_context": True}, "ssl_context must be an ssl.SSLContext, not bool"),
        ({"tls_certificate": 7}, "tls_certificate must be the path of a file, not int"),
        ({"tls_certificate": "a", "tls_key_password": 7}, "tls_key_password must be str or bytes, not int"),
    ],
)
def test_option_of_another_type_is_refused(option: dict[str, object], why: str) -> None:
    with pytest.raises(TypeError, match=why):
        Server(APP, **option)
