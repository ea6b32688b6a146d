"""Forwarded and X-Forwarded-*: whom a request is taken to come from, and whom not."""

import ipaddress
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from served import Site, request

from fastloop_http import Request, Router, Server, get
from fastloop_http._forwarded import Forwarding, maybe_client

MakeSite = Callable[..., Site]
TRUSTED = ["127.0.0.0/8", "10.0.0.0/8", "fd00::/8", "unix:"]


class Fields:
    """The header fields of a request, for who asks for all of one name."""

    def __init__(self, *fields: tuple[str, str]) -> None:
        self._fields = fields

    def getall(self, name: str) -> list[str]:
        return [value for each, value in self._fields if each == name]


PROXY = ("10.0.0.1", 5000)


def sender(family: str, *fields: tuple[str, str], client: Any = PROXY, unix: bool = False) -> Any:
    """Return what is made of fields that come from client."""
    forwarding = Forwarding.checked(TRUSTED, family)
    assert forwarding is not None
    return forwarding.sender(client, unix, "http", Fields(*fields))  # type: ignore[arg-type]


# Nodes.

NODES: dict[str, tuple[str, int] | None] = {
    "192.0.2.7": ("192.0.2.7", 0),
    "192.0.2.7:0": ("192.0.2.7", 0),
    "192.0.2.7:443": ("192.0.2.7", 443),
    "192.0.2.7:00443": ("192.0.2.7", 443),
    "192.0.2.7:_hidden": ("192.0.2.7", 0),
    "[2001:db8::7]": ("2001:db8::7", 0),
    "[2001:DB8:0::7]:443": ("2001:db8::7", 443),
    "[2001:db8::7]:_hidden": ("2001:db8::7", 0),
    "2001:db8::7": ("2001:db8::7", 0),
    "::1": ("::1", 0),
    "::ffff:192.0.2.7": ("192.0.2.7", 0),
    "[::ffff:c000:207]:1": ("192.0.2.7", 1),
    "unknown": None,
    "unknown:80": None,
    "_hidden": None,
    "_hidden:80": None,
    "": None,
    "localhost": None,
    "192.0.2": None,
    "192.0.2.256": None,
    "192.0.2.07": None,
    "192.0.2.7:": None,
    "192.0.2.7:65536": None,
    "192.0.2.7:100000": None,
    "192.0.2.7:80:80": None,
    "192.0.2.7:x": None,
    "192.0.2.7:+80": None,
    "192.0.2.7:_": None,
    "192.0.2.7 ": None,
    "[192.0.2.7]:80": ("192.0.2.7", 80),
    "[2001:db8::7": None,
    "[2001:db8::7]x": None,
    "[]": None,
    "[fe80::1%eth0]": None,
    "fe80::1%1": None,
    "2001:db8::7::": None,
    "\u0661.2.3.4": None,
    "192.0.2.7:\u0661": None,
}


@pytest.mark.parametrize("node", NODES)
def test_nodes(node: str) -> None:
    assert maybe_client(node) == NODES[node]


# Walks: the lines, and client, scheme and host that come of them.

FORGED = [("forwarded", "for=203.0.113.9;proto=https;host=evil")]
FORGED_X = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "evil")]

CLIENT = ("192.0.2.7", 0)

