"""Child processes: how they are started and with what, talked to, and what their protocol is told."""

import asyncio
import os
import signal
import subprocess
import sys
import warnings

import pytest
from children import CAT, PIPE, TRUE, Child, output, spawn
from peers import descriptors, until

PYTHON = sys.executable


# asyncio's streams.


def test_a_child_is_talked_to(run, either_way):
    async def main():
        process = await asyncio.create_subprocess_exec(*CAT, stdin=PIPE, stdout=PIPE)
        assert await process.communicate(b"some data") == (b"some data", None)
        assert process.returncode == 0
        assert await process.wait() == 0

    run(main())


def test_more_than_a_pipe_holds_goes_both_ways(run):
    async def main():
        process = await asyncio.create_subprocess_exec(*CAT, stdin=PIPE, stdout=PIPE)
        out, _ = await process.communicate(b"x" * 5_000_000)
        assert out == b"x" * 5_000_000

    run(main())


def test_lines_go_to_and_fro(run):
    async def main():
        process = await asyncio.create_subprocess_exec(*CAT, stdin=PIPE, stdout=PIPE)
        for number in range(50):
            process.stdin.write(b"%d\n" % number)
            await process.stdin.drain()
            assert await process.stdout.readline() == b"%d\n" % number
        process.stdin.close()
        await process.stdin.wait_closed()
        assert await process.wait() == 0

    run(main())


def test_a_shell_runs_a_command(run, either_way):
    async def main():
        process = await asyncio.create_subprocess_shell(
            "echo out; echo err >&2; exit 7", stdout=PIPE, stderr=PIPE
        )
        assert await process.communicate() == (b"out\n", b"err\n")
        assert process.returncode == 7

    run(main())


def test_a_child_that_reads_nothing_breaks_no_communicate(run):
    async def main():
        process = await asyncio.create_subprocess_exec(*TRUE, stdin=PIPE)
        await process.communicate(b"x" * 1_000_000)
        assert process.returncode == 0

    run(main())


def test_children_run_side_by_side(run, either_way):
    async def main():
        results = await asyncio.gather(*[output("/bin/echo", str(number)) for number in range(20)])
        assert results == [(0, b"%d\n" % number) for number in range(20)]

    run(main())


def test_wait_ends_with_the_child_though_a_grandchild_holds_its_pipe(run, either_way):
    async def main():
        process = await asyncio.create_subprocess_shell(
            "exec 3<&0; cat <&3 & exit 3", stdin=PIPE, stdout=PIPE
        )
        assert await process.wait() == 3
        process.stdin.write(b"to the grandchild")
        process.stdin.close()
        assert await process.stdout.read() == b"to the grandchild"

    run(main())


# Popen's options.


@pytest.mark.parametrize(
    ("code", "options", "expected"),
    [
        ("print(os.getcwd())", {"cwd": "/"}, "/"),
        ("print(os.environ['FASTLOOP_TEST'])", {"env": {"FASTLOOP_TEST": "value"}}, "value"),
        ("print(os.getsid(0) == os.getpid())", {"start_new_session": True}, "True"),
        ("print(os.getpgid(0) == os.getpid() != os.getsid(0))", {"process_group": 0}, "True"),
        ("print(oct(os.umask(0)))", {"umask": 0o027}, "0o27"),
        ("print(os.getpriority(os.PRIO_PROCESS, 0) >= 5)", {"preexec_fn": lambda: os.nice(5)}, "True"),
        ("print(fcntl.fcntl(1, fcntl.F_GETPIPE_SZ))", {"pipesize": 8192}, "8192"),
        ("print(os.getuid(), os.getgid(), os.getgroups())",
         {"user": os.getuid(), "group": os.getgid(), "extra_groups": [os.getgid()]},
         f"{os.getuid()} {os.getgid()} {[os.getgid()]}"),
        ("print(sys.argv[0])", {"executable": PYTHON}, "-c"),
        ("print(signal.getsignal(signal.SIGPIPE).name)", {"restore_signals": False}, "SIG_IGN"),
    ],
    ids=["cwd", "env", "session", "group", "umask", "preexec", "pipesize", "user", "executable", "signals"],
)
def test_options_are_popens(run, code, options, expected):
    if "extra_groups" in options and os.getuid():
        pytest.skip("only root may set groups")

    async def main():
        with warnings.catch_warnings():
            # fork() with threads about (preexec_fn), from Python 3.12 on.
            warnings.simplefilter("ignore", DeprecationWarning)
            code_ = f"import fcntl, os, signal, sys; {code}"
            assert await output(PYTHON, "-S", "-c", code_, **options) == (0, f"{expected}\n".encode())

    run(main())


def test_descriptors_are_passed_on(run):
    async def main():
        reader, writer = os.pipe()
        code = f"import os; os.write({writer}, b'passed')"
        assert await output(PYTHON, "-S", "-c", code, pass_fds=[writer]) == (0, b"")
        os.close(writer)
        assert os.read(reader, 100) == b"passed"
        os.close(reader)

    run(main())


