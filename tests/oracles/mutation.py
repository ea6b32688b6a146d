"""Make valid HTTP/1.1 requests by the grammar, and break them as smugglers do.

Every choice comes from a random.Random, so that a seed makes the same request again, and Hypothesis, whose
`randoms()` are of that class, can choose, shrink and replay.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random

METHODS = (
    b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT", b"PRI", b"get",
    b"!#$%&'*+-.^_`|~09", b"M" * 64,
)
PATHS = (
    b"/", b"/a/b", b"//c", b"/?", b"/a?b=c&d", b"/??", b"/%00%zz", b"/a:b@c", b"/~!$&'()*+,;=|^{}\\\"<>",
    b"/" + b"x" * 40,
)
IPV6_GROUPS = (
    b"::", b"::", b":", b":", b"0", b"1", b"ffff", b"2001", b"db8", b"12345", b"g", b"127.0.0.1",
    b"1.2.3.256", b"01.2.3.4", b"%25",
)
HOSTS = (
    b"a", b"example.com", b"EXAMPLE.com.", b"127.0.0.1", b"[::1]", b"[2001:db8::1]",
    b"[::ffff:192.168.0.1]", b"a_b", b"%C3%A9", b"-._~!$&'()*+,;=", b"[1:2:3:4:5:6:7:8]",
    b"[1:2:3:4:5:6:7::]", b"[::2:3:4:5:6:7:8]", b"[1::3:4:5:6:7:8]",
)
PORTS = (b"", b"", b"", b":", b":0", b":80", b":65535", b":00443")
OWS = (b"", b" ", b" ", b" ", b"\t", b" \t ")
FIELDS = (
    b"Connection: close", b"Connection: keep-alive", b"connection: Upgrade, x", b"Connection: ,, a ,close,",
    b"Connection:", b"Upgrade: websocket", b"Expect: 100-continue", b"Accept: */*;q=0.8",
    b"Cookie: a=b; c=\"d\"", b"User-Agent: Mozilla/5.0 (X11; Linux x86_64)", b"X-Obs: \xe9\xff\x80",
    b"Empty:", b"Empty: \t", b"!#$%&'*+-.^_`|~09: :", b"Content_Length: 7", b"X-Long: " + b"v" * 60,
    b"Transfer-Encodinh: chunked", b"TE: trailers", b"Trailer: X-Sum",
)
CHUNK_EXTENSIONS = (
    b"", b"", b"", b";a", b";a=b", b";a=\"b\"", b" ; a\t=\t\"q\\\"\\\\ \x80\"", b";a;b=c;d", b";a=\"\"",
)
CHUNK_DATA = (b"a", b"hello", b"\r\n", b"0\r\n\r\n", b"x" * 16, b"x" * 300)
TRAILERS = (b"X-Sum: 1", b"Digest: sha-256=x", b"empty:", b"Server-Timing: a;dur=1")

BYTES = (
    b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":", b",", b";", b"=", b'"', b"\\", b"\x0b", b"\x0c",
    b"\x7f", b"\x80", b"\xa0", b"\xff", b"#", b"?", b"/", b"@", b"[", b"]", b"%", b"*", b"+", b"-", b"_",
    b"0", b"1", b"9", b"x", b"\x1f",
)
# Fragments with a history: of smuggled requests, of split answers, of parsers that were too friendly.
FRAGMENTS = (
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding: identity\r\n", b"Transfer-Encoding : chunked\r\n",
    b"Transfer-Encoding:\x0bchunked\r\n", b"Transfer-Encoding:\r\n chunked\r\n",
    b"\x0bTransfer-Encoding: chunked\r\n", b"X: y\nTransfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Content-Length: +1\r\n",
    b"Content-Length: 1_0\r\n", b"Content-Length: 0x1\r\n", b"Content-Length: 5, 5\r\n",
    b"Content-Length : 5\r\n", b"Content-Length: 9223372036854775807\r\n",
    b"Content-Length: 9223372036854775808\r\n", b"Content-Length: 18446744073709551617\r\n",
    b"Content-Length:\r\n", b"Host: b\r\n", b"Host: a b\r\n", b"Host:\r\n", b"Host: a@b\r\n",
    b"Host: a:b\r\n", b"Host: a, b\r\n", b"Connection: close\r\n", b"Connection: a b\r\n",
    b"Expect: 200-ok\r\n", b"Expect: 100-continue\r\n", b": a\r\n", b"\r\n \r\n", b"\r\n\t", b"\r\n\r\n",
    b"chunked", b"chunked, ", b", identity", b", chunked", b";q=1", b"gzip, ", b"HTTP/1.0", b"HTTP/1.1",
    b"HTTP/2.0", b"HTTP/1.2", b"http://", b"https://", b"http://a@b/", b"[::1]", b":65536", b"%41", b"%4",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"SMUGGLED", b"0x", b"ffffffffffffffff", b"10000000000000000",
    b"7fffffffffffffff", b"00000000000000000000", b"0\r\n\r\n", b"0\r\nContent-Length: 5\r\n\r\n",
    b"0\r\nHost: b\r\n\r\n", b";a=\"\r\n\"", b";a\nb", b" ;", b"; ", b";;", b";=", b"\t",
    b"5 \r\nhello\r\n", b"x" * 70, b"y: z\r\n" * 8,
)


def some(random: Random, choices: Sequence[bytes], at_most: int) -> list[bytes]:
    return [random.choice(choices) for _ in range(random.randint(0, at_most))]


def make_authority(random: Random) -> bytes:
    if random.randint(0, 9):
        return random.choice(HOSTS) + random.choice(PORTS)
    return b"[" + b"".join(some(random, IPV6_GROUPS, 12)) + b"]" + random.choice(PORTS)


def make_chunked(random: Random) -> bytes:
    chunks = [
        b"%s%x%s\r\n%s\r\n" % (
            random.choice((b"", b"", b"0", b"00")), len(data), random.choice(CHUNK_EXTENSIONS), data)
        for data in some(random, CHUNK_DATA, 3)
    ]
    trailers = [line + b"\r\n" for line in some(random, TRAILERS, 2)]
    last = random.choice((b"0", b"000")) + random.choice(CHUNK_EXTENSIONS)
    return b"%s%s\r\n%s\r\n" % (b"".join(chunks), last, b"".join(trailers))


def make_request(random: Random) -> bytes:
    """Return a request that is valid by the grammar, but for a few of the address literals, with its body."""
    method = random.choice(METHODS)
    minor = random.choice((1, 1, 1, 0))
    authority = make_authority(random)
    host = b"Host:" + random.choice(OWS) + authority + random.choice(OWS)
    if method == b"CONNECT":
        target = authority.rstrip(b":") if authority[-1:].isdigit() else authority.rstrip(b":") + b":443"
    elif method == b"OPTIONS" and random.randint(0, 1):
        target = b"*"
    elif random.randint(0, 3) == 0:
        target = random.choice((b"http://", b"HTTPS://")) + authority + random.choice((b"", b"?a", *PATHS))
    else:
        target = random.choice(PATHS)
    lines = [host, *some(random, FIELDS, 4)]
    body = b""
    framing = random.choice((0, 1, 2, 2) if minor else (0, 1))
    if framing == 1:
        body = random.choice(CHUNK_DATA)
        lines.append(b"Content-Length: %d" % len(body))
    elif framing == 2:
        body = make_chunked(random)
        lines.append(b"Transfer-Encoding:" + random.choice(OWS) + random.choice((b"chunked", b"Chunked")))
    random.shuffle(lines)
    start = b"%s%s %s HTTP/1.%d" % (
        b"\r\n" * random.choice((0, 0, 0, 1, 4)), method, target, minor)
    return b"\r\n".join([start, *lines, b"", body])


def insert(random: Random, data: bytes, at: int) -> bytes:
    return data[:at] + random.choice(BYTES) + data[at:]


def replace(random: Random, data: bytes, at: int) -> bytes:
    return data[:at] + random.choice(BYTES) + data[at + 1:]


def flip(random: Random, data: bytes, at: int) -> bytes:
    return data[:at] + bytes(byte ^ 1 << random.randint(0, 7) for byte in data[at:at + 1]) + data[at + 1:]


def splice(random: Random, data: bytes, at: int) -> bytes:
    return data[:at] + random.choice(FRAGMENTS) + data[at:]


def delete(random: Random, data: bytes, at: int) -> bytes:
    return data[:at] + data[at + random.choice((1, 1, 2, 8)):]


def repeat(random: Random, data: bytes, at: int) -> bytes:
    size = random.choice((1, 1, 4, 30))
    return data[:at] + data[at:at + size] * random.choice((2, 3, 40)) + data[at + size:]


def truncate(random: Random, data: bytes, at: int) -> bytes:
    return data[:at]


def on_lines(change: Callable[[Random, list[bytes], int], None]) -> Callable[[Random, bytes, int], bytes]:
    def mutate(random: Random, data: bytes, at: int) -> bytes:
        lines = data.split(b"\r\n")
        change(random, lines, data.count(b"\r\n", 0, at))
        return b"\r\n".join(lines)

    return mutate


def splice_line(random: Random, lines: list[bytes], at: int) -> None:
    lines.insert(at + 1, random.choice(FRAGMENTS).removesuffix(b"\r\n"))


def duplicate_line(random: Random, lines: list[bytes], at: int) -> None:
    lines.insert(random.randint(0, len(lines)), lines[at])


def swap_lines(random: Random, lines: list[bytes], at: int) -> None:
    other = random.randint(0, len(lines) - 1)
    lines[at], lines[other] = lines[other], lines[at]


def drop_line(random: Random, lines: list[bytes], at: int) -> None:
    del lines[at]


MUTATIONS = (
    insert, insert, replace, flip, splice, delete, repeat, truncate, on_lines(splice_line),
    on_lines(splice_line), on_lines(duplicate_line), on_lines(swap_lines), on_lines(drop_line),
)


def mutate(random: Random, data: bytes) -> bytes:
    """Break data in up to four places; at least once."""
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        data = random.choice(MUTATIONS)(random, data, random.randint(0, len(data)))
    return data


def cut(random: Random, data: bytes) -> list[bytes]:
    """Cut data into one to four pieces."""
    edges = [0, *sorted(random.randint(0, len(data)) for _ in range(random.choice((0, 0, 1, 3)))), len(data)]
    return [data[low:high] for low, high in pairwise(edges)]