FORWARDED: dict[str, tuple[list[str], Any, str, str | None]] = {
    "none": ([], PROXY, "http", None),
    "empty": ([""], PROXY, "http", None),
    "commas": ([" , ,", ","], PROXY, "http", None),
    "one": (["for=192.0.2.7"], CLIENT, "http", None),
    "port": (['for="192.0.2.7:81"'], ("192.0.2.7", 81), "http", None),
    "IPv6": (['for="[2001:db8::7]"'], ("2001:db8::7", 0), "http", None),
    "IPv6 and port": (['for="[2001:db8::7]:81"'], ("2001:db8::7", 81), "http", None),
    "all": (["for=192.0.2.7;proto=https;by=10.0.0.1;host=a.example"], CLIENT, "https", "a.example"),
    "case": (["FOR=192.0.2.7;Proto=HTTPS;hOSt=A.example"], CLIENT, "https", "A.example"),
    "order": (["host=a.example;for=192.0.2.7;proto=https"], CLIENT, "https", "a.example"),
    "extension": (["for=192.0.2.7;secret=yes;proto=https"], CLIENT, "https", None),
    "trailing semicolon": (["for=192.0.2.7;proto=https;"], CLIENT, "https", None),
    "quoted": (['for="192.0.2.7";proto="https";host="a.example:81"'], CLIENT, "https", "a.example:81"),
    "escaped": (['for="192\\.0.2.7";proto="\\h\\t\\t\\p\\s"'], CLIENT, "https", None),
    "escaped quotation marks": (['x="\\"\\\\\\",";for=192.0.2.7'], CLIENT, "http", None),
    "comma in quotes": (['for=10.9.9.9, x="a, for=198.51.100.1";for=192.0.2.7'], CLIENT, "http", None),
    "client's own before": (["for=198.51.100.1;proto=https, for=192.0.2.7;proto=http"], CLIENT, "http", None),
    "client's own line": (["for=198.51.100.1;proto=https", "for=192.0.2.7"], CLIENT, "http", None),
    "two hops": (["for=192.0.2.7;proto=https;host=a.example, for=10.0.0.2;proto=http;host=b"],
                 CLIENT, "https", "a.example"),
    "two hops in lines": (["for=192.0.2.7;proto=https", "for=10.0.0.2;proto=http"], CLIENT, "https", None),
    "three hops": (['for=198.51.100.1,for=192.0.2.7,for="[fd00::1]:7",for=10.0.0.2'], CLIENT, "http", None),
    "element says no scheme": (["for=192.0.2.7, for=10.0.0.2;proto=https;host=b"], CLIENT, "http", None),
    "all trusted": (["for=10.0.0.3;proto=https, for=10.0.0.2"], ("10.0.0.3", 0), "https", None),
    "unknown": (["for=unknown;proto=https;host=a.example"], None, "https", "a.example"),
    "hidden": (['for="_hidden:_port";proto=https'], None, "https", None),
    "unknown stops": (["for=192.0.2.7, for=unknown"], None, "http", None),
    "unknown behind": (["for=unknown, for=192.0.2.7"], CLIENT, "http", None),
    "no for": (["proto=https;host=a.example"], None, "https", "a.example"),
    "no for stops": (["for=192.0.2.7, by=10.0.0.1"], None, "http", None),
    "garbage": (["what is this"], None, "http", None),
    "garbage, good": (["for=192.0.2.7, what is this;proto=https"], None, "http", None),
    "good, garbage before": (["what is this, for=192.0.2.7;proto=https"], CLIENT, "https", None),
    "open quotation mark before": (['for="198.51.100.1, for=192.0.2.7;proto=https'], CLIENT, "https", None),
    "open quotation mark and quotes": (['a="x', 'for="192.0.2.7:81";host="a.example:1"'],
                                       ("192.0.2.7", 81), "http", "a.example:1"),
    "backslash before": (['a="x\\', 'for="192.0.2.7"'], CLIENT, "http", None),
    "open quotation mark": (['for="192.0.2.7'], None, "http", None),
    "escaped end": (['for="192.0.2.7\\"'], None, "http", None),
    "text behind quotes": (['for="192.0.2.7"x'], None, "http", None),
    "space around equals": (["for = 192.0.2.7"], None, "http", None),
    "space behind semicolon": (["for=192.0.2.7; proto=https"], None, "http", None),
    "no value": (["for="], None, "http", None),
    "empty value": (['for=""'], None, "http", None),
    "twice": (["for=198.51.100.1;for=192.0.2.7"], None, "http", None),
    "twice in other case": (["for=192.0.2.7;For=192.0.2.7"], None, "http", None),
    "bare IPv6": (["for=[2001:db8::7]"], None, "http", None),
    "bare port": (["for=192.0.2.7:81"], None, "http", None),
    "other scheme": (["for=192.0.2.7;proto=ftp"], CLIENT, "http", None),
    "WebSocket scheme": (["for=192.0.2.7;proto=wss"], CLIENT, "https", None),
    "host with a path": (['for=192.0.2.7;host="a.example/x"'], CLIENT, "http", None),
    "host with a user": (['for=192.0.2.7;host="me@a.example"'], CLIENT, "http", None),
    "host empty": (['for=192.0.2.7;host=""'], CLIENT, "http", None),
    "host IPv6": (['for=192.0.2.7;host="[::1]:81"'], CLIENT, "http", "[::1]:81"),
}


