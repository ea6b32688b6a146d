"""The access log: a line, and a record with its parts, for each request that is answered, refused or lost."""

import logging
import time
from typing import Any

logger = logging.getLogger("fastloop_http.access")

# Apache's and nginx's combined format, then milliseconds, and a word where the answer is not complete.
LINE = (
    '%(client)s - - [%(time)s] "%(request_line)s" %(status)d %(sent)d "%(referer)s" "%(user_agent)s" '
    "%(duration_ms).3f%(mark)s"
)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Line(dict[str, Any]):
    """The parts of a request's line, as arguments of a record: what is None shows as "-"."""

    def __getitem__(self, name: str) -> Any:
        if name == "time":
            return clock_time(self["created"])
        if name == "mark":
            return "" if self["complete"] else " cut"
        value = super().__getitem__(name)
        return "-" if value is None else value


def clock_time(seconds: float) -> str:
    """Return a time since the epoch as the combined format has it, in UTC whatever the locale."""
    now = time.gmtime(seconds)
    return f"{now.tm_mday:02}/{MONTHS[now.tm_mon - 1]}/{now.tm_year}:{time.strftime('%H:%M:%S', now)} +0000"


def client_host(client: object) -> str | None:
    """Return the address in what a transport calls its peer: an IP; "unix:" for a socket file."""
    if isinstance(client, tuple):
        return str(client[0])
    return None if client is None else "unix:"


class AccessLog:
    """Writes to a logger what connections tell of requests, at level INFO."""

    def __init__(self, target: logging.Logger) -> None:
        self._logger = target

    def __call__(
        self,
        client: object,
        request_line: str | None,
        method: str | None,
        target: str | None,
        version: str | None,
        status: int,
        sent: int,
        duration_ns: int,
        referer: str | None,
        user_agent: str | None,
        complete: bool,
    ) -> None:
        """Write one line; the arguments are those of `_h1.access`."""
        log = self._logger
        if not log.isEnabledFor(logging.INFO):
            return
        parts = {
            "client": client_host(client),
            "request_line": request_line,
            "method": method,
            "target": target,
            "http_version": version,
            "status": status,
            "sent": sent,
            "duration_ms": duration_ns / 1e6,
            "referer": referer,
            "user_agent": user_agent,
            "complete": complete,
        }
        # Not log.info(): there is no caller worth finding, and to look for one costs more than all the rest.
        record = log.makeRecord(log.name, logging.INFO, __file__, 0, LINE, (), None, "access", parts)
        record.args = Line(parts, created=record.created)
        log.handle(record)


def check_access_log(value: object) -> AccessLog | None:
    """Return what writes to the logger that value stands for; None for False; TypeError for anything else."""
    if isinstance(value, bool):
        return AccessLog(logger) if value else None
    if isinstance(value, str):
        return AccessLog(logging.getLogger(value))
    if isinstance(value, logging.Logger):
        return AccessLog(value)
    raise TypeError(f"access_log must be True, False, a logger or its name, not {value!r}")
