"""The names of common fields are made once, and every name comes as it was spelt."""

import pytest

from fastloop_http import HttpRequestParser

COMMON = ["Host", "host", "User-Agent", "user-agent", "Accept", "Cookie", "cookie", "Content-Length",
          "Sec-Fetch-Mode", "DNT", "dnt", "TE", "sec-ch-ua", "X-Forwarded-For", "traceparent"]
RARE = ["HOST", "hosT", "a", "~", "X-Rare", "Hosts", "Hos", "User_Agent", "X" * 5000]


class Protocol:
    def __init__(self):
        self.names = []

    def on_header(self, name, value):
        self.names.append(name)


def names(*spellings):
    protocol = Protocol()
    lines = "".join(f"{name}: {0 if name.lower() == 'content-length' else 'a'}\r\n" for name in spellings)
    head = f"GET http://a HTTP/1.0\r\n{lines}\r\n"
    HttpRequestParser(protocol).feed_data(head.encode())
    return protocol.names


@pytest.mark.parametrize("name", COMMON)
def test_common_name_is_one_object(name):
    (one,), (other,) = names(name), names(name)
    assert one == name.encode()
    assert one is other


@pytest.mark.parametrize("name", RARE)
def test_other_name_is_as_it_was_sent(name):
    assert names(name) == [name.encode()]


def test_names_of_every_length_and_byte_are_told_apart():
    sent = [chr(byte) * size for byte in range(0x61, 0x7B) for size in (1, 2, 3, 17)][:99]
    assert names(*sent) == [name.encode() for name in sent]
