"""RateLimit: so many of one client, in a time that tests hold."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from layered import layered
from served import Site

from fastloop_http.middleware import RateLimit, rate_limit
from fastloop_http.respond import Response


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return what has the time, in seconds."""
    now = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(
        rate_limit, "time", SimpleNamespace(monotonic_ns=lambda: int(now.seconds * 1e9))
    )
    return now


def ask(layer: RateLimit, host: str | None = "192.0.2.1") -> Response:
    async def next(request: Any) -> Response:
        return Response("in")

    client = None if host is None else (host, 1234)
    return asyncio.run(layer(SimpleNamespace(client=client), next))  # type: ignore[arg-type]


def statuses(layer: RateLimit, hosts: list[str]) -> list[int]:
    return [ask(layer, host).status for host in hosts]


def test_burst_of_count_is_let_in_and_then_one_at_a_time(clock: SimpleNamespace) -> None:
    layer = RateLimit(3, per_s=30)
    assert statuses(layer, ["192.0.2.1"] * 4) == [200, 200, 200, 429]
    clock.seconds += 9
    assert ask(layer).headers["retry-after"] == "1"
    clock.seconds += 1
    assert statuses(layer, ["192.0.2.1"] * 2) == [200, 429]
    assert ask(layer).headers["retry-after"] == "10"
    clock.seconds += 30
    assert statuses(layer, ["192.0.2.1"] * 4) == [200, 200, 200, 429]


def test_refused_requests_cost_nothing(clock: SimpleNamespace) -> None:
    layer = RateLimit(1, per_s=10)
    assert statuses(layer, ["192.0.2.1"] * 50)[:2] == [200, 429]
    clock.seconds += 10
    assert ask(layer).status == 200


def test_clients_do_not_take_from_each_other(clock: SimpleNamespace) -> None:
    layer = RateLimit(1, per_s=10)
    assert statuses(layer, ["192.0.2.1", "192.0.2.2", "192.0.2.1"]) == [200, 200, 429]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        (None, None, True),
        (None, "192.0.2.1", False),
    ],
)
def test_ipv6_client_is_its_network(clock: SimpleNamespace, one: str, other: str, same: bool) -> None:
    layer = RateLimit(1, per_s=10)
    assert statuses(layer, [one, other]) == [200, 429 if same else 200]


def test_key_says_whose_a_request_is(clock: SimpleNamespace) -> None:
    keys = iter(["a", "a", None, None, ("b", 1), ("b", 1)])
    layer = RateLimit(1, per_s=10, key=lambda request: next(keys))
    assert statuses(layer, [""] * 6) == [200, 429, 200, 200, 200, 429]


def test_no_more_than_max_keys_are_remembered(clock: SimpleNamespace) -> None:
    layer = RateLimit(1, per_s=10, max_keys=3)
    hosts = [f"192.0.2.{number}" for number in range(4)]
    assert statuses(layer, hosts) == [200] * 4
    assert len(layer._full_at_ns) == 3
    assert statuses(layer, hosts[1:]) == [429] * 3
    assert statuses(layer, hosts[:1]) == [200]  # forgotten


def test_full_buckets_are_forgotten(clock: SimpleNamespace) -> None:
    layer = RateLimit(1, per_s=10)
    statuses(layer, [f"192.0.2.{number}" for number in range(100)])
    clock.seconds += 10
    statuses(layer, ["192.0.2.200"] * 60)
    assert list(layer._full_at_ns) == ["192.0.2.200"]


def test_client_is_the_one_of_the_connection(make_site: Callable[..., Site]) -> None:
    site = make_site(layered(lambda request: "in", RateLimit(2, per_s=3600)))
    assert [site.get().status for _ in range(3)] == [200, 200, 429]
    answer = site.get()
    assert answer.body == b"Too Many Requests"
    assert 1700 < int(answer.headers["retry-after"]) <= 1800


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"count": 0, "per_s": 1}, ValueError),
        ({"count": 1.5, "per_s": 1}, ValueError),
        ({"count": 1, "per_s": 0}, ValueError),
        ({"count": 1, "per_s": float("inf")}, ValueError),
        ({"count": 1, "per_s": 1, "max_keys": 0}, ValueError),
        ({"count": 1, "per_s": 1, "key": "ip"}, TypeError),
    ],
)
def test_malformed_options_are_refused(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match="must be"):
        RateLimit(**options)
