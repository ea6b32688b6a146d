"""The compiled head parser against the reference, on requests that Hypothesis makes and mutates.

FASTLOOP_EXAMPLES=1000000, and -o faulthandler_timeout=0 as it takes ten minutes, mutates that many requests
instead of 2000. `python -m tests.oracles.compare` takes two, with a plain random source.
"""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles.compare import MUTANTS, compare, compare_mutants
from oracles.http1 import Limits
from oracles.mutation import cut, make_request

# What inet_pton, which the parser asks, and RFC 3986 might see differently.
IPV6_PARTS = b": : :: 0 1 ffff 12345 g 1.2.3.4 01.2.3.4 1.2.3.256 %25".split()
IPV6 = st.lists(st.sampled_from(IPV6_PARTS), max_size=18).map(b"".join)
PORT = st.sampled_from([b"", b":", b":80", b":65535", b":65536", b":00065535", b"x"])
HOST_PARTS = b"a Z 9 . - %41 % %g : :80 :65536 @ [ ] \xe9 ,".split()
AUTHORITY = st.one_of(
    st.tuples(IPV6, PORT).map(lambda parts: b"[%b]%b" % parts),
    st.lists(st.sampled_from(HOST_PARTS), max_size=6).map(b"".join))

REQUESTS = int(os.environ.get("FASTLOOP_EXAMPLES", "0"))
many = settings(
    max_examples=-(-REQUESTS // MUTANTS) or 250, deadline=None, suppress_health_check=list(HealthCheck),
    # A million are all different in any case, and a database of them would only take time.
    **({"database": None} if REQUESTS else {}))


@given(st.randoms(use_true_random=False))
@many
def test_mutated_requests_get_the_references_verdict_and_content(random):
    assert len(list(compare_mutants(random, MUTANTS))) == MUTANTS


@given(st.randoms(use_true_random=False))
@many
def test_requests_by_the_grammar_are_read_as_the_reference_reads_them(random):
    compare(cut(random, make_request(random)), Limits())


@given(AUTHORITY, st.sampled_from([
    b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n", b"GET http://%b HTTP/1.1\r\nHost: a\r\n\r\n",
    b"CONNECT %b HTTP/1.1\r\nHost: a\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\nHost: %b\r\n\r\n"]))
@many
def test_authorities_are_those_of_rfc_3986(authority, request):
    compare([request % authority], Limits())


@pytest.mark.parametrize("address", b"""
    :: ::1 1:: 1:2:3:4:5:6:7:: ::2:3:4:5:6:7:8 1:2:3:4::6:7:8 1:2:3:4:5:6:7:8 ::1.2.3.4
    1:2:3:4:5:6:1.2.3.4 1::6:1.2.3.4 ::ffff:255.255.255.255
    1:2:3:4:5:6:7:8:: ::1:2:3:4:5:6:7:8 1:2:3:4::5:6:7:8 1:2:3:4:5:6:7:1.2.3.4 1:2:3:4:5:6:7 1::2::3 :1 1: :::
    1.2.3.4 ::1.2.3 ::1.2.3.4:5 ::01.2.3.4 ::256.1.1.1 ::12345 ::%25lo 1:2:3:4:5:6:7:8:9 0001::00001
    """.split())
def test_ipv6_addresses_are_those_of_rfc_3986(address):
    compare([b"GET / HTTP/1.1\r\nHost: [%b]\r\n\r\n" % address], Limits())
