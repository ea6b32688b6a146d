"""Read one HTTP/1.1 request slowly and plainly: the reference that the compiled parser is compared with.

Written from the ABNF of RFC 9112, 9110 and 3986, a regular expression for a rule, and named as the rules are.
Where fastloop is stricter than the RFCs ask, or laxer, a comment says so. Nothing is kept between two calls:
each reads all there is, from the first byte.
"""

import re
from typing import NamedTuple


class Incomplete(Exception):
    """Every byte so far is good, and more must come."""


class Refused(Exception):
    """No bytes that may follow can make this a request to serve."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Limits(NamedTuple):
    head_bytes: int = 65536
    field_count: int = 100
    field_bytes: int = 16384
    target_bytes: int = 16384


class Request(NamedTuple):
    method: bytes
    target: bytes
    path: bytes
    query: bytes | None
    form: str
    version: tuple[int, int]
    host: bytes
    fields: list[tuple[bytes, bytes]]
    content_length: int | None
    chunked: bool
    keep_alive: bool
    expect_continue: bool
    upgrade: bool
    size: int


# RFC 9110 section 5.6
TCHAR = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
OWS = rb"[ \t]*"
TOKEN = re.compile(TCHAR + rb"+")
# RFC 9112 section 5 and RFC 9110 section 5.5, without obs-fold, which a server may refuse (section 5.2)
FIELD_VCHAR = rb"[\x21-\x7e\x80-\xff]"
FIELD_CONTENT = rb"%b(?:[ \t\x21-\x7e\x80-\xff]*%b)?" % (FIELD_VCHAR, FIELD_VCHAR)
FIELD_LINE = re.compile(rb"(%b+):%b((?:%b)?)%b" % (TCHAR, OWS, FIELD_CONTENT, OWS))
FIELD_LINE_SO_FAR = re.compile(rb"%b+:[ \t\x21-\x7e\x80-\xff]*|%b*" % (TCHAR, TCHAR))
# RFC 9112 section 3. Laxer than RFC 3986: any visible byte but "#" may stand in a target; browsers send them.
METHOD_SO_FAR = re.compile(TCHAR + rb"*")
TARGET_SO_FAR = re.compile(rb"[\x21-\x22\x24-\x7e]*")
DIGIT, CRLF = re.compile(rb"[0-9]"), b"\r\n"
EMPTY_LINES = 4     # Stricter: no more than that many before the request line
METHOD_BYTES = 64   # RFC 9112 section 3: 501 for a method longer than any the server knows

# RFC 3986 section 3.2.2. Stricter: no IPvFuture, of which there is none.
H16 = rb"[0-9A-Fa-f]{1,4}"
DEC_OCTET = rb"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
IPV4 = rb"(?:%b\.){3}%b" % (DEC_OCTET, DEC_OCTET)
LS32 = rb"(?:%b:%b|%b)" % (H16, H16, IPV4)
IPV6 = b"|".join([
    rb"(?:%b:){6}%b" % (H16, LS32),
    rb"::(?:%b:){5}%b" % (H16, LS32),
    *(rb"(?:(?:%b:){0,%d}%b)?::(?:%b:){%d}%b" % (H16, before, H16, H16, 4 - before, LS32)
      for before in range(5)),
    rb"(?:(?:%b:){0,5}%b)?::%b" % (H16, H16, H16),
    rb"(?:(?:%b:){0,6}%b)?::" % (H16, H16),
])
REG_NAME = rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+"
# RFC 9110 section 4.2.1: neither an empty host nor userinfo
AUTHORITY = re.compile(rb"(?:\[(?:%b)\]|%b)(?::(?P<port>[0-9]*))?" % (IPV6, REG_NAME))
ABSOLUTE_FORM = re.compile(rb"https?://(?P<authority>[^/?]*)(?P<path>[^?]*)(?:\?(?P<query>.*))?", re.I)
ORIGIN_FORM = re.compile(rb"(?P<path>/[^?]*)(?:\?(?P<query>.*))?")

# RFC 9110 section 7.6.1, 8.6 and RFC 9112 section 6.1
CONNECTION = re.compile(rb"(?:%b,)*%b(?:%b+%b(?:,%b(?:%b+%b)?)*)?" % (OWS, OWS, TCHAR, OWS, OWS, TCHAR, OWS))
CONTENT_LENGTH = re.compile(rb"[0-9]+")
FIRST_CODING = re.compile(rb"(%b+)%b(?:[,;].*)?" % (TCHAR, OWS))
INT64_MAX = 2**63 - 1


class Reader:
    """Take what a rule allows from the bytes that have come, or say that they are refused or not enough."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at
        self.fence, self.fence_status = len(data), 0

    def limit(self, size: int, status: int) -> None:
        """Refuse to take more than that many bytes from here on, until unlimited()."""
        self.fence, self.fence_status = self.at + size, status

    def unlimited(self) -> None:
        self.fence = len(self.data)

    def take(self, size: int) -> bytes:
        if self.at + size > self.fence:
            raise Refused(self.fence_status)
        self.at += size
        return self.data[self.at - size:self.at]

    def run(self, so_far: re.Pattern[bytes]) -> bytes:
        """Take the longest run that fits; it is incomplete where the data ends, as more of it may follow."""
        match = so_far.match(self.data, self.at)
        text = self.take(len(match[0]) if match else 0)
        self.sees(b"")
        return text

    def sees(self, byte: bytes) -> bool:
        if self.at == len(self.data):
            raise Incomplete
        return self.data[self.at:self.at + 1] == byte

    def one(self, allowed: re.Pattern[bytes]) -> bytes:
        self.sees(b"")
        if not allowed.match(self.data, self.at):
            raise Refused(400)
        return self.take(1)

    def literal(self, text: bytes) -> None:
        for byte in text:
            if not self.sees(bytes([byte])):
                raise Refused(400)
            self.take(1)


