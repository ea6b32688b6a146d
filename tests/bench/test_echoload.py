"""The load generator in C against servers that answer wrongly, late or not at all."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator

import pytest

from bench.e2e.build import binary

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="the load generator is built with gcc")

Answers = Callable[[int, bytes], list[bytes]]
Serve = Callable[[Answers], int]

SECONDS = "1"


def load(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [str(binary("echoload")), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


@pytest.fixture
def datagrams() -> Iterator[Serve]:
    """Serve datagrams by a function of their number and content; return the port."""
    threads: list[threading.Thread] = []
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def run(answers: Answers) -> None:
            number = 0
            while (received := server.recvfrom(4096))[0] != b"end":
                number += 1
                for each in answers(number, received[0]):
                    server.sendto(each, received[1])

        def start(answers: Answers) -> int:
            threads.append(threading.Thread(target=run, args=(answers,)))
            threads[-1].start()
            port: int = server.getsockname()[1]
            return port

        yield start
        with socket.socket(type=socket.SOCK_DGRAM) as last:
            last.sendto(b"end", server.getsockname())
        for thread in threads:
            thread.join()


def test_datagrams_that_come_back_are_counted(datagrams: Serve) -> None:
    done = load("udp", datagrams(lambda number, data: [data]), 2, 100, 0.2)
    messages, _, starved, lost = done.stdout.split()
    assert int(messages) > 10
    assert (starved, lost) == ("0", "0")


def test_lost_datagram_is_sent_again_and_counted_as_lost(datagrams: Serve) -> None:
    port = datagrams(lambda number, data: [] if number == 5 else [data])
    messages, _, starved, lost = load("udp", port, 1, 100, SECONDS).stdout.split()
    assert int(messages) > 10
    assert (starved, lost) == ("0", "1")


def test_answer_that_comes_twice_counts_once(datagrams: Serve) -> None:
    seen = []

    def twice(number: int, data: bytes) -> list[bytes]:
        seen.append(data)
        return [data, data]

    messages, _, _, lost = load("udp", datagrams(twice), 1, 100, 0.2).stdout.split()
    assert int(messages) <= len(set(seen))
    assert lost == "0"


def test_silent_server_does_not_hang_the_load(datagrams: Serve) -> None:
    messages, _, starved, _ = load("udp", datagrams(lambda number, data: []), 3, 100, 0.3).stdout.split()
    assert (messages, starved) == ("0", "3")


def test_datagram_of_another_size_ends_the_load(datagrams: Serve) -> None:
    done = load("udp", datagrams(lambda number, data: [data[:-1]]), 1, 100, SECONDS)
    assert done.returncode == 1
    assert "a datagram of 100 bytes came back as one of 99" in done.stderr


def test_connection_that_closes_ends_the_load() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: listener.accept()[0].close())
        thread.start()
        done = load("tcp", listener.getsockname()[1], 1, 100, SECONDS)
        thread.join()
    assert done.returncode == 1
    # The kernel resets a connection that is closed with bytes unread.
    assert "closed a connection" in done.stderr or "reset" in done.stderr


def test_held_connections_stay_until_the_input_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [str(binary("echoload")), "hold", "tcp", str(listener.getsockname()[1]), "3"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            held = [listener.accept()[0] for _ in range(3)]
            holder.communicate(b"")
            for connection in held:
                with connection:
                    assert connection.recv(1) == b""
