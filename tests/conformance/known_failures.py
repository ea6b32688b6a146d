"""The tests of the interpreter's suite that our loop fails, and why: no others fail, and each of these does.

A test that only some versions of Python have is listed for all of them.
"""

import sys

# White-box tests: of how asyncio's own loop is made, not of what it does.
PATCHES_SOCKETS = "replaces the socket module in asyncio.base_events, where asyncio's loop makes its sockets"
ASKS_FOR_WATCHER = "asks for loop._watcher, which waits for the children of asyncio's own loop"

KNOWN_FAILURES = {
    "loop_mixins.EventLoopTests.test_create_server_multiple_hosts_ipv4": PATCHES_SOCKETS,
    "loop_mixins.EventLoopTests.test_create_server_multiple_hosts_ipv6": PATCHES_SOCKETS,
    "loop_mixins.EventLoopTests.test_timeout_rounding":
        "counts the calls of _run_once(), a method of asyncio's own loop",
    "loop_mixins.StartTLSTests.test_create_connection_ssl_failed_certificate_no_cycles":
        "replaces asyncio.sslproto.SSLProtocol.connection_made (test_tls.py has the same test of ours)",
    "loop_mixins.TLSTests.test_remote_shutdown_receives_trailing_data_on_slow_socket":
        "replaces the socket of asyncio's own stream transport by one that sends half of what it is given",
    "test_subprocess.GenericWatcherTests.test_create_subprocess_fails_with_inactive_watcher":
        "wants a child watcher, which our loop does without",
    "test_subprocess.SubprocessPidfdWatcherTests.test_watcher_implementation": ASKS_FOR_WATCHER,
    "test_subprocess.SubprocessThreadedWatcherTests.test_pid_not_reaped_before_exit_published":
        ASKS_FOR_WATCHER,
    "test_subprocess.SubprocessThreadedWatcherTests.test_watcher_implementation": ASKS_FOR_WATCHER,
}

if sys.version_info < (3, 13):
    KNOWN_FAILURES["test_subprocess.GenericWatcherTests.test_create_subprocess_with_pidfd"] = (
        "needs a test before it to have set a loop: alone, asyncio's own fails it as well")
    # 3.13 has other tests of the same names.
    for test in ("test_wait_closed_basic", "test_wait_closed_race"):
        KNOWN_FAILURES[f"test_server.TestServer2.{test}"] = "calls Server._attach() as before Python 3.13"

# Not run: what these do to our loop depends on who is first.
NOT_APPLICABLE = {
    "test_subprocess.SubprocessFastWatcherTests":
        "FastChildWatcher takes the exit status of every child of the process, its own or not",
}
