"""The scans of scan.h agree with the RFCs' byte classes and grammar on every byte, alignment and length.

They are compiled apart from the parser, by scan_check.c, so that each variant of them can be asked.
"""

import ctypes
import re
import shutil
import string
import subprocess
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
CHECK = ROOT / "tests" / "h1" / "scan_check.c"
FLAGS = ["-std=c11", "-O2", "-Wall", "-Wno-unused-function", f"-I{ROOT / 'fastloop_http' / '_h1'}"]
COMPILER = (sysconfig.get_config_var("CC") or "cc").split()[0]

TCHAR = set((string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~").encode())  # RFC 9110 section 5.6.2
VISIBLE = set(range(0x21, 0x7F))
CLASSES = {
    "token": TCHAR,
    "value": VISIBLE | set(range(0x80, 0x100)) | set(b" \t"),  # RFC 9110 section 5.5
    "target": VISIBLE - set(b"#?"),  # "?" is where the query begins, and the scan stops
    "host": set((string.ascii_letters + string.digits + "-._~!$&'()*+,;=").encode()),  # RFC 3986, 3.2.2
}
BITS = {"token": 1, "value": 2, "target": 4, "host": 16}
# narrow: SSE2 or NEON, whichever the machine has.
VARIANTS = ["scalar", "swar", "narrow", "avx2", "chosen"]
FILLERS = {"token": b"a-Z_0", "value": b"a \t\xff~", "target": b"/a%~.", "host": b"a-Z_.0"}
ROOM = 64
# A name of 31 bytes at most, in [start, end) of 32 at least: others take the parser's own steps.
LINE = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,31}):[ \t]*((?:[^\x00-\x08\x0a-\x1f\x7f]*[!-~\x80-\xff])?)[ \t]*\r\n")


class Library:
    """scan_check.c, compiled for this machine."""

    def __init__(self, path):
        self._library = ctypes.CDLL(str(path))
        self._library.scan.restype = ctypes.c_ssize_t
        self._where = ctypes.c_size_t()
        self._spans = (ctypes.c_uint32 * (4 * ROOM))()

    def can_run(self, variant):
        return bool(self._library.can_run(variant.encode()))

    def scan(self, kind, data, offset, variant):
        size = ctypes.c_size_t(len(data))
        return self._library.scan(variant.encode(), BITS[kind], data, size, ctypes.c_size_t(offset))

    def lines(self, data, variant, offset=0, room=ROOM, line_bytes=16384):
        size, offset = ctypes.c_size_t(len(data)), ctypes.c_size_t(offset)
        count = self._library.lines(
            variant.encode(), data, size, offset, room, line_bytes, self._spans, ctypes.byref(self._where))
        assert count >= 0, "it depends on what is beside"
        found = [tuple(self._spans[4 * at:4 * at + 4]) for at in range(count)]
        return found, self._where.value


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    path = tmp_path_factory.mktemp("scan") / "scan_check.so"
    subprocess.run([COMPILER, *FLAGS, "-shared", "-fPIC", "-o", str(path), str(CHECK)], check=True)
    return Library(path)


@pytest.fixture(params=VARIANTS)
def variant(request, library):
    if not library.can_run(request.param):
        pytest.skip(f"this machine has no {request.param}")
    return request.param


@pytest.mark.parametrize("kind", CLASSES)
def test_every_byte_is_classed_as_the_rfc_says_wherever_it_stands(library, kind, variant):
    for before in (0, 3, 7, 8, 15, 16, 17, 31, 33):
        for after in (0, 8, 16, 32):
            for byte in range(256):
                data = b"a" * before + bytes([byte]) + b"a" * after
                expected = len(data) if byte in CLASSES[kind] else before
                assert library.scan(kind, data, 0, variant) == expected, (byte, before, after)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_stop_is_found_at_every_position_from_every_alignment(library, kind, variant):
    for offset in range(34):
        for size in range(70):
            data = b"\x00" * offset + (FILLERS[kind] * 20)[:size]
            assert library.scan(kind, data, offset, variant) == len(data)
            for stop in b"\x00\r\n\x7f":
                assert library.scan(kind, data + bytes([stop]), offset, variant) == len(data)
                assert library.scan(kind, data + bytes([stop]) + b"a" * 40, offset, variant) == len(data)


@pytest.mark.parametrize("kind", CLASSES)
def test_the_first_of_two_stops_wins(library, kind, variant):
    for first in range(40):
        for second in range(40):
            data = b"a" * first + b"\r" + b"a" * second + b"\x00" + b"a" * 20
            assert library.scan(kind, data, 0, variant) == first


@given(st.binary(max_size=100), st.integers(0, 100), st.sampled_from(sorted(CLASSES)))
def test_every_variant_agrees_with_the_table(library, data, offset, kind):
    offset = min(offset, len(data))
    expected = next((at for at in range(offset, len(data)) if data[at] not in CLASSES[kind]), len(data))
    for variant in filter(library.can_run, VARIANTS):
        assert library.scan(kind, data, offset, variant) == expected, variant


# ---- Lines: what is regular is read, and nothing else

def regular_lines(data, offset=0, room=ROOM, line_bytes=16384):
    """The spans of the regular lines from offset on, and where they end, by LINE."""
    found = []
    while len(data) >= 32 and len(found) < room and (match := LINE.match(data, offset)):
        if match.end() - 2 - offset > line_bytes:
            break
        (name, name_end), (value, value_end) = match.span(1), match.span(2)
        found.append((name, name_end - name, value, value_end - value))
        offset = match.end()
    return found, offset