def test_streams_need_not_be_pipes(run, tmp_path):
    async def main():
        transport, child = await spawn("/bin/echo", "x", stdin=subprocess.DEVNULL, stdout=file, stderr=None)
        assert [transport.get_pipe_transport(fd) for fd in range(4)] == [None] * 4
        await child.lost
        transport.close()
        assert child.told == ["made", "exited", "lost"]

        transport, child = await spawn("/bin/sh", "-c", "echo a; echo b >&2", stderr=subprocess.STDOUT)
        assert transport.get_pipe_transport(2) is None
        await child.lost
        assert child.data == {1: b"a\nb\n", 2: b""}
        transport.close()

    with open(tmp_path / "out", "wb") as file:
        run(main())
    assert (tmp_path / "out").read_bytes() == b"x\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"universal_newlines": True}, "universal_newlines must be False"),
        ({"bufsize": 4096}, "bufsize must be 0"),
        ({"text": True}, "text must be False"),
        ({"encoding": "utf-8"}, "encoding must be None"),
        ({"errors": "strict"}, "errors must be None"),
    ],
)
def test_text_and_buffers_are_refused(run, options, message):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(ValueError, match=f"^{message}$"):
            await loop.subprocess_exec(Child, *TRUE, **options)
        with pytest.raises(ValueError, match=f"^{message}$"):
            await loop.subprocess_shell(Child, "true", **options)

    run(main())


def test_a_shell_is_asked_for_by_name(run):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(ValueError, match=r"^shell must be False$"):
            await loop.subprocess_exec(Child, *TRUE, shell=True)
        with pytest.raises(ValueError, match=r"^shell must be True$"):
            await loop.subprocess_shell(Child, "true", shell=False)
        with pytest.raises(ValueError, match=r"^cmd must be a string$"):
            await loop.subprocess_shell(Child, ["true"])

    run(main())


def test_a_program_that_cannot_be_started_leaves_nothing(run):
    async def main():
        before = descriptors()
        with pytest.raises(FileNotFoundError, match="no-such-program"):
            await spawn("/no-such-program")
        with pytest.raises(TypeError):
            await spawn(1)
        with pytest.raises(TypeError):
            await spawn(*TRUE, no_such_option=1)
        assert descriptors() == before

    run(main())


# Transport and protocol.


def test_the_protocol_is_told_in_order(run, either_way):
    async def main():
        transport, child = await spawn(*CAT)
        assert child.told == ["made"]
        transport.get_pipe_transport(0).write(b"data")
        await until(lambda: child.data[1])
        transport.get_pipe_transport(0).close()
        assert await child.lost is None
        assert child.told[:2] == ["made", "data 1"]
        assert sorted(child.told[2:-1]) == ["exited", "lost 0", "lost 1", "lost 2"]
        assert child.told[-1] == "lost"
        assert transport.get_returncode() == 0
        transport.close()

    run(main())


def test_what_a_child_says_before_the_protocol_is_connected_is_kept(run):
    class Slow(Child):
        def connection_made(self, transport):
            assert self.told == []
            super().connection_made(transport)

    async def main():
        for _ in range(20):
            transport, child = await spawn("/bin/echo", "at once", protocol=Slow)
            await child.lost
            assert child.data[1] == b"at once\n"
            transport.close()

    run(main())


def test_the_transport_is_asyncios(run):
    async def main():
        transport, child = await spawn(*CAT)
        assert isinstance(transport, asyncio.SubprocessTransport)
        assert transport.get_protocol() is child
        process = transport.get_extra_info("subprocess")
        assert isinstance(process, subprocess.Popen)
        assert transport.get_pid() == process.pid
        assert transport.get_returncode() is None
        assert isinstance(transport.get_pipe_transport(0), asyncio.WriteTransport)
        assert isinstance(transport.get_pipe_transport(1), asyncio.ReadTransport)
        assert repr(transport).startswith(f"<ProcessTransport pid={process.pid} running stdin=<WritePipe")
        assert not transport.is_closing()
        transport.close()
        assert transport.is_closing()
        await child.lost
        assert process.returncode == transport.get_returncode() == -signal.SIGKILL
        assert f"closed pid={process.pid} returncode=-9" in repr(transport)

    run(main())


def test_flow_control_reaches_the_protocol(run):
    class Pausable(Child):
        def pause_writing(self):
            self.told.append("pause")

        def resume_writing(self):
            self.told.append("resume")

    async def main():
        transport, child = await spawn(*CAT, protocol=Pausable, stdout=subprocess.DEVNULL, stderr=None)
        stdin = transport.get_pipe_transport(0)
        stdin.write(b"x" * 1_000_000)
        stdin.close()
        await child.lost
        assert child.told[:3] == ["made", "pause", "resume"]
        transport.close()

    run(main())