@pytest.mark.parametrize("name", FORWARDED)
def test_forwarded(name: str) -> None:
    lines, *expected = FORWARDED[name]
    fields = [("forwarded", line) for line in lines]
    assert sender("forwarded", *fields) == tuple(expected)
    # Not a word of the other kind counts.
    assert sender("forwarded", *FORGED_X, *fields) == tuple(expected)


X_FORWARDED: dict[str, tuple[list[str], list[str], list[str], Any, str, str | None]] = {
    # for, proto, host
    "none": ([], [], [], PROXY, "http", None),
    "empty": ([""], [""], [""], PROXY, "http", None),
    "one": (["192.0.2.7"], ["https"], ["a.example"], CLIENT, "https", "a.example"),
    "client only": (["192.0.2.7"], [], [], CLIENT, "http", None),
    "scheme only": ([], ["https"], ["a.example"], PROXY, "https", "a.example"),
    "port": (["192.0.2.7:81"], [], [], ("192.0.2.7", 81), "http", None),
    "IPv6": (["2001:db8::7"], [], [], ("2001:db8::7", 0), "http", None),
    "IPv6 in brackets": (["[2001:db8::7]"], [], [], ("2001:db8::7", 0), "http", None),
    "IPv6 and port": (["[2001:db8::7]:81"], [], [], ("2001:db8::7", 81), "http", None),
    "client's own before": (["198.51.100.1, 192.0.2.7"], ["https"], [], CLIENT, "https", None),
    "client's own line": (["198.51.100.1", "192.0.2.7"], [], [], CLIENT, "http", None),
    "no space": (["198.51.100.1,192.0.2.7"], [], [], CLIENT, "http", None),
    "two hops": (["192.0.2.7, 10.0.0.2"], ["https, http"], ["a.example, b"], CLIENT, "https", "a.example"),
    "two hops in lines": (["192.0.2.7", "10.0.0.2"], ["https", "http"], ["a", "b"], CLIENT, "https", "a"),
    "two hops, one scheme": (["192.0.2.7, 10.0.0.2"], ["https"], ["a"], CLIENT, "https", "a"),
    "two hops, client's own before": (
        ["198.51.100.1, 192.0.2.7, 10.0.0.2"], ["http, https, http"], ["x, a, b"], CLIENT, "https", "a"),
    "three hops, two schemes": (
        ["192.0.2.7, 10.0.0.3, 10.0.0.2"], ["https, http"], ["a, b"], CLIENT, "http", None),
    "one hop, client's own scheme": (["192.0.2.7"], ["https, http"], ["x, a"], CLIENT, "http", "a"),
    "all trusted": (["10.0.0.3, 10.0.0.2"], ["https"], [], ("10.0.0.3", 0), "https", None),
    "unknown": (["unknown"], ["https"], [], None, "https", None),
    "unknown stops": (["192.0.2.7, unknown"], [], [], None, "http", None),
    "garbage before": (["what is this, 192.0.2.7"], [], [], CLIENT, "http", None),
    "garbage": (["192.0.2.7, <script>"], [], [], None, "http", None),
    "in quotes": (['"192.0.2.7"'], [], [], None, "http", None),
    "empty elements": ([" , 192.0.2.7,, "], [], [], CLIENT, "http", None),
    "other scheme": (["192.0.2.7"], ["on"], [], CLIENT, "http", None),
    "scheme in upper case": (["192.0.2.7"], ["HTTPS"], [], CLIENT, "https", None),
    "host with a space": (["192.0.2.7"], [], ["a b"], CLIENT, "http", None),
    "host with port": (["192.0.2.7"], [], ["a.example:81"], CLIENT, "http", "a.example:81"),
}


