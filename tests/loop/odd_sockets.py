"""Sockets that do not fit where they are put, and what is no socket at all."""

import socket
import ssl


def closed(*options):
    with socket.socket(*options) as sock:
        return sock


def listening():
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    return sock


def tls_socket():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return context.wrap_socket(socket.socket(), do_handshake_on_connect=False, server_hostname="x")


# Sockets and what is taken for them, made by calls.
SOCKETS = {
    "unconnected": socket.socket,
    "datagram": lambda: socket.socket(type=socket.SOCK_DGRAM),
    "unix": lambda: socket.socket(socket.AF_UNIX),
    "unix datagram": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
    "closed": closed,
    "listening": listening,
    "tls": tls_socket,
    "int": lambda: 5,
    "str": lambda: "x",
}
