"""What HttpRequestParser and parse_url raise: httptools' names, each with the answer it deserves."""


class HttpParserError(Exception):
    """A request, or a URL, that was refused.

    status (int) is the answer it deserves, reason (str) why, section (str) where that is written, and offset
    (int) the byte it is about, counted from the first of the request or of the URL.
    """

    def __init__(
        self, message: str = "", status: int = 400, reason: str = "", section: str = "", offset: int = 0
    ) -> None:
        super().__init__(message)
        self.status: int = status
        self.reason: str = reason
        self.section: str = section
        self.offset: int = offset


class HttpParserCallbackError(HttpParserError):
    """A callback raised; its exception is the `__cause__`."""


class HttpParserInvalidStatusError(HttpParserError):
    """Never raised here: the status of a response is not read. For code that catches it."""


class HttpParserInvalidMethodError(HttpParserError):
    """The method is not a token, or too long."""


class HttpParserInvalidURLError(HttpParserError):
    """The request target, or the URL given to parse_url, is malformed or too long."""


class HttpParserUpgrade(Exception):
    """The request asks for another protocol; `args[0]` is the offset in the data fed of what follows it."""