@pytest.mark.parametrize("name", X_FORWARDED)
def test_x_forwarded(name: str) -> None:
    nodes, protos, hosts, *expected = X_FORWARDED[name]
    fields = [
        (f"x-forwarded-{field}", line)
        for field, lines in (("for", nodes), ("proto", protos), ("host", hosts)) for line in lines
    ]
    assert sender("x-forwarded", *fields) == tuple(expected)
    assert sender("x-forwarded", *FORGED, *fields) == tuple(expected)


@pytest.mark.parametrize(("client", "unix", "believed"), [
    (("10.0.0.1", 5000), False, True),
    (("fd00::9", 5000), False, True),
    (None, True, True),
    (("192.0.2.1", 5000), False, False),
    (("fe80::9", 5000), False, False),
    (None, False, False),
])
@pytest.mark.parametrize("family", ["forwarded", "x-forwarded"])
def test_only_trusted_peers_are_believed(family: str, client: Any, unix: bool, believed: bool) -> None:
    fields = [
        ("forwarded", "for=192.0.2.7;proto=https;host=a"),
        ("x-forwarded-for", "192.0.2.7"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "a"),
    ]
    expected = (CLIENT, "https", "a") if believed else (client, "http", None)
    assert sender(family, *fields, client=client, unix=unix) == expected


# Against a reference that is written another way.

KNOWN = ["10.0.0.2", "10.3.0.1", "fd00::5"]
STRANGERS = ["192.0.2.7", "198.51.100.1", "2001:db8::1", "unknown", "x"]
SAID = st.lists(st.tuples(
    st.sampled_from([*KNOWN, *STRANGERS]),
    st.sampled_from(["http", "https", None]),
    st.sampled_from(["a", "b:1", None]),
), max_size=6)


def walked(said: list[tuple[str, str | None, str | None]]) -> Any:
    """Return the sender by what each hop says, the nearest last."""
    if not said:
        return PROXY, "http", None
    strangers = [hop for hop in said if hop[0] in STRANGERS]
    ip, proto, host = strangers[-1] if strangers else said[0]
    try:
        client = (str(ipaddress.ip_address(ip)), 0)
    except ValueError:
        client = None
    return client, proto or "http", host


@given(SAID, st.data())
def test_walk_agrees_with_a_reference(said: list[tuple[str, str | None, str | None]], data: Any) -> None:
    lines: list[list[str]] = [[]]
    for ip, proto, host in said:
        node = f'"[{ip}]"' if ":" in ip else data.draw(st.sampled_from([ip, f'"{ip}"']))
        pairs = [f"for={node}"]
        if proto:
            pairs.append(f"proto={proto}")
        if host:
            pairs.append(f'host="{host}"')
        element = ";".join(data.draw(st.permutations(pairs)))
        if data.draw(st.booleans()):
            lines.append([])
        lines[-1].append(element)
    commas = st.sampled_from([",", ", ", " ,\t", ",,"])
    fields = [("forwarded", data.draw(commas).join(line)) for line in lines]
    assert sender("forwarded", *fields) == walked(said)


@given(st.text(alphabet='",=;\\ \tfor[]:.1270x-', max_size=40))
def test_whatever_a_client_writes_its_proxy_is_believed(text: str) -> None:
    for fields in (
        [("forwarded", f'{text}, for="192.0.2.7:81";host="a"')],
        [("forwarded", text), ("forwarded", 'for="192.0.2.7:81";host="a"')],
    ):
        assert sender("forwarded", *fields) == (("192.0.2.7", 81), "http", "a")
    assert sender("x-forwarded", ("x-forwarded-for", f"{text}, 192.0.2.7:81"))[0] == ("192.0.2.7", 81)