def read_head(data: bytes, limits: Limits = Limits()) -> Request:  # noqa: B008
    """Read a request head from the first byte of data; raises Incomplete or Refused."""
    reader = Reader(data[:limits.head_bytes])
    try:
        return read_lines(reader, limits)
    except Incomplete:
        if len(data) >= limits.head_bytes:
            raise Refused(431) from None
        raise


def read_lines(reader: Reader, limits: Limits) -> Request:
    method, target, minor = read_request_line(reader, limits)
    form, authority, path, query = split_target(method, target)
    head = FieldJudge(minor, form)
    while not reader.sees(b"\r"):
        name, value = read_field_line(reader, len(head.fields), limits)
        head.take(name, value)
    reader.literal(CRLF)
    if minor == 1 and head.host is None:
        raise Refused(400)
    upgrade = minor == 1 and b"upgrade" in head.connection and b"upgrade" in head.names
    persists = b"close" not in head.connection and (minor == 1 or b"keep-alive" in head.connection)
    return Request(
        method, target, path, query, form, (1, minor), head.host or b"" if authority is None else authority,
        head.fields, head.content_length, head.chunked, persists, head.expect_continue, upgrade, reader.at)


def read_request_line(reader: Reader, limits: Limits) -> tuple[bytes, bytes, int]:
    for _ in range(EMPTY_LINES):
        if reader.sees(b"\r"):
            reader.literal(CRLF)
    reader.limit(METHOD_BYTES, 501)
    method = reader.run(METHOD_SO_FAR)
    reader.unlimited()
    if not method:
        raise Refused(400)
    reader.literal(b" ")
    reader.limit(limits.target_bytes, 414)
    target = reader.run(TARGET_SO_FAR)
    reader.unlimited()
    if not target:
        raise Refused(400)
    reader.literal(b" ")
    # "PRI * HTTP/2.0" deserves to hear that its version is not spoken here: so "*" is judged after it.
    if target != b"*" or method == b"CONNECT":
        split_target(method, target)
    reader.literal(b"HTTP/")
    major = reader.one(DIGIT)
    reader.literal(b".")
    minor = reader.one(DIGIT)
    reader.literal(CRLF)
    if major != b"1" or minor not in b"01":
        raise Refused(505)
    return method, target, int(minor)


def is_authority(text: bytes) -> bool:
    match = AUTHORITY.fullmatch(text)
    # Stricter: a port of TCP
    return match is not None and int((match["port"] or b"").lstrip(b"0")[:6] or b"0") <= 65535


