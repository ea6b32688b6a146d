"""The header of the PROXY protocol: what each is taken for, and what is refused."""

import asyncio
import contextlib
import gc
import json
import socket
import ssl
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from served import PATIENCE, Peer, Site, eventually, request

import fastloop
from fastloop_http import Request, Router, Server, get
from fastloop_http._proxy_header import MAX_V2, Header, crc32c, parse_header

MakeSite = Callable[..., Site]
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOOPBACK = {"proxy_protocol_from": ["127.0.0.0/8"]}


def v2(family: int, rest: bytes = b"", command: int = 0x21) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(rest)) + rest


def field(kind: int, value: bytes = b"") -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


def sealed(family: int, rest: bytes, more: bytes = b"") -> bytes:
    """Return a header of version 2 with its CRC32C."""
    header = v2(family, rest + field(0x03, bytes(4)) + more)
    at = len(header) - len(more) - 4
    return header[:at] + crc32c(header) + header[at + 4:]


IP4 = bytes([192, 0, 2, 7, 10, 0, 0, 1]) + struct.pack("!HH", 51000, 443)
IP6 = (
    socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "fd00::1")
    + struct.pack("!HH", 51000, 443)
)
MAPPED = socket.inet_pton(socket.AF_INET6, "::ffff:192.0.2.7") + IP6[16:]
UNIX = b"/run/a".ljust(108, b"\0") + b"\0" * 108
TLS = field(0x20, b"\x01" + bytes(4) + field(0x21, b"TLSv1.3"))
CLIENT4, CLIENT6 = ("192.0.2.7", 51000), ("2001:db8::7", 51000)

