"""Networks that are trusted: what they mean, whom they hold, and what is refused."""

import ipaddress
from typing import Any

import pytest

from fastloop_http import Router, Server
from fastloop_http._networks import Networks, parse_networks

ADDRESSES = [
    "10.0.0.0", "10.255.255.255", "11.0.0.0", "9.255.255.255", "192.0.2.7", "192.0.2.8", "127.0.0.1",
    "0.0.0.0", "255.255.255.255", "::1", "::", "fd00::1", "fe80::1", "2001:db8::7", "::ffff:10.1.2.3",
    "::ffff:a01:203", "::10.1.2.3",
]


def held(*texts: str) -> list[str]:
    networks = Networks.parsed("option", texts)
    return [each for each in ADDRESSES if networks.hold(each)]


@pytest.mark.parametrize(("texts", "expected"), [
    (["10.0.0.0/8"], ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3", "::ffff:a01:203"]),
    (["192.0.2.7"], ["192.0.2.7"]),
    (["192.0.2.7/32", "::1/128"], ["192.0.2.7", "::1"]),
    (["10.0.0.0/255.0.0.0", "fd00::/8"],
     ["10.0.0.0", "10.255.255.255", "fd00::1", "::ffff:10.1.2.3", "::ffff:a01:203"]),
    (["::/0"], ["::1", "::", "fd00::1", "fe80::1", "2001:db8::7", "::10.1.2.3"]),
    (["unix:"], []),
])
def test_whom_networks_hold(texts: list[str], expected: list[str]) -> None:
    assert held(*texts) == expected


def test_all_of_ipv4_is_ipv4_also_where_it_is_mapped() -> None:
    assert held("0.0.0.0/0") == [each for each in ADDRESSES if "." in each and each != "::10.1.2.3"] + [
        "::ffff:a01:203"]


@pytest.mark.parametrize(
    "host", ["", "localhost", "10.0.0", "10.0.0.01", "10.0.0.1 ", "10.0.0.1/8", "1", "x", "0x7f.1"]
)
def test_what_is_no_address_is_in_no_network(host: str) -> None:
    assert not Networks.parsed("option", ["0.0.0.0/0", "::/0", "unix:"]).hold(host)


@pytest.mark.parametrize(("name", "expected"), [
    (("10.0.0.1", 80), True),
    (("10.0.0.1", 80, 0, 0), True),
    (("::ffff:10.0.0.1", 80, 0, 0), True),
    (("fe80::1", 80, 0, 2), True),
    (("fe80::1%eth0", 80, 0, 2), True),
    (("192.0.2.7", 80), False),
    ("", True),
    ("/run/app.sock", True),
    (b"\0abstract", True),
    (None, False),
])
def test_names_of_sockets(name: Any, expected: bool) -> None:
    assert Networks.parsed("option", ["10.0.0.0/8", "fe80::/10", "unix:"]).hold_peer(name) is expected
    assert not Networks.parsed("option", ["172.16.0.0/12"]).hold_peer(name)


def test_no_network_is_nobody() -> None:
    assert parse_networks("option", ()) is None
    assert parse_networks("option", iter([])) is None


@pytest.mark.parametrize("option", ["proxy_protocol_from", "trusted_proxies"])
@pytest.mark.parametrize(("value", "error", "remedy"), [
    ("10.0.0.0/8", TypeError, "a list of networks"),
    (b"10.0.0.0/8", TypeError, "a list of networks"),
    (None, TypeError, "a list of networks"),
    (10, TypeError, "a list of networks"),
    ([None], TypeError, "'10.0.0.0/8'"),
    ([167772160], TypeError, "'10.0.0.0/8'"),
    ([ipaddress.ip_network("10.0.0.0/8")], TypeError, "'10.0.0.0/8'"),
    ([""], ValueError, "no network; write"),
    (["localhost"], ValueError, "no network; write"),
    (["10.0.0.0/33"], ValueError, "no network; write"),
    (["10.0.0.0/8", "10.0.0/8"], ValueError, "'10.0.0/8' is no network; write"),
    (["010.0.0.0/8"], ValueError, "no network; write"),
    (["unix"], ValueError, "'unix:'"),
    (["unix:/run/app.sock"], ValueError, "'unix:'"),
    (["*"], ValueError, "no network; write"),
    (["10.0.0.1/8"], ValueError, "write '10.0.0.0/8'"),
    (["fd00::1/8"], ValueError, "write 'fd00::/8'"),
    (["::ffff:10.0.0.0/104"], ValueError, "write it as IPv4"),
    (["fe80::%1/64"], ValueError, "without the zone"),
])
def test_option_that_is_no_list_of_networks_is_refused(
    option: str, value: Any, error: type[Exception], remedy: str
) -> None:
    with pytest.raises(error) as caught:
        Server(Router(), **{"forwarded_fields": "forwarded" if option == "trusted_proxies" else None,
                            option: value})
    assert str(caught.value).startswith(option)
    assert remedy in str(caught.value)
