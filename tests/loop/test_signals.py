"""Ctrl-C, wherever the loop is."""

import signal

import pytest
from peers import python

PREAMBLE = """
import asyncio, os, signal, threading, time, fastloop

def interrupt(delay=0.05, count=1):
    def send():
        for _ in range(count):
            time.sleep(delay)
            os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=send, daemon=True).start()
"""

CASES = {
    "while it sleeps for ever": """
interrupt()
loop = fastloop.new_event_loop()
try:
    loop.run_forever()
except KeyboardInterrupt:
    print("interrupted")
print(loop.run_until_complete(asyncio.sleep(0.001, "again")))
loop.close()
""",
    "while it waits for a timer": """
interrupt()
loop = fastloop.new_event_loop()
try:
    loop.run_until_complete(asyncio.sleep(60))
except KeyboardInterrupt:
    print("interrupted")
for task in asyncio.all_tasks(loop):
    task.cancel()
print(loop.run_until_complete(asyncio.sleep(0.001, "again")))
loop.close()
""",
    "while it is busy in compiled code": """
import socket
interrupt()
loop = fastloop.new_event_loop()
# A descriptor that is always ready and a builtin that takes no notice: no bytecode is run.
ours, theirs = socket.socketpair()
theirs.send(b"x")
loop.add_reader(ours, int)
try:
    loop.run_forever()
except KeyboardInterrupt:
    print("interrupted")
print(loop.run_until_complete(asyncio.sleep(0.001, "again")))
loop.remove_reader(ours)
ours.close(); theirs.close()
loop.close()
""",
    "while callbacks follow each other": """
interrupt()
loop = fastloop.new_event_loop()
def chain():
    loop.call_soon(chain)
chain()
try:
    loop.run_forever()
except KeyboardInterrupt:
    print("interrupted")
    chain = lambda: None
print(loop.run_until_complete(asyncio.sleep(0.001, "again")))
loop.close()
""",
    "in a callback": """
interrupt()
loop = fastloop.new_event_loop()
loop.call_soon(time.sleep, 20)
try:
    loop.run_forever()
except KeyboardInterrupt:
    print("interrupted")
print(loop.run_until_complete(asyncio.sleep(0.001, "again")))
loop.close()
""",
    "under a runner, whose main task is cancelled": """
async def main():
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        print("interrupted")
        raise
interrupt()
try:
    fastloop.run(main())
except KeyboardInterrupt:
    print("again")
""",
    "under a runner, while the main task is busy": """
async def main():
    try:
        while True:
            await asyncio.sleep(0)
    except asyncio.CancelledError:
        print("interrupted")
        raise
interrupt()
try:
    fastloop.run(main())
except KeyboardInterrupt:
    print("again")
""",
    "twice under a runner, whose main task does not yield": """
async def main():
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        print("interrupted")
        time.sleep(20)
interrupt(count=2)
try:
    fastloop.run(main())
except KeyboardInterrupt:
    print("again")
""",
    "by its default action where Python does not handle it": """
signal.signal(signal.SIGINT, lambda *_: print("interrupted") or asyncio.get_running_loop().stop())
interrupt()
loop = fastloop.new_event_loop()
loop.run_forever()
print("again")
loop.close()
""",
}


@pytest.mark.parametrize("case", CASES)
def test_an_interrupt_is_seen(case):
    result = python(PREAMBLE + CASES[case], "-W", "error", "-X", "faulthandler")
    assert (result.stdout, result.stderr) == ("interrupted\nagain\n", "")


def test_an_interrupt_nobody_catches_ends_the_program():
    result = python(PREAMBLE + "interrupt()\nfastloop.run(asyncio.sleep(60))")
    assert result.returncode == -signal.SIGINT
    assert result.stderr.endswith("KeyboardInterrupt\n")