@pytest.fixture(params=[variant for variant in VARIANTS if variant != "swar"])
def line_variant(request, library):
    if not library.can_run(request.param):
        pytest.skip(f"this machine has no {request.param}")
    if request.param == "chosen" and not library.can_run("narrow"):
        pytest.skip("this machine reads lines in steps")
    return request.param


@pytest.mark.parametrize("line", [
    b"a:b", b"a:", b"a: ", b"a:\t \t", b"a: b ", b"a: b\t c\t", b"a:  b", b"a::", b"x_y.z: 1",
    b"a" * 31 + b": b", b"a: " + b"b" * 100, b"a:" + b" " * 100, b"a:" + b" " * 100 + b"b" + b" " * 100,
    b"a: \xe9\xff", b"a: " + b"b" * 27,
    *(b"Accept:" + b" " * before + b"x" * size + b" " * after
      for before in (0, 1, 24, 25, 26) for size in (0, 1, 23, 24, 25, 26, 57) for after in (0, 1, 40))])
def test_a_regular_line_is_read_and_trimmed_wherever_it_stands(library, line_variant, line):
    for before in (b"", b"Host: a\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n"):
        for after in (b"\r\n", b"x", b"x: y\r\n\r\n", b"x" * 40):
            data = before.rjust(32, b"z") + line + b"\r\n" + after
            expected = regular_lines(data, offset := max(len(before), 32))
            assert len(expected[0]) >= 1
            assert library.lines(data, line_variant, offset) == expected


def test_every_byte_of_a_line_is_classed_as_the_rfc_says(library, line_variant):
    for before in (0, 1, 15, 16, 30):
        for byte in range(256):
            at = bytes([byte])
            for line in (b"a" * before + at + b": b", b"a: " + b"b" * before + at + b"b"):
                data = b"Host: example.com\r\nAccept: */*\r\n" + line + b"\r\n\r\n"
                assert library.lines(data, line_variant, 32) == regular_lines(data, 32), line


@pytest.mark.parametrize("line", [
    b"", b":", b": b", b" a: b", b"\ta: b", b"a b: c", b"a : b", b"a", b"a\x00: b", b"a: \x00",
    b"a: b\x7f", b"a: b\rc", b"a: b\nc", b"a: b\r", b"\xe9: b", b"a" * 32 + b": b",
    b"a: " + b"b" * 60 + b"\x01"])
def test_an_irregular_line_is_left_to_the_parser(library, line_variant, line):
    before = b"Host: example.com\r\nAccept: */*\r\n"
    for after in (b"\r\n\r\n", b"\r\nx: y\r\n\r\n", b"\r\n" + b"x" * 40):
        found, where = library.lines(before + line + after, line_variant)
        assert (len(found), where) == (2, len(before))


def test_a_line_that_is_cut_anywhere_is_left_to_the_parser(library, line_variant):
    before, line = b"Host: example.com\r\nAccept: */*\r\n", b"Cookie: " + b"c=d; " * 20 + b"\r\n"
    for size in range(len(line)):
        assert library.lines(before + line[:size], line_variant) == regular_lines(before)
    assert len(library.lines(before + line, line_variant)[0]) == 3


def test_room_and_the_size_of_a_line_are_kept_to_the_byte(library, line_variant):
    data = b"Host: example.com\r\nAccept: */*\r\na: 4567\r\nb: 45678\r\n\r\n"
    for room in range(6):
        assert library.lines(data, line_variant, room=room) == regular_lines(data, room=room)
    for line_bytes in range(20):
        assert library.lines(data, line_variant, 19, line_bytes=line_bytes) == regular_lines(
            data, 19, line_bytes=line_bytes)


PIECES = st.sampled_from([
    b"a", b"Accept", b":", b": ", b"\r\n", b"\r", b"\n", b"_", b"\t", b" ", b"\x7f", b"\x80", b"a: b\r\n",
    b"Content-Length: 5\r\n", b"/", b"0123456789abcdef"])


@given(st.lists(PIECES, max_size=30).map(b"".join), st.integers(0, 40), st.integers(0, 5), st.integers(0, 60))
def test_every_variant_reads_the_lines_that_the_grammar_has(library, data, offset, room, line_bytes):
    offset = min(offset, len(data))
    expected = regular_lines(data, offset, room, line_bytes)
    for variant in filter(library.can_run, ["scalar", "narrow", "avx2"]):
        assert library.lines(data, variant, offset, room, line_bytes) == expected, variant


@pytest.mark.slow
@pytest.mark.parametrize(("machine", "compiler", "emulator"), [
    ("this machine", COMPILER, []),
    ("AArch64", "aarch64-linux-gnu-gcc", ["qemu-aarch64"])])
def test_all_that_a_machine_can_run_agrees_with_the_scalar_scans(tmp_path, machine, compiler, emulator):
    for tool in (compiler, *emulator):
        if shutil.which(tool) is None:
            pytest.skip(f"{machine} needs {tool}, which is not installed")
    program = tmp_path / "scan_check"
    subprocess.run([compiler, *FLAGS, "-static", "-o", str(program), str(CHECK)], check=True)
    done = subprocess.run([*emulator, str(program)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "chosen agrees" in done.stdout
