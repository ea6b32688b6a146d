"""The tests of the interpreter's suite that our loop fails, and why: no others fail, and each of these does.

A test that only some versions of Python have is listed for all of them. Each reaches into how asyncio's own
loop is made: what it wants to know of a loop is asked of ours by the test of ours that is named.
"""

import sys

PATCHES_SOCKETS = (
    "replaces socket in asyncio.base_events by a mock, to have sockets at addresses the machine has not got "
    "(test_connect.py has a server on several that it has)")
ASKS_FOR_WATCHER = (
    "asks for loop._watcher and its threads, by which asyncio's own loop waits for children (test_reap.py)")
ATTACHES_NOTHING = (
    "counts a connection in by Server._attach() without one, as asyncio's transports did up to Python 3.12; "
    "the test of 3.13 makes one, and passes")

KNOWN_FAILURES = {
    "loop_mixins.EventLoopTests.test_create_server_multiple_hosts_ipv4": PATCHES_SOCKETS,
    "loop_mixins.EventLoopTests.test_create_server_multiple_hosts_ipv6": PATCHES_SOCKETS,
    "loop_mixins.EventLoopTests.test_timeout_rounding":
        "counts the calls of loop._run_once(), a method of asyncio's own loop "
        "(test_timer.py: test_no_timer_is_early)",
    "loop_mixins.StartTLSTests.test_create_connection_ssl_failed_certificate_no_cycles":
        "gets hold of the transport by replacing asyncio.sslproto.SSLProtocol.connection_made, which ours "
        "do not call (test_tls.py: test_a_failed_handshake_leaves_no_cycles)",
    "loop_mixins.TLSTests.test_remote_shutdown_receives_trailing_data_on_slow_socket":
        "replaces write and _sock of the transport below, and looks at its _read_ready_cb: it has to be that "
        "of asyncio (test_tls_transport.py: test_what_is_queued_arrives_after_the_peer_has_ended_its_side)",
    "test_server.TestServer2.test_wait_closed_basic": ATTACHES_NOTHING,
    "test_server.TestServer2.test_wait_closed_race": ATTACHES_NOTHING,
    "test_subprocess.GenericWatcherTests.test_create_subprocess_fails_with_inactive_watcher":
        "wants the loop to enter the policy's child watcher, and give up if it is inactive; ours needs none",
    "test_subprocess.SubprocessPidfdWatcherTests.test_watcher_implementation": ASKS_FOR_WATCHER,
    "test_subprocess.SubprocessThreadedWatcherTests.test_pid_not_reaped_before_exit_published":
        ASKS_FOR_WATCHER,
    "test_subprocess.SubprocessThreadedWatcherTests.test_watcher_implementation": ASKS_FOR_WATCHER,
    "test_unix_events.SelectorEventLoopUnixSocketTests.test_create_unix_server_bind_error":
        "replaces socket in asyncio.unix_events by a mock "
        "(test_connect.py: test_a_path_that_cannot_be_bound_leaves_nothing)",
}

if sys.version_info >= (3, 13):
    # Another test by the same name.
    del KNOWN_FAILURES["test_server.TestServer2.test_wait_closed_basic"]
    del KNOWN_FAILURES["test_server.TestServer2.test_wait_closed_race"]

# Not run: what these do to our loop depends on who is first.
NOT_APPLICABLE = {
    "test_subprocess.SubprocessFastWatcherTests":
        "FastChildWatcher takes the exit status of every child of the process at SIGCHLD; whether ours is "
        "before it, by the child's pidfd, is up to chance. SubprocessSafeWatcherTests has the same tests",
}