# header, whether it is of a client, that, whether over TLS
TAKEN: dict[str, tuple[bytes, bool, Any, bool]] = {
    "v1 TCP4": (b"PROXY TCP4 192.0.2.7 10.0.0.1 51000 443\r\n", True, CLIENT4, False),
    "v1 TCP6": (b"PROXY TCP6 2001:db8::7 fd00::1 51000 443\r\n", True, CLIENT6, False),
    "v1 TCP6 in full": (b"PROXY TCP6 2001:0DB8:0:0:0:0:0:7 fd00::1 51000 443\r\n", True, CLIENT6, False),
    "v1 TCP6 of IPv4": (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 51000 443\r\n", True, CLIENT4, False),
    "v1 ports": (b"PROXY TCP4 192.0.2.7 10.0.0.1 0 65535\r\n", True, ("192.0.2.7", 0), False),
    "v1 UNKNOWN": (b"PROXY UNKNOWN\r\n", False, None, False),
    "v1 UNKNOWN with more": (b"PROXY UNKNOWN ffff::1 what 1 \0\xff\r\n", False, None, False),
    "v1 of 107 bytes": (b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n", False, None, False),
    "v2 LOCAL": (v2(0x00, command=0x20), False, None, False),
    "v2 LOCAL with addresses": (v2(0x11, IP4, command=0x20), False, None, False),
    "v2 LOCAL of any family": (v2(0xFF, b"what", command=0x20), False, None, False),
    "v2 UNSPEC": (v2(0x00), False, None, False),
    "v2 UNSPEC with more": (v2(0x00, b"what"), False, None, False),
    "v2 TCP4": (v2(0x11, IP4), True, CLIENT4, False),
    "v2 UDP4": (v2(0x12, IP4), True, CLIENT4, False),
    "v2 TCP6": (v2(0x21, IP6), True, CLIENT6, False),
    "v2 UDP6": (v2(0x22, IP6), True, CLIENT6, False),
    "v2 TCP6 of IPv4": (v2(0x21, MAPPED), True, CLIENT4, False),
    "v2 Unix": (v2(0x31, UNIX), True, None, False),
    "v2 Unix datagrams": (v2(0x32, UNIX), True, None, False),
    "v2 fields": (v2(0x11, IP4 + field(0x02, b"a.example") + field(0x04)), True, CLIENT4, False),
    "v2 field of no kind": (v2(0x11, IP4 + field(0xEE, b"?" * 300)), True, CLIENT4, False),
    "v2 TLS": (v2(0x11, IP4 + TLS), True, CLIENT4, True),
    "v2 no TLS": (v2(0x11, IP4 + field(0x20, bytes(5))), True, CLIENT4, False),
    "v2 CRC": (sealed(0x11, IP4), True, CLIENT4, False),
    "v2 CRC in the middle": (sealed(0x21, IP6 + field(0x04, b"no"), TLS), True, CLIENT6, True),
    "v2 largest": (v2(0x11, IP4 + field(0x04, bytes(MAX_V2 - 16 - 12 - 3))), True, CLIENT4, False),
}

REFUSED: dict[str, bytes] = {
    "HTTP": b"GET / HTTP/1.1\r\n",
    "one byte": b"G",
    "TLS": b"\x16\x03\x01",
    "empty lines, then HTTP": b"\r\n\r\nGET",
    "v1 in lower case": b"proxy",
    "v1 with a tab": b"PROXY\tTCP4",
    "v1 no family": b"PROXY \r\n",
    "v1 UDP4": b"PROXY UDP4 192.0.2.7 10.0.0.1 51000 443\r\n",
    "v1 family in lower case": b"PROXY tcp4 192.0.2.7 10.0.0.1 51000 443\r\n",
    "v1 family with more": b"PROXY UNKNOWNS\r\n",
    "v1 no destination port": b"PROXY TCP4 192.0.2.7 10.0.0.1 51000\r\n",
    "v1 one more": b"PROXY TCP4 192.0.2.7 10.0.0.1 51000 443 1\r\n",
    "v1 two spaces": b"PROXY TCP4  192.0.2.7 10.0.0.1 51000 443\r\n",
    "v1 space at the end": b"PROXY TCP4 192.0.2.7 10.0.0.1 51000 443 \r\n",
    "v1 IPv6 as TCP4": b"PROXY TCP4 ::1 10.0.0.1 51000 443\r\n",
    "v1 IPv4 as TCP6": b"PROXY TCP6 192.0.2.7 ::1 51000 443\r\n",
    "v1 host name": b"PROXY TCP4 localhost 10.0.0.1 51000 443\r\n",
    "v1 octet too large": b"PROXY TCP4 192.0.2.256 10.0.0.1 51000 443\r\n",
    "v1 octet in octal": b"PROXY TCP4 192.0.2.07 10.0.0.1 51000 443\r\n",
    "v1 three octets": b"PROXY TCP4 192.0.2 10.0.0.1 51000 443\r\n",
    "v1 wrong destination": b"PROXY TCP4 192.0.2.7 10.0.0 51000 443\r\n",
    "v1 zone": b"PROXY TCP6 fe80::1%1 ::1 51000 443\r\n",
    "v1 brackets": b"PROXY TCP6 [::1] ::1 51000 443\r\n",
    "v1 port too large": b"PROXY TCP4 192.0.2.7 10.0.0.1 65536 443\r\n",
    "v1 port of six digits": b"PROXY TCP4 192.0.2.7 10.0.0.1 100000 443\r\n",
    "v1 port with a zero": b"PROXY TCP4 192.0.2.7 10.0.0.1 051000 443\r\n",
    "v1 port with a sign": b"PROXY TCP4 192.0.2.7 10.0.0.1 +51000 443\r\n",
    "v1 negative port": b"PROXY TCP4 192.0.2.7 10.0.0.1 -1 443\r\n",
    "v1 port in other digits": "PROXY TCP4 192.0.2.7 10.0.0.1 \u00b2 443\r\n".encode("latin-1"),
    "v1 no port": b"PROXY TCP4 192.0.2.7 10.0.0.1  443\r\n",
    "v1 bare LF": b"PROXY TCP4 192.0.2.7 10.0.0.1 51000 443\nGET / HTTP/1.1\r\n",
    "v1 bare CR": b"PROXY TCP4 192.0.2.7 10.0.0.1 51000 443\rGET / HTTP/1.1\r\n",
    "v1 of 108 bytes": b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
    "v1 without end": b"PROXY UNKNOWN " + b"x" * 93,
    "v2 wrong signature": SIGNATURE[:-1] + b"\r" + v2(0x11, IP4)[12:],
    "v2 version 1": v2(0x11, IP4, command=0x11),
    "v2 version 3": v2(0x11, IP4, command=0x31),
    "v2 command 2": v2(0x11, IP4, command=0x22),
    "v2 UNSPEC by TCP": v2(0x01, IP4),
    "v2 IPv4 by nothing": v2(0x10, IP4),
    "v2 protocol 3": v2(0x13, IP4),
    "v2 family 4": v2(0x41, UNIX),
    "v2 IPv4 cut short": v2(0x11, IP4[:-1]),
    "v2 IPv6 cut short": v2(0x21, IP4),
    "v2 Unix cut short": v2(0x31, UNIX[:-1]),
    "v2 no address": v2(0x11),
    "v2 too large": v2(0x11, IP4 + field(0x04, bytes(MAX_V2 - 16 - 12 - 2))),
    "v2 LOCAL too large": v2(0x00, bytes(MAX_V2), command=0x20),
    "v2 field of one byte": v2(0x11, IP4 + b"\x04"),
    "v2 field without size": v2(0x11, IP4 + b"\x04\0"),
    "v2 field past the end": v2(0x11, IP4 + b"\x04\0\x05four"),
    "v2 TLS cut short": v2(0x11, IP4 + field(0x20, bytes(4))),
    "v2 CRC of zero": v2(0x11, IP4 + field(0x03, bytes(4))),
    "v2 CRC of three bytes": v2(0x11, IP4 + field(0x03, bytes(3))),
    "v2 CRC of another": sealed(0x11, IP4)[:-1] + bytes([sealed(0x11, IP4)[-1] ^ 1]),
}


def test_crc_is_castagnolis() -> None:
    # RFC 3720 appendix B.4.
    assert crc32c(bytes(32)).hex() == "8a9136aa"
    assert crc32c(b"123456789").hex() == "e3069283"


@pytest.mark.parametrize("name", TAKEN)
def test_header_is_taken_whole_and_no_byte_earlier(name: str) -> None:
    data, *expected = TAKEN[name]
    whole = Header(len(data), *expected)
    assert parse_header(data) == parse_header(data + b"GET / HTTP/1.1\r\n") == parse_header(data * 2) == whole
    for cut in range(1, len(data)):
        assert parse_header(bytearray(data[:cut])) is None


@pytest.mark.parametrize("name", REFUSED)
def test_anything_else_is_refused(name: str) -> None:
    for data in (REFUSED[name], REFUSED[name] + b"G" * MAX_V2):
        with pytest.raises(ValueError, match=r".+"):
            parse_header(data)


@given(st.one_of(
    st.binary(max_size=60),
    st.builds(lambda rest: SIGNATURE + rest, st.binary(max_size=80)),
    st.builds(v2, st.sampled_from([0, 0x11, 0x21, 0x31]), st.binary(max_size=300)),
    st.builds(lambda text: b"PROXY " + text.encode("latin-1", "replace") + b"\r\n", st.text(max_size=80)),
))
def test_any_bytes_are_a_header_or_the_beginning_of_one_or_refused(data: bytes) -> None:
    try:
        header = parse_header(data)
    except ValueError:
        return
    if header is not None:
        assert 0 < header.size <= len(data)
        assert parse_header(data[:header.size]) == header


# Connections.


async def who(request: Request) -> dict[str, Any]:
    return {"client": request.client, "scheme": request.scheme, "body": (await request.body()).decode()}


APP = Router().route("/", get(who).post(who))


def told(answer: bytes) -> dict[str, Any]:
    """Return what a handler was told, from its answer."""
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    return dict(json.loads(answer.partition(b"\r\n\r\n")[2]))


LAST = request(fields="Connection: close\r\n")


@pytest.mark.parametrize("name", TAKEN)
def test_handler_is_told_of_the_client(make_site: MakeSite, name: str) -> None:
    data, proxied, client, tls = TAKEN[name]
    with make_site(APP, **LOOPBACK).peer() as peer:
        own = peer.socket.getsockname()
        expected = (client and [*client]) if proxied else [*own]
        answer = told(peer.send(data + LAST).rest())
    assert (answer["client"], answer["scheme"]) == (expected, "https" if tls else "http")


@pytest.mark.parametrize("name", ["v1 TCP4", "v2 CRC in the middle"])
def test_header_may_come_byte_by_byte(make_site: MakeSite, name: str) -> None:
    data, _, client, _ = TAKEN[name]
    site = make_site(APP, **LOOPBACK)
    with site.peer() as peer:
        for at in range(len(data)):
            peer.send(data[at:at + 1])
            time.sleep(0.001)
        assert told(peer.send(LAST).rest())["client"] == [*client]


@pytest.mark.parametrize("name", ["v1 TCP4", "v1 UNKNOWN", "v2 TCP6", "v2 LOCAL"])
def test_what_comes_behind_the_header_is_served_wherever_it_is_cut(make_site: MakeSite, name: str) -> None:
    data = TAKEN[name][0]
    sent = data + request() + request(method="POST", body=b"body") + LAST
    site = make_site(APP, **LOOPBACK)
    for cut in range(len(data) - 2, len(data) + 3):
        with site.peer() as peer:
            peer.send(sent[:cut])
            time.sleep(0.005)
            peer.send(sent[cut:])
            bodies = [json.loads(peer.answer().body)["body"] for _ in range(3)]
            assert (bodies, peer.rest()) == (["", "body", ""], b"")


@pytest.mark.parametrize("name", REFUSED)
def test_connection_with_anything_else_is_closed_without_a_word(make_site: MakeSite, name: str) -> None:
    site = make_site(APP, **LOOPBACK)
    with site.peer() as peer:
        peer.send(REFUSED[name])
        # A reset is how the kernel says that not all was read.
        with contextlib.suppress(ConnectionResetError):
            assert peer.rest() == b""
    assert eventually(lambda: site.connections() == 0)


def test_refusal_is_logged(make_site: MakeSite, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "fastloop_http")
    site = make_site(APP, **LOOPBACK)
    assert site.exchange(b"G") == b""
    assert any("PROXY header of ('127.0.0.1', " in text and "refused: there is none" in text
               for text in caplog.messages)


@pytest.mark.parametrize("options", [{}, {"proxy_protocol_from": ["192.0.2.0/24", "::1", "unix:"]}])
@pytest.mark.parametrize("name", ["v1 TCP4", "v2 TCP4"])
def test_header_of_anybody_else_is_garbage(make_site: MakeSite, options: Any, name: str) -> None:
    site = make_site(APP, **options)
    assert site.exchange(TAKEN[name][0] + LAST).startswith(b"HTTP/1.1 400 ")
    with site.peer() as peer:
        own = peer.socket.getsockname()
        assert told(peer.send(LAST).rest())["client"] == [*own]


def test_unix_sockets_have_to_send_it_where_they_are_named(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")

    async def exchange(data: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(data)
        answer = await reader.read()
        writer.close()
        return answer

    async def main() -> None:
        async with Server(APP, proxy_protocol_from=["unix:"]).listening(f"unix:{path}"):
            assert told(await exchange(TAKEN["v1 TCP4"][0] + LAST))["client"] == [*CLIENT4]
            assert told(await exchange(TAKEN["v2 LOCAL"][0] + LAST))["client"] is None
            assert await exchange(b"G") == b""
        async with Server(APP, proxy_protocol_from=["0.0.0.0/0", "::/0"]).listening(f"unix:{path}"):
            assert told(await exchange(LAST))["client"] is None

    fastloop.run(main())


# TLS.


def over_tls(site: Site, tls_file: Path, before: bytes, pieces: int = 1) -> bytes:
    """Send a header, then a request over TLS; return the answer. pieces: what the first bytes go in."""
    context = ssl.create_default_context(cafile=tls_file)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    answer = bytearray()
    with socket.create_connection(("127.0.0.1", site.port), PATIENCE) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def advance(call: Callable[[], Any]) -> Any:
            nonlocal before, pieces
            while True:
                try:
                    return call()
                except ssl.SSLWantReadError:
                    data, before = before + outgoing.read(), b""
                    size = -(-len(data) // pieces)
                    for at in range(0, len(data), max(size, 1)):
                        sock.sendall(data[at:at + size])
                        time.sleep(0.002 if pieces > 1 else 0)
                    pieces = 1
                    if received := sock.recv(65536):
                        incoming.write(received)
                    else:
                        incoming.write_eof()

        advance(tls.do_handshake)
        tls.write(LAST)
        while True:
            try:
                piece = advance(lambda: tls.read(65536))
            except ssl.SSLZeroReturnError:
                return bytes(answer)
            if not piece:
                return bytes(answer)
            answer += piece


@pytest.mark.parametrize("pieces", [1, 2, 7, 100])
@pytest.mark.parametrize("name", ["v1 TCP6", "v2 TCP4"])
def test_header_comes_below_tls(make_site: MakeSite, tls_file: Path, name: str, pieces: int) -> None:
    data, _, client, _ = TAKEN[name]
    site = make_site(APP, **LOOPBACK, tls_certificate=tls_file)
    answer = told(over_tls(site, tls_file, data, pieces))
    assert (answer["client"], answer["scheme"]) == ([*client], "https")
    assert eventually(lambda: site.connections() == 0)


def test_tls_without_the_header_is_closed(make_site: MakeSite, tls_file: Path) -> None:
    site = make_site(APP, **LOOPBACK, tls_certificate=tls_file)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        over_tls(site, tls_file, b"")
    assert told(over_tls(site, tls_file, TAKEN["v2 LOCAL"][0]))["scheme"] == "https"


def test_tls_of_anybody_else_needs_no_header(make_site: MakeSite, tls_file: Path) -> None:
    site = make_site(APP, proxy_protocol_from=["192.0.2.7"], tls_certificate=tls_file)
    assert told(over_tls(site, tls_file, b""))["client"][0] == "127.0.0.1"


# Time, and the end.


@pytest.mark.parametrize("sent", [b"", b"P", SIGNATURE])
@pytest.mark.parametrize("tls", [False, True])
def test_silent_peer_is_closed_in_the_time_of_a_head(
    make_site: MakeSite, tls_file: Path, sent: bytes, tls: bool
) -> None:
    options = {"tls_certificate": tls_file} if tls else {}
    site = make_site(APP, **LOOPBACK, head_timeout_s=0.2, **options)
    assert site.peer().send(sent).rest() == b""
    assert eventually(lambda: site.connections() == 0)


def test_head_behind_the_header_has_its_own_time(make_site: MakeSite) -> None:
    site = make_site(APP, **LOOPBACK, head_timeout_s=0.2)
    assert site.peer().send(TAKEN["v1 TCP4"][0] + b"GET").rest().startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("sent", [b"", b"PROXY", TAKEN["v1 TCP4"][0], TAKEN["v1 TCP4"][0] + request()[:-1]])
@pytest.mark.parametrize("leave", [Peer.close, Peer.reset])
def test_peer_may_leave_at_any_time(
    make_site: MakeSite, sent: bytes, leave: Callable[[Peer], None]
) -> None:
    site = make_site(APP, **LOOPBACK)
    leave(site.peer().send(sent))
    with site.peer() as peer:
        assert told(peer.send(TAKEN["v1 TCP4"][0] + LAST).rest())["client"] == [*CLIENT4]
    assert eventually(lambda: site.connections() == 0)


def test_server_that_ends_does_not_wait_for_headers_and_answers_those_that_come(make_site: MakeSite) -> None:
    site = make_site(APP, **LOOPBACK)
    silent, late = site.peer(), site.peer()
    assert eventually(lambda: site.connections() == 2)
    drained = asyncio.run_coroutine_threadsafe(ending(site), site.loop)
    time.sleep(0.1)
    answer = late.send(TAKEN["v1 TCP4"][0] + request()).answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert late.rest() == silent.rest() == b""
    drained.result(PATIENCE)


async def ending(site: Site) -> None:
    await site.loop.service.drain()


def test_connections_leave_nothing(make_site: MakeSite) -> None:
    def live() -> int:
        gc.collect()
        names = ("ProxyHeader", "Peer", "HttpConnection")
        return sum(type(each).__name__ in names for each in gc.get_objects()
                   if type(each).__module__.startswith("fastloop_http"))

    site = make_site(APP, **LOOPBACK)
    header = TAKEN["v2 TLS"][0]
    for n in range(300):
        with site.peer() as peer:
            peer.send([b"", header[:20], b"G", header, header + request(), header + LAST][n % 6])
            if n % 6 > 3:
                assert peer.answer().status == 200
    assert eventually(lambda: site.connections() == 0)
    assert eventually(lambda: live() == 0)
