"""The scans of scan.h agree with the RFCs' byte classes on every byte, alignment and length."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastloop_http._h1.parser import scan

TCHAR = set((string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~").encode())  # RFC 9110 section 5.6.2
VISIBLE = set(range(0x21, 0x7F))
CLASSES = {
    "token": TCHAR,
    "value": VISIBLE | set(range(0x80, 0x100)) | set(b" \t"),  # RFC 9110 section 5.5
    "target": VISIBLE - set(b"#?"),  # "?" is where the query begins, and the scan stops
}
VARIANTS = ["scalar", "swar", "chosen"]
FILLERS = {"token": b"a-Z_0", "value": b"a \t\xff~", "target": b"/a%~."}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", CLASSES)
def test_every_byte_is_classed_as_the_rfc_says_wherever_it_stands(kind, variant):
    for before in (0, 3, 7, 8, 15, 16, 17):
        for after in (0, 8, 16):
            for byte in range(256):
                data = b"a" * before + bytes([byte]) + b"a" * after
                expected = len(data) if byte in CLASSES[kind] else before
                assert scan(kind, data, 0, variant) == expected, (byte, before, after)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", CLASSES)
def test_a_stop_is_found_at_every_position_from_every_alignment(kind, variant):
    for offset in range(34):
        for size in range(50):
            run = (FILLERS[kind] * 20)[:size]
            data = b"\x00" * offset + run
            assert data == b"" or scan(kind, data, offset, variant) == len(data)
            for stop in b"\x00\r\n\x7f":
                assert scan(kind, data + bytes([stop]), offset, variant) == len(data)
                assert scan(kind, data + bytes([stop]) + b"a" * 40, offset, variant) == len(data)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", CLASSES)
def test_the_first_of_two_stops_wins(kind, variant):
    for first in range(20):
        for second in range(20):
            data = b"a" * first + b"\r" + b"a" * second + b"\x00" + b"a" * 20
            assert scan(kind, data, 0, variant) == first


@given(st.binary(min_size=1, max_size=80), st.integers(0, 80), st.sampled_from(sorted(CLASSES)))
def test_every_variant_agrees_with_the_table(data, offset, kind):
    offset = min(offset, len(data))
    expected = next((at for at in range(offset, len(data)) if data[at] not in CLASSES[kind]), len(data))
    assert [scan(kind, data, offset, variant) for variant in VARIANTS] == [expected] * 3


def test_offset_beyond_the_data_is_refused():
    with pytest.raises(ValueError, match="offset 2 is not within 1 bytes"):
        scan("token", b"a", 2)