def split_target(method: bytes, target: bytes) -> tuple[str, bytes | None, bytes, bytes | None]:
    """Return (form, authority, path, query) of a target, by RFC 9112 section 3.2."""
    if method == b"CONNECT":
        match = AUTHORITY.fullmatch(target)
        if match and match["port"] and is_authority(target):
            return "authority", target, b"", None
    elif match := ORIGIN_FORM.fullmatch(target):
        return "origin", None, match["path"], match["query"]
    # Stricter: a gateway to no other scheme
    elif match := ABSOLUTE_FORM.fullmatch(target):
        if is_authority(match["authority"]):
            return "absolute", match["authority"], match["path"], match["query"]
    elif method == b"OPTIONS" and target == b"*":
        return "asterisk", None, b"", None
    raise Refused(400)


def read_field_line(reader: Reader, count: int, limits: Limits) -> tuple[bytes, bytes]:
    if reader.sees(b" ") or reader.sees(b"\t"):
        raise Refused(400)
    if count == limits.field_count:
        raise Refused(431)
    reader.limit(limits.field_bytes, 431)
    line = reader.run(FIELD_LINE_SO_FAR)
    reader.unlimited()
    match = FIELD_LINE.fullmatch(line)
    if not match:
        raise Refused(400)
    reader.literal(CRLF)
    return match[1], match[2]


class FieldJudge:
    """What the fields so far say of the message; each is judged as soon as its line is complete."""

    def __init__(self, minor: int, form: str) -> None:
        self.minor, self.form = minor, form
        self.fields: list[tuple[bytes, bytes]] = []
        self.names: set[bytes] = set()
        self.connection: set[bytes] = set()
        self.host: bytes | None = None
        self.content_length: int | None = None
        self.chunked = self.expect_continue = False

    def take(self, name: bytes, value: bytes) -> None:
        lower = name.lower()
        judge = {
            b"host": self.take_host, b"connection": self.take_connection, b"expect": self.take_expect,
            b"content-length": self.take_length, b"transfer-encoding": self.take_coding,
        }.get(lower)
        if judge:
            judge(value)
        self.names.add(lower)
        self.fields.append((name, value))

    def take_host(self, value: bytes) -> None:
        """RFC 9112 section 3.2: once, and valid; it may be empty where the target has no authority either."""
        may_be_empty = self.form in ("origin", "asterisk")
        if self.host is not None or not (is_authority(value) or (may_be_empty and not value)):
            raise Refused(400)
        self.host = value

    def take_connection(self, value: bytes) -> None:
        if not CONNECTION.fullmatch(value):
            raise Refused(400)
        self.connection.update(option.lower() for option in TOKEN.findall(value))

    def take_expect(self, value: bytes) -> None:
        """RFC 9110 section 10.1.1: 417 for what is unknown. Stricter: 100-continue, and no list of it."""
        if value.lower() != b"100-continue":
            raise Refused(417)
        self.expect_continue = self.minor == 1

    def take_length(self, value: bytes) -> None:
        """RFC 9110 section 8.6. Stricter: no list of equal lengths, in one line or in many."""
        if {b"content-length", b"transfer-encoding"} & self.names:
            raise Refused(400)
        if not CONTENT_LENGTH.fullmatch(value) or int(value.lstrip(b"0")[:20] or b"0") > INT64_MAX:
            raise Refused(400)
        self.content_length = int(value.lstrip(b"0") or b"0")

    def take_coding(self, value: bytes) -> None:
        """RFC 9112 section 6.1. Stricter: one coding, chunked, and no length beside it."""
        if self.minor == 0 or self.chunked or b"content-length" in self.names:
            raise Refused(400)
        match = FIRST_CODING.fullmatch(value)
        if not match:
            raise Refused(400)
        if match[1].lower() != b"chunked":
            raise Refused(501)
        if match[0] != match[1]:
            raise Refused(400)
        self.chunked = True


# ---- The body

class Body(NamedTuple):
    content: bytes
    trailers: list[tuple[bytes, bytes]]
    size: int


class BodyLimits(NamedTuple):
    body_bytes: int = INT64_MAX
    extension_bytes: int = 16384    # of all chunk-ext of a body
    trailer_bytes: int = 16384
    trailer_count: int = 100
    field_bytes: int = 16384