# Requests.


async def who(request: Request) -> dict[str, Any]:
    return {"client": request.client, "scheme": request.scheme, "host": request.host}


APP = Router().route("/", get(who))


def told(site: Site, fields: str) -> Any:
    with site.peer() as peer:
        own = peer.socket.getsockname()
        answer = json.loads(peer.send(request(fields=fields)).answer().body)
    return answer, {"client": [*own], "scheme": "http", "host": "site"}


@pytest.mark.parametrize("options", [
    {},
    {"trusted_proxies": ["10.0.0.0/8", "unix:"], "forwarded_fields": "forwarded"},
    {"trusted_proxies": ["10.0.0.0/8", "unix:"], "forwarded_fields": "x-forwarded"},
])
def test_nobody_is_believed_who_is_not_trusted(make_site: MakeSite, options: Any) -> None:
    fields = "".join(f"{name}: {value}\r\n" for name, value in FORGED + FORGED_X)
    answer, own = told(make_site(APP, **options), fields)
    assert answer == own


@pytest.mark.parametrize(("family", "fields"), [
    ("forwarded", 'Forwarded: for="[2001:db8::7]:81";proto=https\r\nforwarded: for=10.0.0.1\r\n'),
    ("x-forwarded",
     "X-Forwarded-For: [2001:db8::7]:81\r\nX-FORWARDED-FOR: 10.0.0.1\r\nX-Forwarded-Proto: https\r\n"),
])
def test_trusted_peer_is_believed(make_site: MakeSite, family: str, fields: str) -> None:
    site = make_site(APP, trusted_proxies=TRUSTED, forwarded_fields=family)
    answer, own = told(site, fields)
    assert answer == {"client": ["2001:db8::7", 81], "scheme": "https", "host": "site"}
    assert told(site, "")[0]["client"][0] == own["client"][0]


def test_each_request_of_a_connection_has_its_own_sender(make_site: MakeSite) -> None:
    site = make_site(APP, trusted_proxies=TRUSTED, forwarded_fields="x-forwarded")
    with site.peer() as peer:
        own = peer.socket.getsockname()
        for n in (1, 2, None, 3):
            fields = f"X-Forwarded-For: 192.0.2.{n}\r\nX-Forwarded-Host: host{n}\r\n" if n else ""
            answer = json.loads(peer.send(request(fields=fields)).answer().body)
            assert (answer["client"], answer["host"]) == (
                ([f"192.0.2.{n}", 0], f"host{n}") if n else ([*own], "site"))


def test_address_of_a_proxy_header_is_what_trust_is_asked_of(make_site: MakeSite) -> None:
    site = make_site(APP, trusted_proxies=["10.0.0.0/8"], forwarded_fields="forwarded",
                     proxy_protocol_from=["127.0.0.1"])
    sent = request(fields="Forwarded: for=192.0.2.7\r\nConnection: close\r\n")
    for address, expected in (("10.1.1.1", ["192.0.2.7", 0]), ("11.1.1.1", ["11.1.1.1", 1])):
        answer = site.exchange(f"PROXY TCP4 {address} 10.0.0.1 1 2\r\n".encode() + sent)
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["client"] == expected


@pytest.mark.parametrize(("options", "named"), [
    ({"trusted_proxies": TRUSTED}, "trusted_proxies needs forwarded_fields"),
    ({"forwarded_fields": "forwarded"}, "forwarded_fields means nothing without trusted_proxies"),
    ({"forwarded_fields": "x-forwarded", "trusted_proxies": []}, "forwarded_fields means nothing"),
    ({"trusted_proxies": TRUSTED, "forwarded_fields": "Forwarded"}, "forwarded_fields must be one of"),
    ({"trusted_proxies": TRUSTED, "forwarded_fields": "both"}, "forwarded_fields must be one of"),
    ({"trusted_proxies": TRUSTED, "forwarded_fields": ["forwarded"]}, "forwarded_fields must be one of"),
])
def test_options_that_do_not_go_together_are_refused(options: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Server(APP, **options)
