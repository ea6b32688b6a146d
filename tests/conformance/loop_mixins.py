"""The interpreter's tests that take a loop by method, given ours."""

import stdlib_case

import fastloop

buffered_proto = stdlib_case.load("test.test_asyncio.test_buffered_proto")
events = stdlib_case.load("test.test_asyncio.test_events")
sendfile = stdlib_case.load("test.test_asyncio.test_sendfile")
server = stdlib_case.load("test.test_asyncio.test_server")
sock_lowlevel = stdlib_case.load("test.test_asyncio.test_sock_lowlevel")
ssl = stdlib_case.load("test.test_asyncio.test_ssl")
sslproto = stdlib_case.load("test.test_asyncio.test_sslproto")
utils = stdlib_case.load("test.test_asyncio.utils")


class OurLoop:
    # The two names under which the suite asks.
    def create_event_loop(self):
        return fastloop.new_event_loop()

    def new_loop(self):
        return fastloop.new_event_loop()


class EventLoopTests(OurLoop, events.EventLoopTestsMixin, utils.TestCase):
    pass


class SubprocessTests(OurLoop, events.SubprocessTestsMixin, utils.TestCase):
    def setUp(self):
        super().setUp()
        self.loop = self.create_event_loop()
        self.set_event_loop(self.loop)


class SockTests(OurLoop, sock_lowlevel.BaseSockTestsMixin, utils.TestCase):
    pass


class SendfileTests(OurLoop, sendfile.SendfileTestsBase, utils.TestCase):
    pass


class TLSTests(OurLoop, ssl.TestSSL):
    pass


class StartTLSTests(OurLoop, sslproto.SelectorStartTLSTests):
    pass


class StartServerTests(OurLoop, server.SelectorStartServerTests):
    pass


class BufferedProtocolTests(OurLoop, buffered_proto.BufferedProtocolSelectorTests):
    pass