# RFC 9112 section 7.1
HEXDIGS = re.compile(rb"[0-9A-Fa-f]*")
SIZE_DIGITS = 16    # Stricter: zeros in front count, as they could go on for ever
BWS = re.compile(OWS)
TOKEN_SO_FAR = METHOD_SO_FAR
QUOTED_SO_FAR = re.compile(rb'"(?:[\t !\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*')
# RFC 9110 section 6.5.1: framing, routing, request modifiers, authentication, content format; and what is of
# the connection (section 7.6.1).
FORBIDDEN_TRAILERS = frozenset(b"""
    content-length transfer-encoding trailer host
    cache-control expect max-forwards pragma range te
    if-match if-none-match if-modified-since if-unmodified-since if-range
    authorization proxy-authorization cookie
    content-encoding content-range content-type
    connection keep-alive proxy-connection upgrade
    """.split())


def read_body(
    data: bytes, chunked: bool, content_length: int | None, limits: BodyLimits = BodyLimits(),  # noqa: B008
) -> Body:
    """Read the body of a request from the first byte after its head; raises Incomplete or Refused."""
    if chunked:
        return read_chunked(Reader(data), limits)
    length = content_length or 0
    if length > limits.body_bytes:
        raise Refused(413)
    if len(data) < length:
        raise Incomplete
    return Body(data[:length], [], length)


def read_chunked(reader: Reader, limits: BodyLimits) -> Body:
    content = b""
    extension_bytes = 0
    while True:
        size = read_chunk_size(reader, limits.body_bytes - len(content))
        extension_bytes += read_chunk_extensions(reader, limits.extension_bytes - extension_bytes)
        reader.literal(CRLF)
        if size == 0:
            break
        if len(reader.data) - reader.at < size:
            raise Incomplete
        content += reader.take(size)
        reader.literal(CRLF)
    trailers, end = read_trailers(reader.data, reader.at, limits)
    return Body(content, trailers, end)


def read_chunk_size(reader: Reader, room: int) -> int:
    match = HEXDIGS.match(reader.data, reader.at)
    assert match
    if int(match[0][:SIZE_DIGITS] or b"0", 16) > room:
        raise Refused(413)
    if len(match[0]) > SIZE_DIGITS:
        raise Refused(400)
    if not reader.run(HEXDIGS):
        raise Refused(400)
    return int(match[0], 16)


def read_chunk_extensions(reader: Reader, room: int) -> int:
    """Skip chunk-ext and return its size. A byte past the room is too many, well-formed or not."""
    start = reader.at
    reader.limit(room, 413)
    try:
        read_chunk_extension_list(reader)
        if reader.at > start and not reader.sees(b"\r"):
            raise Refused(400)
    except Refused as refusal:
        raise Refused(413 if reader.at == start + room else refusal.status) from None
    reader.unlimited()
    return reader.at - start


def read_chunk_extension_list(reader: Reader) -> None:
    """chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )"""
    space = reader.run(BWS)
    while reader.sees(b";"):
        reader.literal(b";")
        reader.run(BWS)
        read_token(reader)
        space = reader.run(BWS)
        if reader.sees(b"="):
            reader.literal(b"=")
            reader.run(BWS)
            if reader.sees(b'"'):
                read_quoted_string(reader)
            else:
                read_token(reader)
            space = reader.run(BWS)
    if space:
        raise Refused(400)


def read_token(reader: Reader) -> None:
    if not reader.run(TOKEN_SO_FAR):
        raise Refused(400)


def read_quoted_string(reader: Reader) -> None:
    reader.run(QUOTED_SO_FAR)
    if reader.sees(b"\\"):
        reader.literal(b"\\")
        reader.sees(b"")
        raise Refused(400)
    reader.literal(b'"')


def read_trailers(data: bytes, start: int, limits: BodyLimits) -> tuple[list[tuple[bytes, bytes]], int]:
    """Read *( field-line CRLF ) CRLF; fields that may not be trailers are refused, as smugglers use them."""
    reader = Reader(data[:start + limits.trailer_bytes], start)
    line_limits = Limits(field_count=limits.trailer_count, field_bytes=limits.field_bytes)
    trailers: list[tuple[bytes, bytes]] = []
    try:
        while not reader.sees(b"\r"):
            name, value = read_field_line(reader, len(trailers), line_limits)
            if name.lower() in FORBIDDEN_TRAILERS:
                raise Refused(400)
            trailers.append((name, value))
        reader.literal(CRLF)
    except Incomplete:
        if len(data) - start >= limits.trailer_bytes:
            raise Refused(431) from None
        raise
    return trailers, reader.at
